"""SAS transport files (version 5), one data set each, read in slices and turned to text.

Numbers come as the shortest text that means the same double, missing values of every kind as empty cells. SAS has no
date type: a number whose format is one of dates is written as the date it stands for, so that nobody takes it for a
count.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header, tidied
from registry_pipeline.feeds.readers.text import REPLACEMENT

_CARD = 80
_MEMBER = b"HEADER RECORD*******MEMBER  HEADER RECORD"
_FIRST_MEMBER_CARD = 3
_CARDS_AT_ONCE = 100_000
_EPOCH = pl.lit("1960-01-01").str.to_datetime(time_unit="ms")
_DATE_FORMATS = (
    *("DATE", "DDMMYY", "MMDDYY", "YYMMDD", "E8601DA", "B8601DA", "JULIAN", "JULDAY", "WEEKDAT", "WORDDAT"),
    *("MONYY", "MMYY", "YYMM", "YYQ", "DAY", "WEEKDAY", "DOWNAME", "MONNAME", "QTR", "YEAR"),
)
_INSTANT_FORMATS = ("DATETIME", "DATEAMPM", "MDYAMPM", "DTDATE", "DTMONYY", "DTYEAR", "E8601DT", "B8601DT")
_LEAST = 1e-78
"""What is smaller is a zero: pandas reads the zero of IBM's numbers as 5.4e-79, the smallest that is not one."""


def open_parts(path: Path, entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_xpt(path, entry.csv.encoding, batch_bytes)]


def open_xpt(path: Path, encoding: str, batch_bytes: int) -> Part:
    """Open a transport file.

    Raises:
        DeliveryRefusedError: If it is not one of version 5, is cut off, or holds more than one data set.
    """
    _refuse_other_members(path)
    reader = _reader(path)
    columns = checked_header([str(name) for name in reader.columns])
    rows_at_once = max(batch_bytes // reader.record_length, 1)
    reader.close()
    return Part(columns, lambda: _batches(path, columns, encoding, rows_at_once))


def _refuse_other_members(path: Path) -> None:
    """Refuse a second data set: it would be read as rows of the first."""
    if path.stat().st_size % _CARD:
        raise _unreadable("The file is cut off: it does not end with a whole card of 80 bytes.", "Send it again.")
    card = 0
    with path.open("rb") as handle:
        while cards := handle.read(_CARD * _CARDS_AT_ONCE):
            at = cards.find(_MEMBER)
            while at >= 0:
                if at % _CARD == 0 and card + at // _CARD > _FIRST_MEMBER_CARD:
                    raise _unreadable("The file holds more than one data set.", "Send one file for each data set.")
                at = cards.find(_MEMBER, at + 1)
            card += _CARDS_AT_ONCE


def _reader(path: Path) -> Any:
    """Return pandas' reader; Any, because its type stubs leave out what it knows of the file."""
    import pandas as pd  # noqa: PLC0415 - it takes its time to load

    try:
        # Without an encoding text stays bytes: one bad byte must cost one record, not the file.
        reader: Any = pd.read_sas(path, format="xport", iterator=True)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise _unreadable(
            "The file is not a SAS transport file of version 5, or is damaged.",
            "Write it with the XPORT engine or PROC COPY, and send it again.",
        ) from error
    # pandas counts every blank word of the last card as padding, also those inside a record, and loses records by it.
    reader.nobs = _n_records(path, reader)
    return reader


def _n_records(path: Path, reader: Any) -> int:
    """Return how many records there are: what is left without the blanks that fill up the last card."""
    n_bytes: int = path.stat().st_size - reader.record_start
    length: int = reader.record_length
    with path.open("rb") as handle:
        handle.seek(max(reader.record_start, path.stat().st_size - _CARD))
        tail = handle.read()
    padding = min(len(tail) - len(tail.rstrip(b" ")), _CARD - 1)
    return min(math.ceil((n_bytes - padding) / length), n_bytes // length)


def _batches(path: Path, columns: tuple[str, ...], encoding: str, rows_at_once: int) -> Iterator[RawBatch]:
    reader = _reader(path)
    formats = [bytes(field["nform"]).decode("ascii", "replace").upper() for field in reader.fields]
    first = 1
    try:
        while first <= reader.nobs:
            table = reader.read(nrows=rows_at_once)
            text = {
                name: _text(table.iloc[:, index].to_numpy(), formats[index], encoding)
                for index, name in enumerate(columns)
            }
            numbers = pl.int_range(first, first + len(table), dtype=pl.Int64, eager=True)
            yield _without_damage(tidied(pl.DataFrame(text)).with_columns(numbers.alias(LINE)), columns)
            first += len(table)
    finally:
        reader.close()


def _text(cells: Any, sas_format: str, encoding: str) -> pl.Series:
    if cells.dtype == object:
        return pl.Series([cell.decode(encoding, "replace") for cell in cells], dtype=pl.String)
    number = pl.Series("number", cells, dtype=pl.Float64).fill_nan(None)
    number = number.set(number.abs() < _LEAST, 0.0)
    if sas_format.startswith(_INSTANT_FORMATS):
        return _moment(number, pl.duration(milliseconds=pl.col("number") * 1000), "%Y-%m-%dT%H:%M:%S")
    if sas_format.startswith(_DATE_FORMATS):
        return _moment(number, pl.duration(days=pl.col("number")), "%Y-%m-%d")
    return number.cast(pl.String).str.replace(r"\.0$", "")


def _moment(number: pl.Series, since_epoch: pl.Expr, form: str) -> pl.Series:
    return number.to_frame().select((_EPOCH + since_epoch).dt.strftime(form).alias("moment"))["moment"]


def _without_damage(frame: pl.DataFrame, columns: tuple[str, ...]) -> RawBatch:
    """Take out the records with a byte that is not in the feed's encoding."""
    replacement = REPLACEMENT.decode()
    is_bad = pl.any_horizontal(pl.col(name).str.contains(replacement, literal=True) for name in columns)
    bad = frame.filter(is_bad.fill_null(value=False))
    if bad.is_empty():
        return RawBatch(frame)
    raw = bad.select(pl.struct(columns).struct.json_encode().alias("record"), LINE)
    damages = [Damage(line, "record.encoding", record) for record, line in raw.iter_rows()]
    return RawBatch(frame.filter(~is_bad.fill_null(value=False)), damages)


def _unreadable(message: str, remedy: str) -> DeliveryRefusedError:
    return DeliveryRefusedError("delivery.unreadable", message, remedy=remedy)
