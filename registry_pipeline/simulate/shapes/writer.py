"""What every writer of a file format has in common."""

from typing import Protocol

import polars as pl

from registry_pipeline.simulate.shapes.source import DEFECT, HELPERS


class Writer(Protocol):
    """Writes one file; rows may come in several frames. Notes on which line each planted defect ends up."""

    lines: dict[int, int]
    """Line by number of the defect, once written."""

    def write(self, frame: pl.DataFrame) -> None:
        """Take more rows of a source frame, all text."""

    def close(self) -> None:
        """Finish the file."""


def note_lines(lines: dict[int, int], frame: pl.DataFrame, first_line: int) -> None:
    """Add to `lines` where the defects of a frame stand whose first row has number `first_line`."""
    marked = frame.select(DEFECT).with_row_index("_row").drop_nulls(DEFECT)
    lines.update({defect: first_line + row for row, defect in marked.iter_rows()})


def visible(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame without helper columns."""
    return frame.drop(HELPERS)
