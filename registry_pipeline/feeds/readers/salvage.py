"""Delimited lines to records: a fast path for clean blocks, and a salvage path that isolates damage to single lines.

One bad line costs one line: an open quote reaches as far as the next line that is a whole record by itself, and is a
stray one if it has not been closed by then. Fields beyond the header's are let go when they are empty.

What belongs here: what becomes of each line of a block. What does not: where blocks come from (readers.csv).
"""

import csv
import io
from dataclasses import dataclass

import numpy as np
import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.readers.base import Damage, RawBatch, tidied
from registry_pipeline.feeds.readers.quoting import (
    Lines,
    Places,
    blank_lines,
    count_per_line,
    line_bounds,
    lines_with,
    places,
    selected,
    well_quoted,
)
from registry_pipeline.feeds.readers.text import LONE_RETURN, REPLACEMENT, count_octet, raw_text

_MAX_RECORD_BYTES = 1 << 20
"""A quoted cell with line breaks may be this long; beyond it, an open quote is taken for a stray one."""
_UNREADABLE = (REPLACEMENT, b"\0")
_LINE_ENDS = b"\r\n\xff"
_LINE_ENDS_TO_BLANKS = bytes.maketrans(_LINE_ENDS, b"   ")

csv.field_size_limit(1 << 30)  # cells are as long as their lines, and those are bounded


@dataclass(frozen=True)
class Layout:
    """How the lines of a file should look. Delimiter and quote are ASCII."""

    columns: tuple[str, ...]
    delimiter: str
    quote: str


def split(record: bytes, delimiter: str, quote: str) -> list[str] | None:
    """Return the fields of one record, or None when its quotes do not work out."""
    text = record.replace(LONE_RETURN, b"\r").decode("utf-8")
    if quote not in text:
        return text.rstrip("\r\n").split(delimiter)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, the first of which is physical line `first_line`."""

    text: bytes
    n_lines: int
    first_line: int
    layout: Layout
    is_last: bool

    def read(self) -> tuple[RawBatch, bytes]:
        """Return the records, and the text of a record that goes on in the next block."""
        frame = self._plain()
        if frame is None:
            return _Salvage(self).read()
        numbers = pl.int_range(self.first_line, self.first_line + self.n_lines, dtype=pl.Int64, eager=True)
        return RawBatch(without_blanks(frame.with_columns(numbers.alias(LINE)))), b""

    def _plain(self) -> pl.DataFrame | None:
        """Return the records if no line has quotes or undecodable bytes, and all have the same number of fields."""
        n_columns = len(self.layout.columns)
        # With one column, a blank line would look like a record.
        if n_columns == 1 or not self.n_lines or self.layout.quote.encode() in self.text:
            return None
        if b"\0" in self.text or (not self.text.isascii() and REPLACEMENT in self.text):
            return None
        n_delimiters, rest = divmod(count_octet(self.text, ord(self.layout.delimiter)), self.n_lines)
        if rest or n_delimiters + 1 < n_columns:
            return None
        frame = self.parse(self.text, n_delimiters + 1)
        has_surplus = frame is None or any(column.null_count() < frame.height for column in frame[:, n_columns:])
        return None if frame is None or has_surplus or frame.height != self.n_lines else frame[:, :n_columns]

    def parse(self, text: bytes, n_fields: int) -> pl.DataFrame | None:
        """Return lines that are whole records; None if one has too many fields, however well their total fits."""
        quote = self.layout.quote
        text = text.replace(LONE_RETURN, b"\n") if LONE_RETURN[:1] in text else text
        surplus = (f"__surplus_{position}" for position in range(len(self.layout.columns), n_fields))
        try:
            frame = pl.read_csv(
                text,
                has_header=False,
                separator=self.layout.delimiter,
                quote_char=quote if quote.encode() in text else None,
                schema=dict.fromkeys([*self.layout.columns, *surplus], pl.String),
            )
        except pl.exceptions.PolarsError:
            return None
        return tidied(frame) if self._is_untidy(text) else frame

    def _is_untidy(self, text: bytes) -> bool:
        """Tell whether some cell may begin or end with a blank, or be an empty one in quotes.

        Looking through the bytes is cheaper than stripping every cell.
        """
        delimiter, quote = self.layout.delimiter.encode(), self.layout.quote.encode()
        if not text.isascii() or any(blank in text for blank in (b"\t", b"\v", b"\f") if blank != delimiter):
            return True
        has_empty_quotes = quote in text and quote * 2 in text
        if has_empty_quotes or b" " not in text:
            return has_empty_quotes
        edges = (delimiter, quote, b"\n", b"\r")
        return text.startswith(b" ") or any(b" " + edge in text or edge + b" " in text for edge in edges)


def without_blanks(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that have a value: a line of nothing but delimiters is a blank one."""
    columns = [column for column in frame if column.name != LINE]
    if not all(column.null_count() for column in columns):
        return frame
    return frame.filter(~pl.all_horizontal(pl.col(column.name).is_null() for column in columns))


