"""Delimited text: a fast path for clean blocks, and a salvage path that isolates the damage to single lines.

Every physical line is accounted for: it is part of a record, it is blank, or it is a `Damage`.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import CsvDialect, FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header, tidied
from registry_pipeline.feeds.readers.text import REPLACEMENT, blocks, raw_text, utf8_chunks

_NEWLINE, _RETURN = 10, 13
_MAX_RECORD_BYTES = 65_536
"""A quoted cell with line breaks may be this long; beyond it, an open quote is taken for a stray one."""

Lines = NDArray[np.bool_]


def open_parts(path: Path, entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_csv(path, entry.csv, batch_bytes)]


def open_csv(path: Path, dialect: CsvDialect, batch_bytes: int) -> Part:
    """Open a delimited file.

    Raises:
        DeliveryRefusedError: If it has no header line, or the header cannot be split.
    """
    first = next(blocks(utf8_chunks(path, dialect.encoding, 1 << 20)), b"")
    header = first[: first.find(b"\n") + 1]
    if not header.strip():
        raise DeliveryRefusedError(
            "delivery.empty", "The file has no header line.", remedy="Send the file with its header.", line=1
        )
    names = _split(header, dialect)
    if names is None:
        raise DeliveryRefusedError(
            "delivery.header", "The header line cannot be split into columns.", remedy="Mend its quotes.", line=1
        )
    columns = checked_header(names)
    return Part(columns, lambda: _batches(path, dialect, columns, batch_bytes))


def _split(record: bytes, dialect: CsvDialect) -> list[str] | None:
    """Return the fields of one record, or None when its quotes do not work out."""
    text = io.StringIO(record.decode("utf-8"), newline="")
    try:
        rows = list(csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _batches(path: Path, dialect: CsvDialect, columns: tuple[str, ...], batch_bytes: int) -> Iterator[RawBatch]:
    line = 1
    held = b""
    is_header = True
    for block in blocks(utf8_chunks(path, dialect.encoding, batch_bytes)):
        text = block
        if is_header:
            text = block[block.find(b"\n") + 1 :]
            line, is_header = 2, False
        text, held = _hold_open_record(held + text, dialect)
        if text:
            yield _Block(text, line, dialect, columns).batch()
            line += text.count(b"\n")
    if held:
        yield _Block(held, line, dialect, columns).batch()


def _hold_open_record(text: bytes, dialect: CsvDialect) -> tuple[bytes, bytes]:
    """Split off a record at the end of the block whose quoted cell goes on in the next one."""
    quote = dialect.quote.encode()
    if text.count(quote) % 2 == 0:
        return text, b""
    start = text.rfind(b"\n", 0, text.rfind(quote)) + 1
    if len(text) - start > _MAX_RECORD_BYTES:
        return text, b""
    return text[:start], text[start:]


@dataclass(frozen=True)
class _Block:
    """Whole lines of a file, the first of which is physical line `first_line`."""

    text: bytes
    first_line: int
    dialect: CsvDialect
    columns: tuple[str, ...]

    def batch(self) -> RawBatch:
        n_lines = self.text.count(b"\n")
        if self._is_plain(n_lines) and (frame := self._parse(self.text)) is not None and frame.height == n_lines:
            numbers = pl.int_range(self.first_line, self.first_line + n_lines, dtype=pl.Int64, eager=True)
            return RawBatch(frame.with_columns(numbers.alias(LINE)))
        return self._salvage()

    def _is_plain(self, n_lines: int) -> bool:
        """Tell whether the block has no quotes, no undecodable bytes, and as many delimiters as it should."""
        if self.dialect.quote.encode() in self.text or REPLACEMENT in self.text or b"\0" in self.text:
            return False
        return self.text.count(self.dialect.delimiter.encode()) == n_lines * (len(self.columns) - 1)

    def _parse(self, text: bytes) -> pl.DataFrame | None:
        quote = self.dialect.quote
        try:
            frame = pl.read_csv(
                text,
                has_header=False,
                separator=self.dialect.delimiter,
                quote_char=quote if quote.encode() in text else None,
                schema=dict.fromkeys(self.columns, pl.String),
            )
            return tidied(frame) if self._is_untidy(text) else frame
        except pl.exceptions.PolarsError:
            # A surplus field hides behind an equal count of delimiters; the salvage path will name its line.
            return None

    def _is_untidy(self, text: bytes) -> bool:
        """Tell whether some cell may begin or end with a blank, or be an empty one in quotes.

        Looking through the bytes is cheaper than stripping every cell.
        """
        if b"\t" in text or not text.isascii():
            return True
        quote = self.dialect.quote.encode()
        has_empty_quotes = quote in text and quote * 2 in text
        if has_empty_quotes or b" " not in text:
            return has_empty_quotes
        edges = (self.dialect.delimiter.encode(), quote, b"\n", b"\r")
        return text.startswith(b" ") or any(b" " + edge in text or edge + b" " in text for edge in edges)

    def _salvage(self) -> RawBatch:
        bounds = _line_bounds(self.text)
        is_clean, is_blank = self._classify(bounds)
        frame = self._clean_rows(bounds, is_clean)
        rows, damages = self._mend(bounds, is_clean | is_blank)
        if rows:
            schema = {**dict.fromkeys(self.columns, pl.String), LINE: pl.Int64}
            frame = pl.concat([frame, tidied(pl.DataFrame(rows, schema=schema, orient="row"))]).sort(LINE)
        return RawBatch(frame, damages)

    def _classify(self, bounds: NDArray[np.int64]) -> tuple[Lines, Lines]:
        """Return which lines are whole records by themselves, and which are blank; see RFC 4180."""
        octets = np.frombuffer(self.text, dtype=np.uint8)
        content = np.diff(bounds) - 1 - (octets[np.maximum(bounds[1:] - 2, 0)] == _RETURN)
        is_blank = content <= 0
        has_quote = _count_per_line(octets, ord(self.dialect.quote), bounds) > 0
        n_delimiters = _count_per_line(octets, ord(self.dialect.delimiter), bounds)
        is_clean = (n_delimiters == len(self.columns) - 1) & ~has_quote & ~is_blank
        if has_quote.any():
            quoted = octets[np.repeat(has_quote, np.diff(bounds))]
            is_clean[has_quote] = self._well_quoted(
                quoted, np.concatenate(([0], np.cumsum(np.diff(bounds)[has_quote])))
            )
        return is_clean & ~self._lines_with((REPLACEMENT, b"\0"), bounds), is_blank

    def _well_quoted(self, octets: NDArray[np.uint8], bounds: NDArray[np.int64]) -> Lines:
        """Return which lines with quotes are whole records by themselves."""
        starts = bounds[:-1]
        is_quote = octets == ord(self.dialect.quote)
        is_open = np.bitwise_xor.accumulate(is_quote)  # inside quotes, if every line before were well formed
        is_open ^= np.repeat(np.concatenate(([False], is_open[bounds[1:-1] - 1])), np.diff(bounds))
        is_delimiter = octets == ord(self.dialect.delimiter)
        n_fields = 1 + np.add.reduceat((is_delimiter & ~is_open).astype(np.int32), starts)
        n_quotes = np.add.reduceat(is_quote.astype(np.int32), starts)
        n_bad = np.add.reduceat(self._misplaced(octets, is_quote, is_open, is_delimiter).astype(np.int32), starts)
        well: Lines = (n_fields == len(self.columns)) & (n_quotes % 2 == 0) & (n_bad == 0)
        return well

    @staticmethod
    def _misplaced(octets: NDArray[np.uint8], is_quote: Lines, is_open: Lines, is_delimiter: Lines) -> Lines:
        """Return quotes that neither begin nor end a field, nor stand doubled inside one."""
        is_edge = is_delimiter | (octets == _NEWLINE)
        before = np.concatenate(([True], (is_edge | is_quote)[:-1]))
        after = np.concatenate(((is_edge | is_quote | (octets == _RETURN))[1:], [True]))
        misplaced: Lines = is_quote & np.where(is_open, ~before, ~after)
        return misplaced

    def _lines_with(self, needles: tuple[bytes, ...], bounds: NDArray[np.int64]) -> Lines:
        found = np.zeros(len(bounds) - 1, dtype=np.bool_)
        for needle in needles:
            at = self.text.find(needle)
            while at >= 0:
                index = int(np.searchsorted(bounds, at, side="right")) - 1
                found[index] = True
                at = self.text.find(needle, int(bounds[index + 1]))
        return found

    def _clean_rows(self, bounds: NDArray[np.int64], is_clean: Lines) -> pl.DataFrame:
        octets = np.frombuffer(self.text, dtype=np.uint8)
        kept = octets[np.repeat(is_clean, np.diff(bounds))].tobytes()
        frame = self._parse(kept) if kept else pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))
        numbers = np.flatnonzero(is_clean) + self.first_line
        if frame is None or frame.height != len(numbers):
            raise DeliveryRefusedError(
                "delivery.unreadable",
                f"The lines from {self.first_line} on cannot be read as records.",
                remedy="Send the file again; if it looks right, report this.",
                line=self.first_line,
            )
        return frame.with_columns(pl.Series(LINE, numbers, dtype=pl.Int64))

    def _mend(self, bounds: NDArray[np.int64], is_settled: Lines) -> tuple[list[tuple[object, ...]], list[Damage]]:
        """Join records that a quoted line break spread over lines; everything else is damage of one line each."""
        rows: list[tuple[object, ...]] = []
        damages: list[Damage] = []
        done_to = -1
        for index in np.flatnonzero(~is_settled).tolist():
            if index <= done_to:
                continue
            joined = self._joined(bounds, is_settled, index)
            if joined is not None:
                fields, done_to = joined
                rows.append((*fields, self.first_line + index))
                continue
            line = self.text[bounds[index] : bounds[index + 1]]
            damages.append(Damage(self.first_line + index, self._diagnosis(line), raw_text(line)))
        return rows, damages

    def _joined(self, bounds: NDArray[np.int64], is_settled: Lines, index: int) -> tuple[list[str], int] | None:
        quote = self.dialect.quote.encode()
        if self.text[bounds[index] : bounds[index + 1]].count(quote) % 2 == 0:
            return None
        for last in range(index + 1, len(bounds) - 1):
            is_blank = bounds[last + 1] - bounds[last] <= len(b"\r\n")
            if (is_settled[last] and not is_blank) or bounds[last + 1] - bounds[index] > _MAX_RECORD_BYTES:
                return None  # a whole record in between: the quote was a stray one
            if self.text[bounds[last] : bounds[last + 1]].count(quote) % 2:
                record = self.text[bounds[index] : bounds[last + 1]]
                fields = None if REPLACEMENT in record else _split(record, self.dialect)
                return (fields, last) if fields is not None and len(fields) == len(self.columns) else None
        return None

    def _diagnosis(self, line: bytes) -> str:
        if REPLACEMENT in line or b"\0" in line:
            return "record.encoding"
        fields = _split(line, self.dialect)
        return "record.quote" if fields is None or len(fields) == len(self.columns) else "record.ragged"


def _count_per_line(octets: NDArray[np.uint8], octet: int, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    positions = np.flatnonzero(octets == octet)
    return np.diff(np.searchsorted(positions, bounds))


def _line_bounds(text: bytes) -> NDArray[np.int64]:
    """Return where each line starts, and the end of the last one."""
    newlines = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _NEWLINE)
    return np.concatenate(([0], newlines + 1)).astype(np.int64)
