"""Secondary suppression: what else must be hidden so that what is hidden cannot be worked out.

What belongs here: choosing rows. What does not: which cells are small (`disclosure.py`), and proving that nothing can
be worked out (`attack.py`), which is done anew on the finished release.

Chosen are the fewest rows, and of these the smallest, such that another registry with large hidden cells would publish
the very same numbers (a mixed-integer program). Where a part of a mart is too large for that, the same program without
whole numbers chooses somewhat more than the fewest, and never too few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.attack import Quantity, Sums, exposed, quantities, sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from registry_pipeline.release.attack import Flags, Floats
    from registry_pipeline.release.mart_contracts import MartContract

_MOST_ROWS_FOR_THE_FEWEST = 60
"""Parts of a mart with more shown rows than this get the program without whole numbers."""
_WHOLE_COST = 1000.0
"""A margin is worth as much as so many cells: it is hidden only where nothing else helps."""
_MOST_ROUNDS = 5
_SOLVERS_ZERO = 1e-9


@dataclass(frozen=True)
class _System:
    """One quantity with the sums that hold for it and what each row ought to hide."""

    quantity: Quantity
    equations: Sums
    at_least: Floats


def protected(value: Floats, small_cell: int) -> Floats:
    """Return what each cell must possibly be: above the threshold where it is small, anything elsewhere."""
    return np.where((value > 0) & (value <= small_cell), float(small_cell + 1), 0.0)


def also_hidden(frame: pl.DataFrame, contract: MartContract, hidden: Flags, small_cell: int) -> Flags:
    """Return the hidden rows and those that must be hidden with them.

    Args:
        frame: The mart as built.
        contract: Its counts, complements and grain.
        hidden: The rows that are hidden because a cell in them is small.
        small_cell: The largest count that is hidden.

    Raises:
        GateRefusedError: If no choice of rows protects every cell.
    """
    if not hidden.any() or hidden.all():
        return hidden
    equations = sums(frame, contract)
    systems = [
        _System(quantity, equations.holding(quantity.value), protected(quantity.value, small_cell))
        for quantity in quantities(frame, contract)
    ]
    for _ in range(_MOST_ROUNDS):
        open_rows = still_exposed(systems, hidden)
        if not open_rows.any():
            return hidden
        hidden = hidden.copy()
        for rows in _parts(systems, len(hidden), open_rows):
            hidden[_chosen(systems, rows, hidden)] = True
    raise GateRefusedError(
        f"The hidden cells of marts.{contract.name} cannot be protected.",
        remedy="Nothing was published. Publish fewer breakdowns of this mart.",
    )


def still_exposed(systems: list[_System], hidden: Flags) -> Flags:
    """Return the rows of which an outsider can tell that a hidden cell is small."""
    found = np.zeros(len(hidden), dtype=bool)
    for system in systems:
        found |= exposed(system.equations, system.quantity.value, hidden, np.where(hidden, system.at_least, 0.0))
    return found


def _parts(systems: list[_System], n_rows: int, open_rows: Flags) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each part of the mart that hangs together and holds an exposed row."""
    from scipy.sparse import coo_matrix  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - likewise

    ends = [
        (system.equations.row, n_rows + offset + system.equations.equation)
        for system, offset in zip(systems, _offsets(systems), strict=True)
    ]
    left, right = (np.concatenate(side) for side in zip(*ends, strict=True))
    size = n_rows + sum(system.equations.n_equations for system in systems)
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(size, size))
    label = connected_components(graph, directed=False)[1][:n_rows]
    for part in np.unique(label[open_rows]):
        yield np.flatnonzero(label == part)


def _offsets(systems: list[_System]) -> list[int]:
    sizes = [system.equations.n_equations for system in systems]
    return [0, *np.cumsum(sizes)[:-1].tolist()]


def _chosen(systems: list[_System], rows: NDArray[np.int64], hidden: Flags) -> NDArray[np.int64]:
    """Return the shown rows of one part to hide: those that must differ for every hidden cell to be large."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - as above
    from scipy.sparse import block_array, identity  # noqa: PLC0415 - likewise

    size, n_systems = len(rows), len(systems)
    shown = ~hidden[rows]
    value = np.stack([system.quantity.value[rows] for system in systems])
    least = np.stack([np.where(hidden[rows], system.at_least[rows], 0.0) for system in systems])
    most = value.sum(axis=1, keepdims=True) + least.sum(axis=1, keepdims=True)
    reach = identity(size) * float(most.max())
    # Unknowns: each quantity of each row in the other registry, then whether the row is hidden.
    none, one = None, identity(size)
    matrices = [_matrix(system, rows) for system in systems]
    blocks, low, high = [], [], []
    for number, matrix in enumerate(matrices):
        place = [none] * n_systems
        blocks += [
            [*_at(place, number, matrix), none],
            [*_at(place, number, one), -reach],
            [*_at(place, number, one), reach],
        ]
        low += [np.zeros(matrix.shape[0]), np.full(size, -np.inf), value[number]]
        high += [np.zeros(matrix.shape[0]), value[number], np.full(size, np.inf)]
    cost = np.concatenate((np.zeros(n_systems * size), _cost(systems, rows, value)))
    is_whole_number = shown.sum() <= _MOST_ROWS_FOR_THE_FEWEST
    result = milp(
        cost,
        constraints=LinearConstraint(block_array(blocks).tocsr(), np.concatenate(low), np.concatenate(high)),
        bounds=Bounds(
            np.concatenate((least.ravel(), (~shown).astype(float))),
            np.concatenate((np.broadcast_to(most, value.shape).ravel(), np.ones(size))),
        ),
        integrality=np.concatenate((np.zeros(n_systems * size), np.full(size, int(is_whole_number)))),
    )
    if result.x is None:
        return rows
    is_hidden: Flags = result.x[n_systems * size :] > _SOLVERS_ZERO
    return rows[shown & is_hidden]


def _at(place: Sequence[object], number: int, block: object) -> list[object]:
    return [*place[:number], block, *place[number + 1 :]]


def _matrix(system: _System, rows: NDArray[np.int64]) -> csr_matrix:
    from scipy.sparse import csr_matrix as sparse  # noqa: PLC0415 - as above

    place = {row: number for number, row in enumerate(rows.tolist())}
    terms = np.isin(system.equations.row, rows)
    used, equation = np.unique(system.equations.equation[terms], return_inverse=True)
    columns = [place[row] for row in system.equations.row[terms].tolist()]
    return sparse((system.equations.sign[terms], (equation, columns)), shape=(len(used), len(rows)))


def _cost(systems: list[_System], rows: NDArray[np.int64], value: Floats) -> Floats:
    """Return what hiding each row costs: one each, a little more for larger ones, much more for a margin."""
    is_whole = np.zeros(int(rows.max()) + 1, dtype=bool)
    for system in systems:
        wholes = system.equations.row[system.equations.sign < 0]
        is_whole[wholes[wholes < len(is_whole)]] = True
    largest = value.max(axis=0)
    cost: Floats = np.where(is_whole[rows], _WHOLE_COST, 1.0) + largest / (1.0 + largest.sum())
    return cost
