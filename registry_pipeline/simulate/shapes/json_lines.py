"""Newline-delimited JSON: numbers and booleans as such, one object per line."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

import polars as pl

from registry_pipeline.simulate.shapes.source import DEFECT
from registry_pipeline.simulate.shapes.typed import typed
from registry_pipeline.simulate.shapes.writer import note_lines, visible


class JsonLinesWriter:
    """Writes an NDJSON file; a row with a defect keeps its text where it cannot be a number.

    Args:
        handle: Where to write.
        types: Physical type by source column.
        damages: Defects whose line is cut off (`json`).
    """

    def __init__(self, handle: BinaryIO, types: dict[str, str], damages: dict[int, str]) -> None:
        self.lines: dict[int, int] = {}
        self._handle = handle
        self._types = types
        self._damages = damages
        self._next_line = 1

    def write(self, frame: pl.DataFrame) -> None:
        """Take more rows."""
        note_lines(self.lines, frame, self._next_line)
        self._next_line += frame.height
        start = 0
        for row in frame[DEFECT].is_not_null().arg_true().to_list():
            self._put(visible(frame[start:row]))
            line = json.dumps(self._object(visible(frame[row : row + 1]).row(0, named=True)), ensure_ascii=False)
            is_cut = self._damages.get(frame.item(row, DEFECT)) == "json"
            self._handle.write((line[: len(line) // 2] if is_cut else line).encode() + b"\n")
            start = row + 1
        self._put(visible(frame[start:]))

    def close(self) -> None:
        """Do nothing: the handle is not ours."""

    def _put(self, frame: pl.DataFrame) -> None:
        typed(frame, self._types, decimals=pl.Float64).write_ndjson(self._handle)

    def _object(self, row: dict[str, str | None]) -> dict[str, Any]:
        return {name: _json_value(text, self._types.get(name, "VARCHAR")) for name, text in row.items()}


def _json_value(text: str | None, physical_type: str) -> Any:
    if text is None or physical_type == "VARCHAR":
        return text
    if physical_type == "BOOLEAN":
        return {"true": True, "false": False}.get(text, text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return float(number) if physical_type.startswith("DECIMAL") else int(number)
