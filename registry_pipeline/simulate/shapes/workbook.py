"""One Excel workbook with a sheet per table and a sheet of explanations."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from registry_pipeline.simulate.shapes.writer import note_lines, visible

_CREATED = datetime(2025, 12, 31, tzinfo=UTC)
"""Fixed, so that the same seed gives the same bytes."""


class WorkbookWriter:
    """Writes an .xlsx file; a line is a row of the sheet, the header being row 1.

    Args:
        path: Where to write.
        notes: Sheets that hold no data.
    """

    def __init__(self, path: Path, notes: list[str]) -> None:
        self.lines: dict[int, int] = {}
        self._path = path
        self._notes = notes
        self._sheets: dict[str, tuple[list[pl.DataFrame], dict[str, str]]] = {}

    def write_sheet(self, sheet: str, frame: pl.DataFrame, types: dict[str, str]) -> None:
        """Take more rows of a sheet."""
        frames, _ = self._sheets.setdefault(sheet, ([], types))
        note_lines(self.lines, frame, 2 + sum(part.height for part in frames))
        frames.append(frame)

    def close(self) -> None:
        """Write the file."""
        import xlsxwriter  # noqa: PLC0415 - only this shape needs it

        with xlsxwriter.Workbook(str(self._path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            book.set_properties({"created": _CREATED})
            for note in self._notes:
                book.add_worksheet(note).write_string(0, 0, "One sheet per table; one row per record.")
            for name, (frames, types) in self._sheets.items():
                _fill(book.add_worksheet(name), visible(pl.concat(frames)), types)


def _fill(sheet: Any, frame: pl.DataFrame, types: dict[str, str]) -> None:
    for column, name in enumerate(frame.columns):
        sheet.write_string(0, column, name)
        put = _cell_writer(sheet, types.get(name, "VARCHAR"))
        for row, text in enumerate(frame[name].to_list(), start=1):
            if text is not None:
                put(row, column, text)


def _cell_writer(sheet: Any, physical_type: str) -> Any:
    """Return how to write a cell: as a number or a boolean where the text is one."""

    def number(row: int, column: int, text: str) -> None:
        try:
            sheet.write_number(row, column, float(text))
        except ValueError:
            sheet.write_string(row, column, text)

    def boolean(row: int, column: int, text: str) -> None:
        sheet.write_boolean(row, column, text == "true")

    if physical_type == "VARCHAR":
        return sheet.write_string
    return boolean if physical_type == "BOOLEAN" else number
