"""Delimited text, written as it comes, in any dialect a feed can name."""

from io import BytesIO
from typing import IO

import polars as pl

from registry_pipeline.feeds.model import CsvDialect
from registry_pipeline.simulate.shapes.source import DEFECT
from registry_pipeline.simulate.shapes.writer import note_lines, visible

_DAMAGES = ("quote", "ragged", "encoding")
_FOREIGN_BYTE = b"\xe9"
"""An e with an acute accent in Latin-1; not UTF-8."""


class DelimitedWriter:
    """Writes a CSV file. A record that is damaged as text is damaged here.

    Args:
        handle: Where to write.
        dialect: Delimiter, quote and encoding.
        damages: What is wrong with the line of a defect: `quote`, `ragged` or `encoding`.
    """

    def __init__(self, handle: IO[bytes], dialect: CsvDialect, damages: dict[int, str]) -> None:
        self.lines: dict[int, int] = {}
        self._handle = handle
        self._dialect = dialect
        self._damages = damages
        self._next_line = 1

    def write(self, frame: pl.DataFrame) -> None:
        """Take more rows; the first ones bring the header."""
        if self._next_line == 1:
            self._handle.write(self._bytes(visible(frame).clear(), header=True))
            self._next_line += 1
        note_lines(self.lines, frame, self._next_line)
        self._next_line += frame.height
        start = 0
        for row in self._damaged_rows(frame):
            self._put(visible(frame[start:row]))
            defect = frame.item(row, DEFECT)
            self._handle.write(self._damaged(self._bytes(visible(frame[row : row + 1])), self._damages[defect]))
            start = row + 1
        self._put(visible(frame[start:]))

    def close(self) -> None:
        """Do nothing: the handle is not ours."""

    def _damaged_rows(self, frame: pl.DataFrame) -> list[int]:
        damaged = [number for number, damage in self._damages.items() if damage in _DAMAGES]
        is_damaged = frame[DEFECT].is_in(damaged).fill_null(value=False)
        return is_damaged.arg_true().to_list()

    def _put(self, frame: pl.DataFrame) -> None:
        if self._dialect.encoding == "utf-8":
            self._write_utf8(frame, self._handle, header=False)
        else:
            self._handle.write(self._bytes(frame))

    def _bytes(self, frame: pl.DataFrame, *, header: bool = False) -> bytes:
        buffer = BytesIO()
        self._write_utf8(frame, buffer, header=header)
        return buffer.getvalue().decode("utf-8").encode(self._dialect.encoding)

    def _write_utf8(self, frame: pl.DataFrame, handle: IO[bytes], *, header: bool) -> None:
        frame.write_csv(
            handle, include_header=header, separator=self._dialect.delimiter, quote_char=self._dialect.quote
        )

    def _damaged(self, line: bytes, damage: str) -> bytes:
        delimiter = self._dialect.delimiter.encode()
        first, separator, rest = line.partition(delimiter)
        if damage == "quote":
            return first + separator + self._dialect.quote.encode() + rest
        if damage == "encoding":
            return first + _FOREIGN_BYTE + separator + rest
        return line.rstrip(b"\n") + delimiter + b"0\n"
