"""Who responds: by instrument, by clinic, and by how missing scores count.

What belongs here: the marts of response. What does not: dose (`dose.py`) and what comes after (`durability.py`).
"""

from registry_pipeline.report.charts.intervals import Bar, Point, Reference, draw_intervals, swatch
from registry_pipeline.report.page import Cell, Figure, Key, Section, Table
from registry_pipeline.report.sections.outcome import (
    RATE_COLUMNS,
    Outcome,
    by,
    main_outcome,
    point,
    rate_cells,
    rate_text,
)
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import Words, counted, percent, span

_MART = "marts.response_rates"
_ESTIMANDS = ("nri", "observed", "locf", "composite", "imputed", "worst_case", "best_case")


def outcomes(source: Source, words: Words) -> Section:
    """Return response and deterioration of every instrument in the window of the main outcome."""
    text, main = words.section("outcomes"), main_outcome(source)
    if main is None:
        return Section("outcomes", text["title"], missing=text["missing"])
    where = {"indication": "all", "dimension": "overall", "level": "all", "time_window": main.time_window}
    response = by(source.rows(_MART, definition="response", estimand="nri", **where), "instrument")
    worse = by(source.rows(_MART, definition="deterioration", estimand="nri", **where), "instrument")
    order = sorted(response, key=lambda name: (-(response[name]["n_eligible"] or 0), name))
    shown = [name for name in order if response[name]["rate"] is not None]
    bars = [
        Bar(
            words.label("instrument", name),
            _pair(response[name], worse.get(name)),
            (point(response[name]), point(worse.get(name))),
        )
        for name in shown
    ]
    window = words.label("time_window", main.time_window)
    title = f"Response and deterioration by instrument, {window}"
    row = response[main.instrument]
    wide, narrow = draw_intervals(title, _spoken(bars), bars, "response / deterioration")
    rows = [
        (Cell(words.label("instrument", name)), Cell(definition), *rate_cells(found[name], words))
        for name in order
        for definition, found in (("response", response), ("deterioration", worse))
        if name in found
    ]
    return Section(
        "outcomes",
        text["title"],
        finding=f"{_sentence(row, main, words)} {_worse_sentence(worse.get(main.instrument), words)}".strip(),
        figures=(
            Figure(
                "outcomes",
                title,
                Table(title, ("Instrument", "Definition", *RATE_COLUMNS), tuple(rows), n_text_columns=2),
                wide,
                narrow,
                (Key("response", swatch(0)), Key("deterioration", swatch(1))),
                text["note"],
            ),
        ),
    )


def clinics(source: Source, words: Words) -> Section:
    """Return the forest plot of the main outcome by clinic, with the pooled rate and the prediction interval."""
    text, main = words.section("clinics"), main_outcome(source)
    if main is None:
        return Section("clinics", text["title"], missing=text["missing"])
    key = {
        "indication": "all",
        "instrument": main.instrument,
        "time_window": main.time_window,
        "definition": "response",
    }
    rows = source.rows(_MART, estimand="nri", dimension="clinic", **key)
    if all(row["rate"] is None for row in rows):
        return Section("clinics", text["title"], missing=text["missing"])
    pooled = next(iter(source.rows("marts.clinic_variation", estimand="nri", **key)), None)
    largest = max(row["denominator"] or 0 for row in rows)
    bars = [Bar(row["level"], rate_text(row, words), (point(row, _weight(row, largest)),)) for row in rows]
    title = f"Response by clinic: {main.named(words)}"
    pooled_bars = _pooled_bars(pooled)
    wide, narrow = draw_intervals(
        title, _spoken([*bars, *pooled_bars]), [*bars, *pooled_bars], references=_typical(pooled)
    )
    clinic_rows = tuple((Cell(row["level"]), *rate_cells(row, words)) for row in rows)
    figures = [
        Figure("clinics", title, Table(title, ("Clinic", *RATE_COLUMNS), clinic_rows), wide, narrow, note=text["note"])
    ]
    if pooled:
        figures.append(Figure("variation", "How much clinics differ", _variation_table(pooled, words)))
    return Section("clinics", text["title"], finding=_variation_sentence(pooled), figures=tuple(figures))


