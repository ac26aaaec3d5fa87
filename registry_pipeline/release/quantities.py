"""What the rows of a mart count: the one list of what must be neither small nor told by its change.

What belongs here: counts, complements and what nested rows leave between them. What does not: what is done about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.mart_contracts import MartContract, Nested

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


def is_hidden(frame: pl.DataFrame, *, unsaid: bool = False) -> Flags:
    """Return the rows of a mart that are flagged hidden.

    Args:
        frame: The mart; without the flag nothing is hidden.
        unsaid: What a row is taken for whose flag is null.
    """
    if "is_suppressed" not in frame.columns:
        return np.zeros(frame.height, dtype=bool)
    found: Flags = frame.get_column("is_suppressed").cast(pl.Boolean).fill_null(value=unsaid).to_numpy()
    return found


def by_mart(rows: Flags, frames: Sequence[pl.DataFrame]) -> list[Flags]:
    """Return a flag of the rows of several marts, which lie one after the other, mart by mart."""
    return np.split(rows, np.cumsum([frame.height for frame in frames])[:-1])


@dataclass(frozen=True)
class Quantity:
    """Something that rows count: a column, or what two columns leave between them."""

    name: str
    value: Floats
    """Per row; NaN where the row has no such quantity, and no sum holds that it is in."""


def quantities(frame: pl.DataFrame, contract: MartContract) -> list[Quantity]:
    """Return every count of a mart, every complement, and what lies between nested rows."""
    numbers = {name: _number(frame, name) for name in contract.with_role("count")}
    found = [Quantity(name, value) for name, value in numbers.items()]
    return [
        *found,
        *(Quantity(f"{whole} - {part}", numbers[whole] - numbers[part]) for whole, part in contract.complements),
        *(
            Quantity(f"{nested.count}: {nested.firm} - {nested.yielding}", _between(frame, contract, nested))
            for nested in contract.nested
        ),
    ]


def n_quantities(contract: MartContract) -> int:
    """Return how many quantities a mart has."""
    return len(contract.with_role("count")) + len(contract.complements) + len(contract.nested)


def is_small(frame: pl.DataFrame, contract: MartContract, small_cell: int) -> Flags:
    """Return the rows in which some quantity lies above 0 and at most at `small_cell`."""
    # Person-time may be fractional: 0.4 patient-months are somebody's, so the bound below is "above zero".
    found = [(each.value > 0) & (each.value <= small_cell) for each in quantities(frame, contract)]
    return np.logical_or.reduce(found) if found else np.zeros(frame.height, dtype=bool)


def _between(frame: pl.DataFrame, contract: MartContract, nested: Nested) -> Floats:
    """Return, at the yielding rows, by how much the count differs from that of the firm ones."""
    keys = [name for name in contract.grain if name != nested.key]
    rows = frame.select(*keys, nested.key, pl.col(nested.count).cast(pl.Float64)).with_row_index("row")
    firm = rows.filter(pl.col(nested.key) == nested.firm).select(*keys, pl.col(nested.count).alias("firm"))
    pairs = rows.filter(pl.col(nested.key) == nested.yielding).join(firm, on=keys, nulls_equal=True)
    found = np.full(frame.height, np.nan)
    found[pairs["row"].to_numpy()] = (pairs["firm"] - pairs[nested.count]).abs().to_numpy()
    return found


def _number(frame: pl.DataFrame, name: str) -> Floats:
    values: Floats = frame.get_column(name).cast(pl.Float64).fill_null(0).fill_nan(0).to_numpy()
    return values
