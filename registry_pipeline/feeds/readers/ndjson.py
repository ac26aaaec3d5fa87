"""One JSON object per line."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header, tidied
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
    for block in blocks(utf8_chunks(path, "utf-8", batch_bytes)):
        objects, _ = _whole_lines(block, 1)
        if objects:
            names.update(dict.fromkeys(_keys(b"".join(line for _, line in objects))))
    if not names:
        raise DeliveryRefusedError(
            "delivery.empty", "No line of the file is a JSON object.", remedy="Send one JSON object per line.", line=1
        )
    columns = checked_header(list(names))
    return Part(columns, lambda: _batches(path, columns, batch_bytes))


def _keys(text: bytes) -> list[str]:
    return list(pl.read_ndjson(text, infer_schema_length=None).columns)


def _batches(path: Path, columns: tuple[str, ...], batch_bytes: int) -> Iterator[RawBatch]:
    line = 1
    for block in blocks(utf8_chunks(path, "utf-8", batch_bytes)):
        objects, damages = _whole_lines(block, line)
        yield RawBatch(_parse(objects, columns), damages)
        line += block.count(b"\n")


def _parse(objects: list[tuple[int, bytes]], columns: tuple[str, ...]) -> pl.DataFrame:
    schema = dict.fromkeys(columns, pl.String)
    text = b"".join(line for _, line in objects)
    frame = pl.read_ndjson(text, schema=schema) if text else pl.DataFrame(schema=schema)
    return tidied(frame).with_columns(pl.Series(LINE, [number for number, _ in objects], dtype=pl.Int64))


def _whole_lines(block: bytes, first_line: int) -> tuple[list[tuple[int, bytes]], list[Damage]]:
    """Split a block into the lines that hold one object each, and the damaged ones; blank lines are neither."""
    objects: list[tuple[int, bytes]] = []
    damages: list[Damage] = []
    for number, line in enumerate(block.splitlines(keepends=True), start=first_line):
        if not line.strip():
            continue
        if REPLACEMENT in line:
            damages.append(Damage(number, "record.encoding", raw_text(line)))
        elif _is_object(line):
            objects.append((number, line))
        else:
            damages.append(Damage(number, "record.json", raw_text(line)))
    return objects, damages


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