class _Salvage:
    """A block in which some lines are not records by themselves."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.text = block.text
        self.layout = block.layout
        self.bounds = line_bounds(block.text)
        self.is_blank = blank_lines(self.text, self.bounds)
        self.has_open_quote = np.zeros(len(self.is_blank), dtype=np.bool_)
        self.is_whole, n_delimiters = self._whole_lines()
        self.n_fields = self._usual(n_delimiters[self.is_whole]) + 1
        self.is_clean = self.is_whole & (n_delimiters == self.n_fields - 1)
        self.is_record = self.is_clean | (self.is_whole & (n_delimiters == len(self.layout.columns) - 1))
        self.damages: list[Damage] = []
        self.mended: list[tuple[str | int | None, ...]] = []

    def read(self) -> tuple[RawBatch, bytes]:
        """Return the records, and the text of a record that goes on in the next block."""
        frame = self._clean_rows()
        held = self._mend()
        if self.mended:
            schema = {**dict.fromkeys(self.layout.columns, pl.String), LINE: pl.Int64}
            frame = pl.concat([frame, tidied(pl.DataFrame(self.mended, schema=schema, orient="row"))]).sort(LINE)
        self.damages.sort(key=lambda damage: damage.line)
        return RawBatch(without_blanks(frame), self.damages), held

    def _whole_lines(self) -> tuple[Lines, Places]:
        """Return which lines have readable text with all quotes in place, and how many delimiters each line has."""
        delimiter, quote = ord(self.layout.delimiter), ord(self.layout.quote)
        n_delimiters = count_per_line(places(self.text, delimiter), self.bounds)
        is_whole = ~self.is_blank
        if not self.text.isascii() or b"\0" in self.text:
            is_whole &= ~lines_with(_UNREADABLE, self.text, self.bounds)
        if self.layout.quote.encode() in self.text:
            n_quotes = count_per_line(places(self.text, quote), self.bounds)
            self.has_open_quote = n_quotes % 2 == 1
            has_quote = n_quotes > 0
            quoted = selected(self.text, self.bounds, has_quote)
            is_well, n_delimiters[has_quote] = well_quoted(quoted, delimiter, quote)
            is_whole[has_quote] &= is_well
        return is_whole, n_delimiters

    def _usual(self, n_delimiters: Places) -> int:
        """Return what most lines have, if not less than the header: some systems end every line in a delimiter."""
        expected = len(self.layout.columns) - 1
        usual = int(np.bincount(n_delimiters).argmax()) if len(n_delimiters) else expected
        return max(usual, expected)

    def _line(self, index: int, last: int | None = None) -> bytes:
        return self.text[self.bounds[index] : self.bounds[(index if last is None else last) + 1]]

    def _clean_rows(self) -> pl.DataFrame:
        kept = selected(self.text, self.bounds, self.is_clean)
        frame = self.block.parse(kept, self.n_fields) if kept else pl.DataFrame(schema=self._schema())
        numbers = np.flatnonzero(self.is_clean) + self.block.first_line
        if frame is None or frame.height != len(numbers):
            raise DeliveryRefusedError(
                "delivery.unreadable",
                f"The lines from {self.block.first_line} on cannot be read as records.",
                remedy="Send the file again; if it looks right, report this.",
                line=self.block.first_line,
            )
        return self._without_surplus(frame.with_columns(pl.Series(LINE, numbers, dtype=pl.Int64)))

    def _schema(self) -> dict[str, type[pl.String]]:
        return dict.fromkeys(self.layout.columns, pl.String)

    def _without_surplus(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Set aside the lines with a value beyond the header's columns; an empty field there loses nothing."""
        surplus = [name for name in frame.columns if name not in self.layout.columns and name != LINE]
        if surplus:
            is_ragged = ~pl.all_horizontal(pl.col(surplus).is_null())
            for line in frame.filter(is_ragged)[LINE].to_list():
                self._damage(line - self.block.first_line, "record.ragged")
            frame = frame.filter(~is_ragged)
        return frame.select(*self.layout.columns, LINE)

    def _damage(self, index: int, rule_id: str) -> None:
        self.damages.append(Damage(self.block.first_line + index, rule_id, raw_text(self._line(index))))

    def _mend(self) -> bytes:
        """Join records that a quoted line break spread over lines; everything else is damage of one line each."""
        done_to = -1
        for index in np.flatnonzero(~(self.is_clean | self.is_blank)).tolist():
            if index <= done_to:
                continue
            last = self._last_of_record(index)
            if last == len(self.is_blank) and not self.block.is_last:
                return self.text[self.bounds[index] :]
            done_to = self._take(index, min(last, len(self.is_blank) - 1))
        return b""

    def _last_of_record(self, index: int) -> int:
        """Return the last line of what begins at a line: the one that closes its open quote, if it may be taken for it.

        The number of lines stands for one beyond this block.
        """
        if not self.has_open_quote[index]:
            return index
        for last in range(index + 1, len(self.is_blank)):
            if self.is_record[last] or self.bounds[last + 1] - self.bounds[index] > _MAX_RECORD_BYTES:
                return index  # a whole record in between: the quote was a stray one
            if self.has_open_quote[last]:
                return last
        return len(self.is_blank)

    def _take(self, index: int, last: int) -> int:
        """Read the record of some lines, else of the first of them alone; return the last line that is done with."""
        record = self._line(index, last)
        if last > index and _is_one_record(record, self.layout) and (fields := self._fitting(record)) is not None:
            self.mended.append((*fields, self.block.first_line + index))
            return last
        fields = self._fitting(self._line(index)) if self.is_whole[index] else None
        if fields is None:
            self._damage(index, self._diagnosis(index))
        else:
            self.mended.append((*fields, self.block.first_line + index))
        return index

    def _fitting(self, record: bytes) -> list[str] | None:
        """Return the fields of a record that has all columns and nothing beyond them, or has no value at all."""
        fields = split(record, self.layout.delimiter, self.layout.quote)
        if fields is None:
            return None
        n_columns = len(self.layout.columns)
        n_needed = max((position for position, field in enumerate(fields, start=1) if field.strip()), default=0)
        if n_needed > n_columns or (n_needed > 0 and len(fields) < n_columns):
            return None
        return [*fields, *[""] * n_columns][:n_columns]

    def _diagnosis(self, index: int) -> str:
        if any(needle in self._line(index) for needle in _UNREADABLE):
            return "record.encoding"
        return "record.ragged" if self.is_whole[index] else "record.quote"


def _is_one_record(lines: bytes, layout: Layout) -> bool:
    """Tell whether the quotes of some lines make them one record, and nothing in it is unreadable."""
    if any(needle in lines for needle in _UNREADABLE):
        return False
    as_one_line = lines.rstrip(_LINE_ENDS).translate(_LINE_ENDS_TO_BLANKS) + b"\n"
    is_whole, _ = well_quoted(as_one_line, ord(layout.delimiter), ord(layout.quote))
    return bool(is_whole[0])
