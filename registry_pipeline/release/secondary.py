"""Secondary suppression: what else must be hidden so that what is hidden cannot be worked out.

What belongs here: choosing rows. What does not: which cells are small (`disclosure.py`), and proving that nothing can
be worked out (`attack.py`), which is done anew on the finished release.

Chosen are the fewest rows, and of these the smallest, such that another registry with large hidden cells would publish
the very same numbers (a mixed-integer program, table by table, with the margins as shown; where that cannot be, margins
may go too). Where a table is too large for whole numbers, the same program without them chooses somewhat more than the
fewest, and never too few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.attack import Quantity, Sums, exposed, quantities, sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from registry_pipeline.release.attack import Flags, Floats
    from registry_pipeline.release.mart_contracts import MartContract

_MOST_ROWS_FOR_THE_FEWEST = 16
"""Parts of a mart with more shown rows than this get the program without whole numbers."""
_WHOLE_COST = 1000.0
"""A margin is worth as much as so many cells: it is hidden only where nothing else helps."""
_MOST_ROUNDS = 5
_SOLVERS_ZERO = 1e-9
_MOST_NODES = 200
"""How far the search for the fewest rows goes before the best found is taken."""


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
    for attempt in range(_MOST_ROUNDS):
        open_rows = still_exposed(systems, hidden)
        if not open_rows.any():
            return hidden
        # At first the margins stay as they are; what cannot be protected so is taken up again with them.
        free = np.ones(len(hidden), dtype=bool) if attempt else hidden | ~_wholes(systems, len(hidden))
        chosen = hidden.copy()
        for rows in _parts(systems, open_rows, free):
            chosen[_chosen(systems, rows, hidden)] = True
        hidden = chosen
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


def _wholes(systems: list[_System], n_rows: int) -> Flags:
    """Return which rows are the whole of something."""
    found = np.zeros(n_rows, dtype=bool)
    for system in systems:
        found[system.equations.row[system.equations.sign < 0]] = True
    return found


def _parts(systems: list[_System], open_rows: Flags, free: Flags) -> Iterator[NDArray[np.int64]]:
    """Yield the free rows that sums connect with each other, where one of them is exposed."""
    from scipy.sparse import coo_matrix  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - likewise

    n_rows = len(open_rows)
    left, right, size = [], [], n_rows
    for system in systems:
        terms = free[system.equations.row]
        left.append(system.equations.row[terms])
        right.append(size + system.equations.equation[terms])
        size += system.equations.n_equations
    ends = np.concatenate(left), np.concatenate(right)
    graph = coo_matrix((np.ones(len(ends[0])), ends), shape=(size, size))
    label = connected_components(graph, directed=False)[1][:n_rows]
    label[~free] = -1
    wanted = np.flatnonzero(np.isin(label, np.unique(label[open_rows])) & free)
    order = wanted[np.argsort(label[wanted], kind="stable")]
    yield from np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _chosen(systems: list[_System], rows: NDArray[np.int64], hidden: Flags) -> NDArray[np.int64]:
    """Return the shown rows among some to hide: those that must differ for every hidden cell to be large."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - as above
    from scipy.sparse import block_array, identity  # noqa: PLC0415 - likewise

    shown, size = ~hidden[rows], len(rows)
    concerned = [system for system in systems if (system.at_least[rows] * hidden[rows]).any()]
    value = np.stack([system.quantity.value[rows] for system in concerned])
    least = np.stack([system.at_least[rows] * hidden[rows] for system in concerned])
    most = value.sum() + least.sum()
    # Unknowns: each quantity of each row in the other registry, then whether the row is hidden.
    one, reach = identity(size), identity(size) * float(most)
    blocks, low, high = [], [], []
    for number, system in enumerate(concerned):
        matrix = _matrix(system, rows)
        right = matrix @ value[number]
        blocks += [
            [*_at(len(concerned), number, matrix), None],
            [*_at(len(concerned), number, one), -reach],
            [*_at(len(concerned), number, one), reach],
        ]
        low += [right, np.full(size, -np.inf), value[number]]
        high += [right, value[number], np.full(size, np.inf)]
    lower = np.concatenate((least.ravel(), (~shown).astype(float)))
    upper = np.concatenate((np.full(value.size, most), np.ones(size)))
    result = milp(
        np.concatenate((np.zeros(value.size), _cost(_wholes(systems, len(hidden))[rows], value))),
        constraints=LinearConstraint(block_array(blocks).tocsr(), np.concatenate(low), np.concatenate(high)),
        bounds=Bounds(lower, upper),
        integrality=np.repeat([0, int(shown.sum() <= _MOST_ROWS_FOR_THE_FEWEST)], [value.size, size]),
        # A limit of time would give other releases on other machines.
        options={"node_limit": _MOST_NODES},
    )
    if result.x is None:
        return rows[:0]
    is_hidden: Flags = result.x[value.size :] > _SOLVERS_ZERO
    return rows[shown & is_hidden]


def _at(n_places: int, number: int, block: object) -> list[object]:
    return [block if place == number else None for place in range(n_places)]


def _matrix(system: _System, rows: NDArray[np.int64]) -> csr_matrix:
    """Return the sums of the rows: what the others add stays as it is."""
    from scipy.sparse import csr_matrix as sparse  # noqa: PLC0415 - as above

    order, place = np.sort(rows), np.argsort(rows)
    found = np.searchsorted(order, system.equations.row)
    terms = order[np.minimum(found, len(order) - 1)] == system.equations.row
    used, equation = np.unique(system.equations.equation[terms], return_inverse=True)
    return sparse((system.equations.sign[terms], (equation, place[found[terms]])), shape=(len(used), len(rows)))


def _cost(is_whole: Flags, value: Floats) -> Floats:
    """Return what hiding each row costs: one each, a little more for larger ones, much more for a margin."""
    largest = value.max(axis=0)
    cost: Floats = np.where(is_whole, _WHOLE_COST, 1.0) + largest / (1.0 + largest.sum())
    return cost
