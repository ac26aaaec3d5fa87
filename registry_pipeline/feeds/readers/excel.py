"""Excel workbooks, one part per sheet. A sheet has at most 1,048,576 rows, so it may be held whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import fastexcel
import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Part, RawBatch, checked_header, tidied


def open_parts(path: Path, entry: FileFeed, _batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return open_excel(path, [mapping.sheet or "" for mapping in entry.tables], entry.ignore_sheets)


def open_excel(path: Path, sheets: Sequence[str], ignored: Sequence[str]) -> list[Part]:
    """Open the sheets that a feed maps, each once.

    Raises:
        DeliveryRefusedError: If the file is not a workbook, lacks a sheet, or has one that the feed does not know.
    """
    try:
        workbook = fastexcel.read_excel(path)
    except fastexcel.FastExcelError as error:
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file is not an Excel workbook, or is damaged.", remedy="Send it again."
        ) from error
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


def _open_sheet(workbook: fastexcel.ExcelReader, sheet: str) -> Part:
    # The header is read as an ordinary row: fastexcel would rename empty and repeated names.
    frame = workbook.load_sheet(sheet, header_row=None, dtypes="string").to_polars()
    if frame.is_empty():
        raise DeliveryRefusedError(
            "delivery.empty", f"The sheet {sheet} has no header.", remedy="Send it with its header.", line=1
        )
    columns = checked_header([str(name or "") for name in frame.row(0)])
    numbers = pl.int_range(2, frame.height + 1, dtype=pl.Int64, eager=True)
    rows = frame.slice(1).rename(dict(zip(frame.columns, columns, strict=True))).with_columns(numbers.alias(LINE))
    filled = tidied(rows).filter(~pl.all_horizontal(pl.col(columns).is_null()))

    def batches() -> Iterator[RawBatch]:
        yield RawBatch(filled)

    return Part(columns, batches, sheet)
