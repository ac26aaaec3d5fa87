"""Parquet files, read in row-group slices and turned to text so that one cast judges every format."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Part, RawBatch, checked_header, tidied

_ROWS = 131_072


def open_parts(path: Path, _entry: FileFeed, _batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_parquet(path)]


def open_parquet(path: Path) -> Part:
    """Open a Parquet file.

    Raises:
        DeliveryRefusedError: If it is not Parquet, or has nested columns.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file is not Parquet, or is cut off.", remedy="Send it again."
        ) from error
    columns = checked_header(list(schema.names))
    if any(pa.types.is_nested(field.type) for field in schema):
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file has nested columns.", remedy="Send flat columns of plain values."
        )
    return Part(columns, lambda: _batches(path, columns))


def _batches(path: Path, columns: tuple[str, ...]) -> Iterator[RawBatch]:
    row = 1
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS):
            frame = pl.DataFrame(pl.from_arrow(batch)).select(
                pl.nth(index).cast(pl.String).alias(name) for index, name in enumerate(columns)
            )
            numbers = pl.int_range(row, row + frame.height, dtype=pl.Int64, eager=True)
            yield RawBatch(tidied(frame).with_columns(numbers.alias(LINE)))
            row += frame.height
