"""How codes and numbers are said on the page.

What belongs here: labels from `words.yaml`, rounding, the words for what is hidden. What does not: sentences about one
section's figures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry_pipeline.report.page import Cell
from registry_pipeline.report.source import Row
from registry_pipeline.yaml_source import read_yaml

PRIMARY_REASON = "small_cell"
NOTHING = "\N{EM DASH}"
PER_CENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Words:
    """Labels of codes and texts of sections."""

    labels: dict[str, dict[str, str]]
    sections: dict[str, dict[str, Any]]
    statement: str
    small_cell: int

    def label(self, kind: str, code: object) -> str:
        """Return how a code of a kind is said; a code without a label is said as it is, without underscores."""
        return self.labels.get(kind, {}).get(str(code), str(code).replace("_", " "))

    def hidden(self, reason: str | None = PRIMARY_REASON) -> Cell:
        """Return the cell of a number that is hidden."""
        return Cell(self.label("hidden", reason).format(n=self.small_cell + 1), tone="hidden")

    def number(self, row: Row, name: str, text: str | None = None) -> Cell:
        """Return the cell of one number of a row: hidden, empty, or formatted."""
        if row.get("is_suppressed"):
            return self.hidden(row.get("suppression_reason") or PRIMARY_REASON)
        value = row.get(name)
        if value is None:
            return Cell(NOTHING)
        return Cell(text.format(value) if text else f"{_plain(value):,}", value)

    def share(self, row: Row, name: str) -> Cell:
        """Return the cell of one proportion of a row, in per cent."""
        cell = self.number(row, name)
        return cell if cell.value is None else Cell(percent(cell.value), cell.value)

    def section(self, name: str) -> dict[str, Any]:
        """Return the texts of a section."""
        return self.sections[name]


def read_words(small_cell: int) -> Words:
    """Return the words of the page."""
    data = read_yaml(Path(__file__).with_name("words.yaml")).data
    return Words(data["labels"], data["sections"], data["statement"], small_cell)


def percent(share: float) -> str:
    """Return a proportion in per cent, with as many places as tell it from 0 and 100."""
    value = share * 100
    nearest = min(value, 100 - value)
    places = 1 if nearest >= 1 or nearest == 0 else 2
    return f"{value:.{places}f}{PER_CENT}"


def span(low: float | None, high: float | None) -> str:
    """Return an interval of proportions in per cent, without the sign, as it stands behind an estimate that has it."""
    if low is None or high is None:
        return "no interval"
    return f"{percent(low)} to {percent(high)}".replace(PER_CENT, "")


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _plain(value: float) -> float | int:
    """Return a whole number as such, so that 1,933 patients are not 1,933.0."""
    return int(value) if float(value).is_integer() else round(value, 1)
