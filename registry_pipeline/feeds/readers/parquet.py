"""Parquet files, read in slices and turned to text so that one cast judges every format.

Plain values only: text (also as bytes), numbers, booleans, dates and times. NaN is how pandas writes "nothing".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header, tidied

_ROWS = 131_072
_PLAIN = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal128,
    pa.types.is_boolean,
    pa.types.is_temporal,
    pa.types.is_null,
)


def open_parts(path: Path, _entry: FileFeed, _batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_parquet(path)]


def open_parquet(path: Path) -> Part:
    """Open a Parquet file.

    Raises:
        DeliveryRefusedError: If it is not Parquet, is damaged, or has columns of anything but plain values.
    """
    with _refusing_damage():
        schema = pq.read_schema(path)
    columns = checked_header(list(schema.names))
    for position, field in enumerate(schema, start=1):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_duration(kind) or not any(is_kind(kind) for is_kind in _PLAIN):
            raise DeliveryRefusedError(
                "delivery.unreadable",
                f"Column {position} of the file holds no plain values.",
                remedy="Send text, numbers, booleans and dates.",
            )
    return Part(columns, lambda: _batches(path, columns))


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file is not Parquet, or is damaged or cut off.", remedy="Send it again."
        ) from error


def _batches(path: Path, columns: tuple[str, ...]) -> Iterator[RawBatch]:
    row = 1
    with _refusing_damage(), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS):
            # Text that is no text in a damaged file would take polars down.
            batch.validate(full=True)
            raw = pl.DataFrame(pl.from_arrow(batch.rename_columns(list(columns))))
            numbers = pl.int_range(row, row + raw.height, dtype=pl.Int64, eager=True).alias(LINE)
            yield _as_text(raw.with_columns(cs.float().fill_nan(None)), numbers)
            row += raw.height


def _as_text(raw: pl.DataFrame, numbers: pl.Series) -> RawBatch:
    """Return the values as text; a row with bytes that are no text is damage."""
    is_lost = pl.zeros(raw.height, pl.Int8, eager=True).cast(pl.Boolean)
    for name in raw.select(cs.binary()).columns:
        text = pl.Series(name, [_decoded(cell) for cell in raw[name]], dtype=pl.String)
        is_lost |= raw[name].is_not_null() & text.is_null()
        raw = raw.with_columns(text)
    frame = tidied(raw.cast(pl.String)).with_columns(numbers)
    damages = [Damage(line, "record.encoding", "") for line in frame.filter(is_lost)[LINE].to_list()]
    return RawBatch(frame.filter(~is_lost) if damages else frame, damages)


def _decoded(cell: bytes | None) -> str | None:
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None
