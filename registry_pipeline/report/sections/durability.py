"""How long response lasts: curves with the numbers at risk.

What belongs here: `marts.durability_curves`.
"""

from collections.abc import Sequence

from registry_pipeline.report.charts.curves import Curve, Step, curve_swatch, draw_curves
from registry_pipeline.report.page import Cell, Figure, Key, Section, Table
from registry_pipeline.report.sections.outcome import main_outcome
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import NOTHING, Words, percent, span

_ESTIMANDS = ("censor_at_retreatment", "competing")
_LANDMARKS = (28, 84)
_COLUMNS = ("Share", "95 % from", "to", "At risk", "Lost so far", "Responders")


def durability(source: Source, words: Words) -> Section:
    """Return the curves of the instrument of the main outcome, or of the one with most responders."""
    text = words.section("durability")
    rows = source.rows(
        "marts.durability_curves", indication="all", dimension="overall", level="all", estimand=_ESTIMANDS
    )
    instrument = _instrument(source, rows)
    if instrument is None:
        return Section("durability", text["title"], missing=text["missing"])
    by_estimand = {
        name: sorted(
            (row for row in rows if row["estimand"] == name and row["instrument"] == instrument),
            key=lambda row: row["day"],
        )
        for name in _ESTIMANDS
    }
    drawn = {name: found for name, found in by_estimand.items() if found}
    curves = [Curve(words.label("curve", name), tuple(map(_step, found))) for name, found in drawn.items()]
    title = f"Response after induction: {words.label('instrument', instrument)}"
    sentences = [sentence for name, found in drawn.items() if (sentence := _sentence(name, found, words))]
    wide, narrow = draw_curves(title, " ".join(sentences), [_short(curve) for curve in curves])
    legend = tuple(Key(curve.name, curve_swatch(number)) for number, curve in enumerate(curves))
    is_broken = any(row["is_suppressed"] for found in drawn.values() for row in found)
    note = f"{text['note']} {text['gap']}" if is_broken else text["note"]
    figure = Figure("durability", title, _table(title, drawn, words), wide, narrow, legend, note)
    return Section("durability", text["title"], finding=" ".join(sentences), figures=(figure,))


def _instrument(source: Source, rows: Sequence[Row]) -> str | None:
    shown = [row for row in rows if row["survival"] is not None]
    main = main_outcome(source)
    if main is not None and any(row["instrument"] == main.instrument for row in shown):
        return main.instrument
    largest = min(shown, key=lambda row: (-(row["denominator"] or 0), row["instrument"]), default=None)
    return largest["instrument"] if largest else None


def _step(row: Row) -> Step:
    at_risk = NOTHING if row["n_at_risk"] is None else f"{row['n_at_risk']:,}"
    return Step(row["day"], row["survival"], row["ci_low"], row["ci_high"], at_risk)


def _short(curve: Curve) -> Curve:
    """Return the curve under the name that fits beside its numbers at risk."""
    return Curve(curve.name.partition(" (")[0], curve.steps)


def _sentence(estimand: str, rows: Sequence[Row], words: Words) -> str:
    by_day = {row["day"]: row for row in rows if row["survival"] is not None}
    said = [
        f"{percent(row['survival'])} ({span(row['ci_low'], row['ci_high'])}) after {day // 7} weeks"
        for day in _LANDMARKS
        if (row := by_day.get(day))
    ]
    if not said:
        return ""
    n_responders = max(row["denominator"] or 0 for row in by_day.values())
    return words.label("curve_sentence", estimand).format(n=f"{n_responders:,}", said=" and ".join(said))


def _table(title: str, drawn: dict[str, list[Row]], words: Words) -> Table:
    rows = tuple(
        (
            Cell(words.label("curve_short", estimand)),
            Cell(f"{row['day'] // 7}", row["day"] // 7),
            *(words.share(row, name) for name in ("survival", "ci_low", "ci_high")),
            *(words.number(row, name) for name in ("n_at_risk", "numerator", "denominator")),
        )
        for estimand, found in drawn.items()
        for row in found
    )
    return Table(title, ("Curve", "Week", *_COLUMNS), rows)
