"""One JSON document: an array of objects, decoded object by object, so that it may be larger than the memory.

The "line" of a record is the position of its object in the array, from 1. Objects inside an object become columns with
dotted names (`patient.age`); a list inside has no place in a table, and costs its object. Numbers keep their spelling.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header
from registry_pipeline.feeds.readers.objects import DECODER, Cells, NotFlatError, object_frame, put
from registry_pipeline.feeds.readers.text import REPLACEMENT, raw_text, utf8_chunks

_PIECE = 1 << 20
_MAX_OBJECT = 16 << 20
"""Characters an object may have; a document that is broken in its middle is not read to its end in search of one."""
_BLANK = re.compile(r"[ \t\r\n]*")
_NO_TEXT = REPLACEMENT.decode()


def open_parts(path: Path, _entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_json(path, batch_bytes)]


def open_json(path: Path, batch_bytes: int) -> Part:
    """Open a JSON array. It is read twice: the columns are all keys that any object has.

    Raises:
        DeliveryRefusedError: If it is not a JSON array, is broken, or has no object that can be a record.
    """
    names: dict[str, None] = {}
    for element in _elements(path):
        record = _record(*element)
        if not isinstance(record, Damage):
            names.update(dict.fromkeys(record))
    if not names:
        raise DeliveryRefusedError(
            "delivery.empty", "The array has no object of plain values.", remedy="Send an array of objects.", line=1
        )
    columns = checked_header(list(names))
    return Part(columns, lambda: _batches(path, columns, batch_bytes))


def _batches(path: Path, columns: tuple[str, ...], batch_bytes: int) -> Iterator[RawBatch]:
    records: list[tuple[int, Cells]] = []
    damages: list[Damage] = []
    n_held = 0
    for position, value, text in _elements(path):
        record = _record(position, value, text)
        if isinstance(record, Damage):
            damages.append(record)
        else:
            records.append((position, record))
        n_held += len(text)
        if n_held >= batch_bytes:
            yield RawBatch(object_frame(records, columns), damages)
            records, damages, n_held = [], [], 0
    if n_held:
        yield RawBatch(object_frame(records, columns), damages)


def _record(position: int, value: object, text: str) -> Cells | Damage:
    if _NO_TEXT in text:
        return Damage(position, "record.encoding", raw_text(text.encode()))
    try:
        return flattened(value)
    except (NotFlatError, RecursionError):
        return Damage(position, "record.json", raw_text(text.encode()))


def flattened(value: object) -> Cells:
    """Return an object with the objects inside it as dotted names.

    Raises:
        NotFlatError: If it is not an object, or holds a list.
    """
    if not isinstance(value, dict):
        raise NotFlatError
    cells: Cells = {}
    for name, member in value.items():
        if isinstance(member, dict):
            for inner, text in flattened(member).items():
                put(cells, f"{name}.{inner}", text)
        else:
            put(cells, name, member)
    return cells


def _elements(path: Path) -> Iterator[tuple[int, object, str]]:
    """Yield the elements of the array: position from 1, value, and text."""
    document = _Document(path)
    if document.peek() != "[":
        raise DeliveryRefusedError(
            "delivery.unreadable", "The file is not a JSON array.", remedy="Send one array of objects.", line=1
        )
    position = 0
    mark = document.take()
    while mark != "]":
        if position == 0 and document.peek() == "]":
            document.take()
            break
        position += 1
        yield position, *document.value(position)
        mark = document.take()
        if mark not in {",", "]"}:
            raise _broken(position)
    if document.peek():
        raise _broken(position)


class _Document:
    """A JSON document in a window that moves over the file."""

    def __init__(self, path: Path) -> None:
        self.pieces = utf8_chunks(path, "utf-8", _PIECE)
        self.text = next(self.pieces, b"").decode().removeprefix("\ufeff")
        self.at = 0

    def peek(self) -> str:
        """Return the next character that is not blank, without taking it; "" at the end."""
        while True:
            blank = _BLANK.match(self.text, self.at)
            self.at = blank.end() if blank else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def take(self) -> str:
        mark = self.peek()
        self.at += 1
        return mark

    def value(self, position: int) -> tuple[object, str]:
        """Take one JSON value, and its text."""
        self.peek()
        while True:
            found = self._decoded()
            # A value that ends with the window may go on behind it: 12 may be the start of 123.
            if found is not None and (found[1] < len(self.text) or not self._more()):
                value, end = found
                text = self.text[self.at : end]
                self.at = end
                return value, text
            if found is None and (len(self.text) - self.at > _MAX_OBJECT or not self._more()):
                raise _broken(position)

    def _decoded(self) -> tuple[object, int] | None:
        try:
            return DECODER.raw_decode(self.text, self.at)
        except (ValueError, RecursionError):
            return None

    def _more(self) -> bool:
        piece = next(self.pieces, None)
        if piece is None:
            return False
        self.text = self.text[self.at :] + piece.decode()
        self.at = 0
        return True


def _broken(position: int) -> DeliveryRefusedError:
    return DeliveryRefusedError(
        "delivery.unreadable",
        "The JSON document is broken or cut off.",
        remedy="Write the file with a JSON library and send it again.",
        line=max(position, 1),
    )
