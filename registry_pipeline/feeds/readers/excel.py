"""Excel workbooks, one part per sheet. A sheet has at most 1,048,576 rows, so it may be held whole.

Cells come as the values they hold, not as they look: a date as an ISO date, 35.0 as 35, a formula as its last result,
an error as `#N/A` and the like. Numbers are rounded to nine places. Of merged cells, the first has the value.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import fastexcel
import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Part, RawBatch, checked_header, tidied

_DAY_ZERO = r"^1899-12-3[01] (\d\d:\d\d:\d\d)$"
"""A time of day is stored as a part of day zero."""
_ERRORS = {
    f"Error({code})": text
    for code, text in {
        "NA": "#N/A",
        "Div0": "#DIV/0!",
        "Name": "#NAME?",
        "Null": "#NULL!",
        "Num": "#NUM!",
        "Ref": "#REF!",
        "Value": "#VALUE!",
    }.items()
}


def open_parts(path: Path, entry: FileFeed, _batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return open_excel(path, [mapping.sheet or "" for mapping in entry.tables], entry.ignore_sheets)


def open_excel(path: Path, sheets: Sequence[str], ignored: Sequence[str]) -> list[Part]:
    """Open the sheets that a feed maps, each once. A hidden sheet counts as any other.

    Raises:
        DeliveryRefusedError: If the file is not a workbook, lacks a sheet, or has one that the feed does not know.
    """
    with _refusing_damage():
        workbook = fastexcel.read_excel(path)
    present = set(workbook.sheet_names)
    if missing := sorted(set(sheets) - present):
        raise DeliveryRefusedError(
            "delivery.sheet", f"The workbook lacks the sheet {', '.join(missing)}.", remedy="Send it, or mend the feed."
        )
    if present - set(sheets) - set(ignored):
        raise DeliveryRefusedError(
            "delivery.sheet",
            "The workbook has a sheet that the feed does not know.",
            remedy="Map it, or list it under `ignore_sheets`.",
        )
    return [_open_sheet(workbook, sheet) for sheet in dict.fromkeys(sheets)]


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except (DeliveryRefusedError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a panic of its Rust code is no Exception
        if not isinstance(error, fastexcel.FastExcelError) and type(error).__name__ != "PanicException":
            raise
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file is not an Excel workbook, or is damaged.", remedy="Send it again."
        ) from error


def _open_sheet(workbook: fastexcel.ExcelReader, sheet: str) -> Part:
    with _refusing_damage():
        cells = _cells(workbook, sheet)
    if cells.is_empty():
        raise DeliveryRefusedError(
            "delivery.empty", f"The sheet {sheet} has no header.", remedy="Send it with its header.", line=1
        )
    columns = checked_header([name or "" for name in cells.drop(LINE).row(0)])
    rows = cells.slice(1).rename(dict(zip(cells.drop(LINE).columns, columns, strict=True)))

    def batches() -> Iterator[RawBatch]:
        yield RawBatch(rows)

    return Part(columns, batches, sheet)


def _cells(workbook: fastexcel.ExcelReader, sheet: str) -> pl.DataFrame:
    """Return the rows that have a value, the header among them, with their number; and the columns that have one."""
    # The header is read as an ordinary row: fastexcel would rename empty and repeated names. Skipping no rows keeps
    # empty ones at the top, and so the numbers of the others.
    loaded = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
    batch, errors = loaded.to_arrow_with_errors()
    frame = pl.DataFrame(pl.from_arrow(batch))
    for error in errors.errors if errors is not None else ():
        row, column = error.offset_position
        text = next((text for code, text in _ERRORS.items() if code in error.detail), "#ERROR")
        frame[row, column] = text
    frame = tidied(frame.with_columns(pl.col(pl.String).str.replace(_DAY_ZERO, "$1")))
    frame = frame[[column.name for column in frame if column.null_count() < frame.height]]
    if frame.is_empty():
        return frame
    numbers = pl.int_range(1, frame.height + 1, dtype=pl.Int64, eager=True)
    return frame.with_columns(numbers.alias(LINE)).filter(~pl.all_horizontal(pl.col(frame.columns).is_null()))
