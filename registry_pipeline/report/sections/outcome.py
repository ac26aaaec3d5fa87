"""The outcome that the page is about, and the rows of a rate as chart and table show them.

What belongs here: what the sections on response share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from registry_pipeline.report.charts.intervals import Point
from registry_pipeline.report.page import Cell
from registry_pipeline.report.source import Row, Source
from registry_pipeline.report.words import Words, percent, span

WINDOWS = ("wk4", "end_of_induction", "wk8", "wk12", "wk1", "wk26", "wk52", "acute")
"""Windows by how much they are wanted."""

RATE_COLUMNS = ("With", "Patients", "Share", "95 % from", "to", "Have a score")


@dataclass(frozen=True)
class Outcome:
    """What response is measured with, and when."""

    instrument: str
    time_window: str

    def named(self, words: Words) -> str:
        """Return how it is said."""
        return f"{words.label('instrument', self.instrument)}, {words.label('time_window', self.time_window)}"


def main_outcome(source: Source) -> Outcome | None:
    """Return the outcome with the most observed patients in the most wanted window; None when no rate is shown."""
    rows = source.rows(
        "marts.response_rates",
        indication="all",
        definition="response",
        estimand="nri",
        dimension="overall",
        level="all",
    )
    shown = [row for row in rows if row["rate"] is not None and row["time_window"] in WINDOWS]
    best = min(
        shown,
        key=lambda row: (WINDOWS.index(row["time_window"]), -(row["n_observed"] or 0), row["instrument"]),
        default=None,
    )
    return Outcome(best["instrument"], best["time_window"]) if best else None


def point(row: Row | None, weight: float = 1.0) -> Point | None:
    """Return a rate with its interval as the chart draws it; None when it is hidden or there is none."""
    if row is None or row["rate"] is None:
        return None
    return Point(row["rate"], row["ci_low"], row["ci_high"], weight)


def rate_text(row: Row, words: Words) -> str:
    """Return a rate with its interval as words."""
    if row["rate"] is None:
        return words.share(row, "rate").text
    return f"{percent(row['rate'])} ({span(row['ci_low'], row['ci_high'])})"


def rate_cells(row: Row, words: Words) -> tuple[Cell, ...]:
    """Return the cells of a row under `RATE_COLUMNS`."""
    return (
        words.number(row, "numerator"),
        words.number(row, "denominator"),
        *(words.share(row, name) for name in ("rate", "ci_low", "ci_high", "coverage")),
    )


def by(rows: Sequence[Row], column: str) -> dict[str, Row]:
    """Return rows by the value of one column."""
    return {row[column]: row for row in rows}
