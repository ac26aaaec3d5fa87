"""Delimited text: its header, and its lines in blocks.

Every physical line is accounted for: it is part of a record, it is blank, or it is a `Damage`. What becomes of the
lines of a block is decided in readers.salvage.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.model import CsvDialect, FileFeed
from registry_pipeline.feeds.readers.base import Part, RawBatch, checked_header
from registry_pipeline.feeds.readers.quoting import NEWLINE
from registry_pipeline.feeds.readers.salvage import Block, Layout, split
from registry_pipeline.feeds.readers.text import LONE_RETURN, REPLACEMENT, blocks, count_octet, utf8_chunks

_HEADER_BYTES = 1 << 20
_SEPARATOR = "\x1f"
"""Stands for a delimiter that has several bytes in UTF-8; the parsers take only one."""


def open_parts(path: Path, entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_csv(path, entry.csv, batch_bytes)]


def open_csv(path: Path, dialect: CsvDialect, batch_bytes: int) -> Part:
    """Open a delimited file. Blank lines before the header are passed over.

    Raises:
        DeliveryRefusedError: If it has no header line, or the header cannot be split.
    """
    first = next(_text(path, dialect, _HEADER_BYTES), b"")
    blank = len(first) - len(first.lstrip(b"\r\n\xff"))
    end = _header_end(first, blank, dialect.quote.encode())
    layout = Layout(_names(first[blank:end], dialect), _delimiter(dialect), dialect.quote)
    return Part(layout.columns, lambda: _batches(path, dialect, layout, end, batch_bytes))


def _delimiter(dialect: CsvDialect) -> str:
    return dialect.delimiter if dialect.delimiter.isascii() else _SEPARATOR


def _text(path: Path, dialect: CsvDialect, size: int) -> Iterator[bytes]:
    chunks = utf8_chunks(path, dialect.encoding, size)
    if not dialect.delimiter.isascii():
        own, separator = dialect.delimiter.encode(), _SEPARATOR.encode()
        chunks = (chunk.replace(separator, REPLACEMENT).replace(own, separator) for chunk in chunks)
    return blocks(chunks, LONE_RETURN)


def _header_end(text: bytes, start: int, quote: bytes) -> int:
    """Return where the header ends; a name in quotes may have line breaks."""
    end = text.find(b"\n", start) + 1
    while text.count(quote, start, end) % 2 and (further := text.find(b"\n", end) + 1):
        end = further
    return end


def _names(header: bytes, dialect: CsvDialect) -> tuple[str, ...]:
    if not header.strip():
        raise DeliveryRefusedError(
            "delivery.empty", "The file has no header line.", remedy="Send the file with its header.", line=1
        )
    if REPLACEMENT in header or b"\0" in header:
        raise DeliveryRefusedError(
            "delivery.header",
            "The header line has bytes that are not text in the encoding that the feed names.",
            remedy="Send the file in that encoding, or change `encoding` in the feed.",
            line=1,
        )
    names = split(header, _delimiter(dialect), dialect.quote)
    if names is None:
        raise DeliveryRefusedError(
            "delivery.header", "The header line cannot be split into columns.", remedy="Mend its quotes.", line=1
        )
    while len(names) > 1 and not names[-1].strip():
        names.pop()  # the header, too, may end in a delimiter
    return checked_header([name.replace(_SEPARATOR, dialect.delimiter) for name in names])


def _batches(path: Path, dialect: CsvDialect, layout: Layout, header: int, batch_bytes: int) -> Iterator[RawBatch]:
    line, held, n_passed = 1, b"", 0
    for block, is_last in _with_last(_text(path, dialect, batch_bytes)):
        body = block[max(header - n_passed, 0) :]
        n_passed += len(block)
        line += block.count(b"\n", 0, len(block) - len(body))
        text = held + body
        n_lines = count_octet(text, NEWLINE)
        batch, held = Block(text, n_lines, line, layout, is_last).read()
        yield batch if dialect.delimiter.isascii() else _with_own_delimiter(batch, dialect.delimiter)
        line += n_lines - held.count(b"\n")


def _with_last(items: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each item, and whether it is the last one."""
    item = next(items, None)
    while item is not None:
        following = next(items, None)
        yield item, following is None
        item = following


def _with_own_delimiter(batch: RawBatch, delimiter: str) -> RawBatch:
    cells = pl.col(pl.String).str.replace_all(_SEPARATOR, delimiter, literal=True)
    damages = [replace(damage, raw=damage.raw.replace(_SEPARATOR, delimiter)) for damage in batch.damages]
    return RawBatch(batch.frame.with_columns(cells), damages)
