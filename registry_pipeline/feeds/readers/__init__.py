"""One small reader per format, all with the same interface: parts with columns, and batches of text rows.

A reader never drops, repairs or guesses: a record it cannot split into fields is a `Damage` with its line.
"""

from pathlib import Path

from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch

__all__ = ["Damage", "Part", "RawBatch", "open_parts"]


def open_parts(path: Path, entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open a file as its feed entry describes it: one part, or one per sheet.

    Raises:
        DeliveryRefusedError: If the file is not of that format, has no header, or has a sheet nobody expects.
    """
    # Imported where used: a run that meets only CSV should not pay for Arrow and Excel.
    if entry.format == "csv":
        from registry_pipeline.feeds.readers.csv import open_csv  # noqa: PLC0415

        return [open_csv(path, entry.csv, batch_bytes)]
    if entry.format == "ndjson":
        from registry_pipeline.feeds.readers.ndjson import open_ndjson  # noqa: PLC0415

        return [open_ndjson(path, batch_bytes)]
    if entry.format == "parquet":
        from registry_pipeline.feeds.readers.parquet import open_parquet  # noqa: PLC0415

        return [open_parquet(path)]
    from registry_pipeline.feeds.readers.excel import open_excel  # noqa: PLC0415

    return open_excel(path, [mapping.sheet or "" for mapping in entry.tables], entry.ignore_sheets)
