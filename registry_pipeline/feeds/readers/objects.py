"""What the readers of JSON objects share: a strict decoder, cells as text, and rows of cells as a frame."""

import json
from collections.abc import Sequence

import polars as pl

from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.readers.base import tidied

Cells = dict[str, str | None]
"""One record: column → text as it was written, None for null."""

_UNUSABLE = object()
"""Stands for what JSON's grammar or its readers leave open: NaN, Infinity, and an object that has a key twice."""


class NotFlatError(ValueError):
    """An object holds something that has no place in a table."""


def _once_each(pairs: list[tuple[str, object]]) -> object:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _UNUSABLE


DECODER = json.JSONDecoder(
    # A number stays as it is spelled: 0.10 is not 0.1 to a contract that counts places, and 2**53 + 1 is not 2**53.
    parse_float=str,
    parse_int=str,
    parse_constant=lambda _: _UNUSABLE,
    object_pairs_hook=_once_each,
)


def cell(value: object) -> str | None:
    """Return a decoded scalar as the text of a cell.

    Raises:
        NotFlatError: If it is not a scalar, or is text that no encoding can hold (half a surrogate pair).
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or not _is_text(value):
        raise NotFlatError
    return value


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def put(cells: Cells, name: str, value: object) -> None:
    """Add a cell to a record.

    Raises:
        NotFlatError: If it is not the text of one cell, or two members of the object come to the same name.
    """
    stripped = name.strip()
    if stripped in cells or not _is_text(stripped):
        raise NotFlatError
    cells[stripped] = cell(value)


def object_frame(records: Sequence[tuple[int, Cells]], columns: Sequence[str]) -> pl.DataFrame:
    """Return records, each with its line, as a raw batch has them."""
    text = {name: pl.Series(name, [cells.get(name) for _, cells in records], dtype=pl.String) for name in columns}
    lines = pl.Series(LINE, [line for line, _ in records], dtype=pl.Int64)
    return tidied(pl.DataFrame(text)).with_columns(lines) if text else pl.DataFrame([lines])
