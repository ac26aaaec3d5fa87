"""Records of one delivery that share a key: the same record twice is a duplicate, two different ones a conflict."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

_POSITION = "__position"


class KeyWatch:
    """Remembers 8 bytes for every record, so that repeated keys are found without holding the records."""

    def __init__(self, key: tuple[str, ...]) -> None:
        self.key = list(key)
        self._hashes: list[NDArray[np.uint64]] = []

    def see(self, accepted: pl.DataFrame) -> None:
        """Remember the keys of a batch of accepted records."""
        self._hashes.append(accepted.select(self.key).hash_rows().to_numpy())

    def suspects(self) -> NDArray[np.int64]:
        """Return the positions, in order of writing, of records whose key may stand more than once."""
        if not self._hashes:
            return np.empty(0, dtype=np.int64)
        hashes = np.concatenate(self._hashes)
        order = np.sort(hashes)
        repeated = np.unique(order[1:][order[1:] == order[:-1]])
        if len(repeated) == 0:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.isin(hashes, repeated))


def repeated_records(file: Path, key: tuple[str, ...], content: list[str], suspects: NDArray[np.int64]) -> pl.DataFrame:
    """Tell duplicates from conflicts among the suspects of a written file.

    Returns:
        The records to take out, with `is_duplicate` (else in conflict) and their `__position` in the file.
    """
    positions = pl.Series(_POSITION, suspects, dtype=pl.UInt32)
    rows = (
        pl.scan_parquet(file)
        .with_row_index(_POSITION)
        .filter(pl.col(_POSITION).is_in(positions.implode()))
        .collect()
        .sort(_POSITION)
    )
    group = list(key)
    rows = rows.with_columns(
        pl.len().over(group).alias("__n"),
        pl.struct(content).n_unique().over(group).alias("__n_distinct"),
        pl.int_range(pl.len()).over(group).alias("__nth"),
    )
    is_duplicate = (pl.col("__n_distinct") == 1) & (pl.col("__nth") > 0)
    is_conflict = pl.col("__n_distinct") > 1
    return (
        rows.filter(is_duplicate | is_conflict)
        .with_columns(is_duplicate.alias("is_duplicate"))
        .drop("__n", "__n_distinct", "__nth")
    )


def without_positions(file: Path, positions: pl.Series) -> pl.LazyFrame:
    """Return the file's rows except those at the given positions, in order."""
    return (
        pl.scan_parquet(file)
        .with_row_index(_POSITION)
        .filter(~pl.col(_POSITION).is_in(positions.implode()))
        .drop(_POSITION)
    )
