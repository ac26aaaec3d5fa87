"""Response by dose, level by level.

What belongs here: `marts.dose_response`.
"""

from collections.abc import Sequence

from registry_pipeline.report.charts.intervals import Bar, draw_intervals
from registry_pipeline.report.page import Cell, Figure, Section, Table
from registry_pipeline.report.sections.outcome import main_outcome, point, rate_cells, rate_text
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import Words

_DIMENSIONS = ("dose", "cumulative_dose_band")
_COLUMNS = ("With", "Patients", "Share", "95 % from", "to")


def dose(source: Source, words: Words) -> Section:
    """Return the rate of the main outcome by dose of a session and by dose of the induction."""
    text, main = words.section("dose"), main_outcome(source)
    figures = []
    if main is not None:
        for dimension in _DIMENSIONS:
            rows = source.rows(
                "marts.dose_response",
                indication="all",
                instrument=main.instrument,
                time_window=main.time_window,
                definition="response",
                estimand="nri",
                dimension=dimension,
            )
            if any(row["rate"] is not None for row in rows):
                title = f"{words.label('dimension', dimension)}: {main.named(words)}"
                figures.append(_figure(dimension, title, sorted(rows, key=lambda row: row["position"]), words))
    if not figures:
        return Section("dose", text["title"], missing=text["missing"])
    return Section("dose", text["title"], figures=tuple(figures), notes=(text["note"],))


def _figure(dimension: str, title: str, rows: Sequence[Row], words: Words) -> Figure:
    labels = [words.label(dimension, row["level"]) for row in rows]
    bars = [Bar(label, rate_text(row, words), (point(row),)) for label, row in zip(labels, rows, strict=True)]
    spoken = " ".join(f"{bar.label}: {bar.text}." for bar in bars)
    wide, narrow = draw_intervals(title, spoken, bars)
    cells = [(Cell(label), *rate_cells(row, words)[:-1]) for label, row in zip(labels, rows, strict=True)]
    table = Table(title, ("Level", *_COLUMNS), tuple(cells))
    return Figure(f"dose-{dimension.replace('_', '-')}", title, table, wide, narrow, note=_trend(rows))


def _trend(rows: Sequence[Row]) -> str:
    z = next((row["trend_z"] for row in rows if row["trend_z"] is not None), None)
    if z is None:
        return "No trend is given, because a level is hidden or all levels are alike."
    return f"Trend over the levels: {z:+.1f} standard errors."
