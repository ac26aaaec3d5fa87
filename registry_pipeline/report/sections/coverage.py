"""How many patients are followed up, and how many sessions are asked about completely.

What belongs here: `marts.follow_up_coverage`.
"""

from collections.abc import Sequence

from registry_pipeline.report.charts.intervals import Bar, Reference, draw_intervals, swatch
from registry_pipeline.report.page import Cell, Figure, Key, Section, Table
from registry_pipeline.report.sections.outcome import point, rate_cells, rate_text
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import Words, percent

_MART = "marts.follow_up_coverage"
_MEASURES = ("retained", "scored", "contacted")
_WINDOWS = ("wk1", "wk4", "wk8", "wk12", "wk26", "wk52")
_ENOUGH_FORMS = 0.7
_ENOUGH_SCORES = 0.6
_COLUMNS = ("With", "Of", "Share", "95 % from", "to")


def coverage(source: Source, words: Words) -> Section:
    """Return follow-up by window over the registry, and complete adverse-event forms by clinic."""
    text = words.section("coverage")
    rows = source.rows(
        _MART, indication="all", dimension="overall", level="all", measure=_MEASURES, time_window=_WINDOWS
    )
    forms = source.rows(_MART, indication="all", dimension="clinic", measure="session_complete")
    figures = [
        *([_follow_up(rows, words, text["note"])] if any(row["rate"] is not None for row in rows) else []),
        *([_forms(forms, words, text["forms_note"])] if any(row["rate"] is not None for row in forms) else []),
    ]
    if not figures:
        return Section("coverage", text["title"], missing=text["missing"])
    return Section("coverage", text["title"], finding=_sentence(rows, words), figures=tuple(figures))


def _follow_up(rows: Sequence[Row], words: Words, note: str) -> Figure:
    found = {(row["time_window"], row["measure"]): row for row in rows}
    windows = [window for window in _WINDOWS if any((window, measure) in found for measure in _MEASURES)]
    bars = [
        Bar(
            words.label("time_window", window).capitalize(),
            " / ".join(_short(found.get((window, measure))) for measure in _MEASURES),
            tuple(point(found.get((window, measure))) for measure in _MEASURES),
        )
        for window in windows
    ]
    title = "Follow-up by window"
    spoken = " ".join(f"{bar.label}: {bar.text}." for bar in bars)
    wide, narrow = draw_intervals(title, spoken, bars, " / ".join(_MEASURES), [Reference(_ENOUGH_SCORES, "60 %")])
    cells = tuple(
        (Cell(words.label("time_window", window).capitalize()), Cell(measure), *rate_cells(row, words)[:-1])
        for window in windows
        for measure in _MEASURES
        if (row := found.get((window, measure)))
    )
    legend = tuple(Key(measure, swatch(number)) for number, measure in enumerate(_MEASURES))
    table = Table(title, ("Window", "Patients", *_COLUMNS), cells, n_text_columns=2)
    return Figure("follow-up", title, table, wide, narrow, legend, note)


def _forms(rows: Sequence[Row], words: Words, note: str) -> Figure:
    bars = [Bar(row["level"], rate_text(row, words), (point(row),)) for row in rows]
    title = "Sessions with a complete adverse-event form, by clinic"
    spoken = " ".join(f"{bar.label}: {bar.text}." for bar in bars)
    wide, narrow = draw_intervals(title, spoken, bars, references=[Reference(_ENOUGH_FORMS, "70 %")])
    cells = tuple((Cell(row["level"]), *rate_cells(row, words)[:-1]) for row in rows)
    return Figure("forms", title, Table(title, ("Clinic", *_COLUMNS), cells), wide, narrow, note=note)


def _short(row: Row | None) -> str:
    return "hidden" if row is None or row["rate"] is None else f"{row['rate'] * 100:.0f} %"


def _sentence(rows: Sequence[Row], words: Words) -> str:
    scored = {row["time_window"]: row for row in rows if row["measure"] == "scored" and row["rate"] is not None}
    said = [
        f"{percent(scored[window]['rate'])} in {words.label('time_window', window)}"
        for window in ("wk4", "wk12", "wk52")
        if window in scored
    ]
    return f"Patients with a score: {', '.join(said)}." if said else ""
