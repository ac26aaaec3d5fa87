"""Numbers that stand for rows of several columns, so that rows are compared as fast as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_SEED = np.uint64(0x9E3779B97F4A7C15)
_STEPS = ((np.uint64(0xBF58476D1CE4E5B9), np.uint64(31)), (np.uint64(0x94D049BB133111EB), np.uint64(29)))


def mixed(seed: int, *columns: NDArray[np.generic]) -> Hashes:
    """Return a number for each row of the columns that rows with other contents hardly ever share.

    Args:
        seed: Other seeds give other numbers.
        columns: Of 8 bytes a cell: integers or floats.
    """
    found = np.full(len(columns[0]), np.uint64(seed), dtype=np.uint64)
    for column in columns:
        found = found * _SEED + np.ascontiguousarray(column).view(np.uint64)
        for factor, shift in _STEPS:
            found = (found ^ (found >> shift)) * factor
    return found ^ (found >> np.uint64(32))


def added(size: int, place: NDArray[np.int64], numbers: Hashes) -> Hashes:
    """Return what the numbers of each place add up to, in whatever order they come."""
    found = np.zeros(size, dtype=np.uint64)
    np.add.at(found, place, numbers)
    return found
