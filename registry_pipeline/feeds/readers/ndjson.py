"""One JSON object per line; what an object becomes is told in readers.json."""

from collections.abc import Iterator
from pathlib import Path

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header
from registry_pipeline.feeds.readers.json import flattened
from registry_pipeline.feeds.readers.objects import DECODER, Cells, object_frame
from registry_pipeline.feeds.readers.text import REPLACEMENT, blocks, raw_text, utf8_chunks


def open_parts(path: Path, _entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`."""
    return [open_ndjson(path, batch_bytes)]


def open_ndjson(path: Path, batch_bytes: int) -> Part:
    """Open a file of JSON objects. It is read twice: the columns are all keys that any line has.

    Raises:
        DeliveryRefusedError: If no line is a JSON object.
    """
    names: dict[str, None] = {}
    for lines in _blocks(path, batch_bytes):
        for _, content in lines:
            if not isinstance(content, Damage):
                names.update(dict.fromkeys(content))
    if not names:
        raise DeliveryRefusedError(
            "delivery.empty", "No line of the file is a JSON object.", remedy="Send one JSON object per line.", line=1
        )
    columns = checked_header(list(names))
    return Part(columns, lambda: _batches(path, columns, batch_bytes))


def _batches(path: Path, columns: tuple[str, ...], batch_bytes: int) -> Iterator[RawBatch]:
    for lines in _blocks(path, batch_bytes):
        records = [(number, content) for number, content in lines if not isinstance(content, Damage)]
        damages = [content for _, content in lines if isinstance(content, Damage)]
        yield RawBatch(object_frame(records, columns), damages)


def _blocks(path: Path, batch_bytes: int) -> Iterator[list[tuple[int, Cells | Damage]]]:
    """Yield the lines that are not blank: the record that each is, or its damage."""
    first = 1
    for block in blocks(utf8_chunks(path, "utf-8", batch_bytes)):
        lines = block.split(b"\n")[:-1]
        yield [(number, _read(number, line)) for number, line in enumerate(lines, start=first) if line.strip()]
        first += len(lines)


def _read(number: int, line: bytes) -> Cells | Damage:
    if REPLACEMENT in line:
        return Damage(number, "record.encoding", raw_text(line))
    try:
        return flattened(DECODER.decode(line.decode()))
    except (ValueError, RecursionError):  # NotFlatError is a ValueError
        return Damage(number, "record.json", raw_text(line))
