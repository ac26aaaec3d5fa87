"""FHIR R4 bulk files (NDJSON), one part per resource type; a feed names a type as `sheet`.

How a resource becomes a row stands in fhir_resource.py. Every part has the column `entered_in_error` besides, which
takes back what was sent before. An element that the feed maps and no resource of the file has is an empty column: in
FHIR nearly everything is optional, and what must be there is required by the contract.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Damage, Part, RawBatch, checked_header
from registry_pipeline.feeds.readers.fhir_resource import flattened
from registry_pipeline.feeds.readers.objects import DECODER, Cells, object_frame
from registry_pipeline.feeds.readers.text import REPLACEMENT, blocks, raw_text, utf8_chunks

_IDENTIFYING = ("identifier.", "text.div")
_TYPE = re.compile("[A-Z][A-Za-z]+$")


def open_parts(path: Path, entry: FileFeed, batch_bytes: int) -> list[Part]:
    """Open the file as its feed entry says; see `readers.open_parts`. It is read for its columns, then for each type.

    Raises:
        DeliveryRefusedError: If it has a resource type that the feed does not know, or none that it maps; or patients
            with a record number or a narrative.
    """
    file = _BulkFile(path, entry, batch_bytes)
    columns = file.columns()
    _refuse_identifying(columns.get("Patient", []))
    if len(columns) == 1:
        ((kind, names),) = columns.items()
        return [_part(file, kind, {kind, None}, checked_header(names))]
    parts = [_part(file, kind, {kind}, checked_header(names)) for kind, names in columns.items()]
    return [*parts, Part((), lambda: _leftovers(file))]


def _part(file: "_BulkFile", kind: str, kinds: set[str | None], columns: tuple[str, ...]) -> Part:
    """Return the part of one resource type; of a file's only one, with the lines of which no type can be told."""

    def batches() -> Iterator[RawBatch]:
        for lines in file.blocks():
            found = [line for line in lines if line.kind in kinds]
            records = [(line.number, line.content) for line in found if isinstance(line.content, dict)]
            yield RawBatch(object_frame(records, columns), _damages(found))

    return Part(columns, batches, kind)


def _leftovers(file: "_BulkFile") -> Iterator[RawBatch]:
    """Yield what is of no resource type: the lines that cannot be read."""
    for lines in file.blocks():
        damages = _damages([line for line in lines if line.kind is None])
        yield RawBatch(pl.DataFrame(schema={LINE: pl.Int64}), damages)


@dataclass(frozen=True)
class _Line:
    """One line of a bulk file."""

    number: int
    kind: str | None
    """The resource type; None when it cannot be told."""
    content: Cells | Damage


def _damages(lines: list[_Line]) -> list[Damage]:
    return [line.content for line in lines if isinstance(line.content, Damage)]


@dataclass(frozen=True)
class _BulkFile:
    """A bulk file and what the feed says of it."""

    path: Path
    entry: FileFeed
    batch_bytes: int

    def blocks(self) -> Iterator[list[_Line]]:
        """Yield the resources of the types that the feed maps, and the lines that cannot be read, in file order."""
        number = 1
        for block in blocks(utf8_chunks(self.path, "utf-8", self.batch_bytes)):
            lines = block.split(b"\n")[:-1]
            numbered = enumerate(lines, start=number)
            read = (self._read(number, line) for number, line in numbered if line.strip())
            yield [line for line in read if line.kind not in self.entry.ignore_sheets]
            number += len(lines)

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of each resource type that the feed maps and the file has."""
        mapped: dict[str, dict[str, None]] = {}
        for mapping in self.entry.tables:
            mapped.setdefault(mapping.sheet or "", {}).update(dict.fromkeys(sorted(mapping.sources)))
        found = dict.fromkeys(mapped, False)
        for lines in self.blocks():
            for line in lines:
                if line.kind is None:
                    continue
                if line.kind not in mapped:
                    raise _unknown_type()
                found[line.kind] = True
                mapped[line.kind].update(dict.fromkeys(line.content if isinstance(line.content, dict) else ()))
        if not any(found.values()):
            raise DeliveryRefusedError(
                "delivery.empty",
                "The file has no resource of a type that the feed maps.",
                remedy="Send one FHIR resource per line.",
                line=1,
            )
        return {kind: list(names) for kind, names in mapped.items() if found[kind]}

    def _read(self, number: int, line: bytes) -> _Line:
        if REPLACEMENT in line:
            return _Line(number, None, Damage(number, "record.encoding", raw_text(line)))
        unread = Damage(number, "record.json", raw_text(line))
        kind = None
        try:
            resource = DECODER.decode(line.decode())
            named = resource.get("resourceType") if isinstance(resource, dict) else None
            if not isinstance(named, str) or not _TYPE.match(named):
                return _Line(number, None, unread)
            kind = named
            return _Line(number, kind, flattened(resource, self.entry.fhir))
        except (ValueError, RecursionError):
            return _Line(number, kind, unread)


def _refuse_identifying(columns: list[str]) -> None:
    """Refuse what identifies a patient in FHIR, and does not by the name of its column in other files."""
    if any(name.startswith(_IDENTIFYING) for name in columns):
        raise DeliveryRefusedError(
            "delivery.identifier_field",
            "Patients have a record number (`identifier`) or a narrative (`text`).",
            remedy="Export again without them; `id` is enough, if it is random.",
        )


def _unknown_type() -> DeliveryRefusedError:
    # Its name is not repeated: where a type should stand, anything may stand.
    return DeliveryRefusedError(
        "delivery.sheet",
        "The file has a resource type that the feed does not know.",
        remedy="Map it as a `sheet`, or list it under `ignore_sheets`.",
    )
