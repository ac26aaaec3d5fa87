"""What a page is made of: tiles, sections, figures, tables.

What belongs here: plain data that the template can print without thinking. What does not: where it comes from
(`sections/`) and how it is drawn (`charts/`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from registry_pipeline.report.charts.drawing import Drawing, Path

Tone = Literal["plain", "hidden", "good", "fair", "poor"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    value: float | int | None = None
    """The number as it stands in the mart; `text` is it, rounded for reading."""
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its heading."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    n_text_columns: int = 1
    """Columns from the left that hold words; the others hold numbers and are set flush right."""

    @property
    def merged_rows(self) -> list[list[tuple[Cell, int]]]:
        """Return the rows as cells and how many columns each spans: a row that is hidden says so once."""
        merged: list[list[tuple[Cell, int]]] = []
        for row in self.rows:
            cells: list[tuple[Cell, int]] = []
            for cell in row:
                if cell.tone == "hidden" and cells and cells[-1][0] == cell:
                    cells[-1] = (cell, cells[-1][1] + 1)
                else:
                    cells.append((cell, 1))
            merged.append(cells)
        return merged


@dataclass(frozen=True)
class Key:
    """One entry of a chart's legend."""

    text: str
    swatch: tuple[Path, ...]
    """The mark as in the drawing, in a box of 28 by 14."""


@dataclass(frozen=True)
class Figure:
    """A chart with its table behind it, or a table alone."""

    name: str
    """Unique on the page; part of the ids in it."""
    title: str
    table: Table
    wide: Drawing | None = None
    """For a screen or a sheet; None when the table speaks for itself."""
    narrow: Drawing | None = None
    """For a phone."""
    legend: tuple[Key, ...] = ()
    note: str = ""
    """How to read it."""


@dataclass(frozen=True)
class Tile:
    """One number of the head of the page."""

    label: str
    cell: Cell


@dataclass(frozen=True)
class Term:
    """A word, or a mart, and what is said of it."""

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Glossary:
    """Terms under a heading."""

    title: str
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own."""

    name: str
    title: str
    finding: str = ""
    """What the section shows, in a sentence or two."""
    missing: str = ""
    """What is not there, and why; empty when nothing is missing."""
    banner: str = ""
    """A warning that must be read before the figures."""
    figures: tuple[Figure, ...] = ()
    glossaries: tuple[Glossary, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """The whole page."""

    title: str
    release_id: str
    published_on: str
    statement: str
    tiles: tuple[Tile, ...]
    sections: Sequence[Section] = field(default=())
