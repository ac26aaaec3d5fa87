"""The fewest rows, and of these the smallest, that protect the small cells of a small mart.

What belongs here: the mixed-integer program that is exact and slow. What does not: large marts (`exchange.py`), and
which cells are exposed (`reach.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_matrix

    from registry_pipeline.release.attack import Flags, Floats, Table

    Ints = NDArray[np.int64]

_MOST_SHOWN = 24
_MOST_TARGETS = 8
"""Parts of a mart with more to choose from, or more to protect, than this are left to `exchange.py`."""
_MOST_NODES = 500
"""How far the search goes before the best found is taken. A limit of time would give other releases elsewhere."""
_SOLVERS_ZERO = 1e-9


def fewest(mart: Table, hidden: Flags, open_cells: Flags) -> Flags:
    """Return the hidden rows with the fewest and smallest that protect the open cells, margins left as they are.

    Parts of the mart that are too large for it, or that cannot be protected without a margin, stay as they are.

    Args:
        mart: The mart's cells and sums.
        hidden: The rows that are hidden already.
        open_cells: The cells that an outsider can tell to be small.
    """
    found = hidden.copy()
    for rows in _parts(mart, mart.of_rows(open_cells), hidden | ~mart.is_whole):
        targets = np.flatnonzero(open_cells)
        targets = targets[np.isin(targets % mart.n_rows, rows)]
        if int((~hidden[rows]).sum()) <= _MOST_SHOWN and len(targets) <= _MOST_TARGETS:
            found[_chosen(mart, rows, hidden[rows], targets)] = True
    return found


def _parts(mart: Table, open_rows: Flags, free: Flags) -> Iterator[Ints]:
    """Yield the free rows that sums connect with each other, where one of them is open."""
    label = replace(mart, sums=mart.sums.of(mart.of_cells(free))).parts
    for part in np.unique(label[open_rows]):
        yield np.flatnonzero((label == part) & free)


def _chosen(mart: Table, rows: Ints, is_hidden: Flags, targets: Ints) -> Ints:
    """Return the shown rows to hide such that, for each target, some other registry has it large."""
    from scipy.optimize import Bounds, milp  # noqa: PLC0415 - scipy costs start-up time that only a release may spend

    size = len(rows)
    value = np.stack([mart.value[target // mart.n_rows * mart.n_rows + rows] for target in targets])
    most = float(np.abs(value).sum() + mart.at_least[targets].sum())
    lower = np.minimum(value, 0.0)
    lower[np.arange(len(targets)), np.searchsorted(rows, targets % mart.n_rows)] = mart.at_least[targets]
    largest = mart.value.reshape(-1, mart.n_rows)[:, rows].max(axis=0)
    # Unknowns: for each target another registry, row by row; then whether the row is hidden.
    result = milp(
        np.concatenate((np.zeros(value.size), 1.0 + largest / (1.0 + largest.sum()))),
        constraints=_constraint(mart, rows, targets, value, most),
        bounds=Bounds(
            np.concatenate((lower.ravel(), is_hidden.astype(float))),
            np.repeat([most, 1.0], [value.size, size]),
        ),
        integrality=np.repeat([0, 1], [value.size, size]),
        options={"node_limit": _MOST_NODES},
    )
    if result.x is None:
        return rows[:0]
    is_chosen: Flags = ~is_hidden & (result.x[value.size :] > _SOLVERS_ZERO)
    return rows[is_chosen]


def _constraint(mart: Table, rows: Ints, targets: Ints, value: Floats, most: float) -> LinearConstraint:
    """Return that every sum holds in each other registry, and that shown rows are in it what they are."""
    from scipy.optimize import LinearConstraint as Linear  # noqa: PLC0415 - as above
    from scipy.sparse import block_array, identity  # noqa: PLC0415 - likewise

    size, n_targets = len(rows), len(targets)
    one, reach = identity(size), identity(size) * most
    blocks, low, high = [], [], []
    for number, target in enumerate(targets):
        matrix = _matrix(mart, target // mart.n_rows * mart.n_rows + rows)
        right = matrix @ value[number]
        blocks += [
            [*_at(n_targets, number, matrix), None],
            [*_at(n_targets, number, one), -reach],
            [*_at(n_targets, number, one), reach],
        ]
        low += [right, np.full(size, -np.inf), value[number]]
        high += [right, value[number], np.full(size, np.inf)]
    return Linear(block_array(blocks).tocsr(), np.concatenate(low), np.concatenate(high))


def _at(n_places: int, number: int, block: object) -> list[object]:
    return [block if place == number else None for place in range(n_places)]


def _matrix(mart: Table, cells: Ints) -> csr_matrix:
    """Return the sums of the cells, which lie in order: what the others add stays as it is."""
    from scipy.sparse import csr_matrix as sparse  # noqa: PLC0415 - as above

    wanted = np.zeros(len(mart.value), dtype=bool)
    wanted[cells] = True
    sums = mart.sums.of(wanted)
    used, equation = np.unique(sums.equation, return_inverse=True)
    return sparse((sums.sign, (equation, np.searchsorted(cells, sums.row))), shape=(len(used), len(cells)))
