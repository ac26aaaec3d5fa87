"""Reference vocabularies: the closed lists and per-instrument ranges that contracts point to."""

import csv
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from registry_pipeline.errors import ContractError

VocabularyPath = Callable[[str], Path]
"""Gives the file of a vocabulary by its file name; `Settings.vocabulary_path` is one."""


@lru_cache(maxsize=64)
def read_vocabulary(path: Path) -> tuple[dict[str, str], ...]:
    """Return the rows of a vocabulary CSV.

    Raises:
        ContractError: If the file is missing or empty.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = tuple(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError("The vocabulary cannot be read.", remedy="Restore the file.", file=path) from error
    if not rows:
        raise ContractError("The vocabulary has no rows.", remedy="Restore its content.", file=path)
    return rows


def vocabulary_column(path: Path, column: str) -> tuple[str, ...]:
    """Return one column of a vocabulary, in file order.

    Raises:
        ContractError: If the vocabulary has no such column.
    """
    rows = read_vocabulary(path)
    if column not in rows[0]:
        raise ContractError(f"The vocabulary has no column `{column}`.", remedy="Name one of its columns.", file=path)
    return tuple(row[column] for row in rows)


def vocabulary_ranges(path: Path, key: str, low: str, high: str) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Return (key value, low, high) of each row of a vocabulary.

    Raises:
        ContractError: If a column is missing or a bound is not a number; with the line.
    """
    columns = zip(
        vocabulary_column(path, key), vocabulary_column(path, low), vocabulary_column(path, high), strict=True
    )
    ranges = []
    for line, (name, first, last) in enumerate(columns, start=2):
        try:
            ranges.append((name, Decimal(first), Decimal(last)))
        except InvalidOperation as error:
            raise ContractError(
                f"`{low}` and `{high}` must be numbers.", remedy="Mend the line.", file=path, line=line
            ) from error
    return tuple(ranges)