def estimands(source: Source, words: Words) -> Section:
    """Return the rate of the main outcome under every way of counting missing scores."""
    text, main = words.section("estimands"), main_outcome(source)
    if main is None:
        return Section("estimands", text["title"], missing=text["missing"])
    found = by(
        source.rows(
            _MART,
            indication="all",
            instrument=main.instrument,
            time_window=main.time_window,
            definition="response",
            dimension="overall",
            level="all",
        ),
        "estimand",
    )
    rows = [found[name] for name in _ESTIMANDS if name in found]
    bars = [Bar(words.label("estimand", row["estimand"]), rate_text(row, words), (point(row),)) for row in rows]
    title = f"Response by how missing scores count: {main.named(words)}"
    wide, narrow = draw_intervals(title, _spoken(bars), bars)
    cells = tuple((Cell(words.label("estimand", row["estimand"])), *rate_cells(row, words)) for row in rows)
    table = Table(title, ("Missing scores", *RATE_COLUMNS), cells)
    return Section(
        "estimands",
        text["title"],
        finding=_missing_sentence(rows[0]),
        figures=(Figure("estimands", title, table, wide, narrow, note=text["note"]),),
    )


def _pair(response: Row, worse: Row | None) -> str:
    second = "not defined" if worse is None else "hidden" if worse["rate"] is None else percent(worse["rate"])
    return f"{percent(response['rate'])} / {second}"


def _spoken(bars: list[Bar]) -> str:
    return " ".join(f"{bar.label}: {bar.text}." for bar in bars)


def _sentence(row: Row, outcome: Outcome, words: Words) -> str:
    return (
        f"{outcome.named(words)}: {words.number(row, 'numerator').text} of {words.number(row, 'denominator').text} "
        "patients responded, "
        f"{rate_text(row, words)}, counting a missing score as no response."
    )


def _worse_sentence(row: Row | None, words: Words) -> str:
    return f"{rate_text(row, words)} got worse." if row is not None and row["rate"] is not None else ""


def _weight(row: Row, largest: int) -> float:
    """Return the area of a clinic's square; never 1 itself, which is the mark of a chart without weights."""
    return 0.4 + 2.2 * (row["denominator"] or 0) / largest if largest else 1.01


def _pooled_bars(pooled: Row | None) -> list[Bar]:
    if pooled is None or pooled["rate"] is None:
        return []
    rate, low, high = pooled["rate"], pooled["ci_low"], pooled["ci_high"]
    bars = [Bar("Typical clinic (pooled)", f"{percent(rate)} ({span(low, high)})", (Point(rate, low, high),), "pooled")]
    if pooled["prediction_low"] is not None and pooled["prediction_high"] is not None:
        low, high = pooled["prediction_low"], pooled["prediction_high"]
        bars.append(Bar("A further clinic (prediction)", f"{span(low, high)} %", (Point(rate, low, high),), "range"))
    return bars


def _typical(pooled: Row | None) -> list[Reference]:
    return [Reference(pooled["rate"], "typical clinic")] if pooled is not None and pooled["rate"] is not None else []


def _variation_sentence(pooled: Row | None) -> str:
    if pooled is None or pooled["rate"] is None:
        return "Too few clinics can be shown to say what a typical one sees."
    sentence = f"In a typical clinic {percent(pooled['rate'])} respond"
    if pooled["ci_low"] is not None:
        sentence += f" ({span(pooled['ci_low'], pooled['ci_high'])})"
    if pooled["prediction_low"] is not None:
        further = span(pooled["prediction_low"], pooled["prediction_high"])
        sentence += f"; a further clinic may lie anywhere from {further} %"
    return f"{sentence}."


def _variation_table(pooled: Row, words: Words) -> Table:
    measures = {
        "Clinics pooled, small or hidden ones as one": words.number(pooled, "n_clinics"),
        "Rate of a typical clinic": words.share(pooled, "rate"),
        "95 % interval, from": words.share(pooled, "ci_low"),
        "95 % interval, to": words.share(pooled, "ci_high"),
        "A further clinic, from": words.share(pooled, "prediction_low"),
        "A further clinic, to": words.share(pooled, "prediction_high"),
        "Variance between clinics, logit scale (τ²)": words.number(pooled, "tau2", "{:.3f}"),
        "Spread beyond chance (I²)": words.share(pooled, "i2"),
        "Lowest rate leaving one clinic out": words.share(pooled, "leave_one_out_low"),
        "Highest rate leaving one clinic out": words.share(pooled, "leave_one_out_high"),
    }
    return Table(
        "How much clinics differ", ("Measure", "Value"), tuple((Cell(name), cell) for name, cell in measures.items())
    )


def _missing_sentence(row: Row) -> str:
    if not row["n_eligible"] or row["n_observed"] is None:
        return ""
    n_missing = row["n_eligible"] - row["n_observed"]
    patients, share = counted(row["n_eligible"], "patient"), percent(n_missing / row["n_eligible"])
    return f"{n_missing:,} of {patients} ({share}) have no score in the window."
