"""The fewest rows, and of these the smallest, that protect the small cells of a small mart.

What belongs here: the mixed-integer program that is exact and slow. What does not: large marts (`exchange.py`), and
which cells are exposed (`reach.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.release.sums import connected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_matrix

    from registry_pipeline.release.attack import Flags, Table

    Ints = NDArray[np.int64]

_MOST_SHOWN = 24
_MOST_TARGETS = 8
"""Parts of a mart with more to choose from, or more to protect, than this are left to `exchange.py`."""
_MOST_NODES = 500
"""How far the search goes before the best found is taken. A limit of time would give other releases elsewhere."""
_SOLVERS_ZERO = 1e-9


def fewest(every: Table, hidden: Flags, open_cells: Flags) -> Flags:
    """Return the hidden rows with the fewest and smallest that protect the open cells, margins left as they are.

    Parts that are too large for it, or that cannot be protected without a margin, stay as they are.

    Args:
        every: The cells and sums.
        hidden: The rows that are hidden already.
        open_cells: The cells that an outsider can tell to be small.
    """
    found = hidden.copy()
    if not open_cells.any():
        return found
    free = hidden | ~every.rows_of(every.is_whole)
    usable = ~every.standing_in(~free)
    label, _ = replace(every, sums=every.sums.of(usable)).parts
    for rows, cells in _parts(every, usable, open_cells):
        targets = cells[open_cells[cells]]
        if int((~hidden[rows]).sum()) <= _MOST_SHOWN and len(targets) <= _MOST_TARGETS:
            others = [cells[label[cells] == label[target]] for target in targets]
            found[_chosen(every, rows, hidden[rows], targets, others)] = True
    return found


def _parts(every: Table, usable: Flags, open_cells: Flags) -> Iterator[tuple[Ints, Ints]]:
    """Yield the rows and cells that hang together by sums, or by standing in one row, where a cell is open."""
    sums = every.sums.of(usable)
    joins = usable[every.cell] & (every.value[every.cell] > 0)
    of_cell, _ = connected(
        np.concatenate((sums.row, every.cell[joins])),
        np.concatenate((sums.equation, every.row[joins] + sums.n_equations)),
        len(every.value),
        sums.n_equations + every.n_rows,
    )
    parts = np.unique(of_cell[open_cells & usable])
    # Places of cells that are nothing join no rows, and stand in some.
    places = np.flatnonzero(usable[every.cell] & np.isin(of_cell[every.cell], parts))
    for part in parts:
        rows = every.row[places[of_cell[every.cell[places]] == part]]
        yield np.unique(rows), np.flatnonzero((of_cell == part) & usable)


def _chosen(every: Table, rows: Ints, is_hidden: Flags, targets: Ints, others: Sequence[Ints]) -> Ints:
    """Return the shown rows to hide such that, for each target, some other registry has it large.

    `others` are, for each target, the cells that sums connect with it.
    """
    from scipy.optimize import Bounds, milp  # noqa: PLC0415 - scipy costs start-up time that only a release may spend

    value = [every.value[cells] for cells in others]
    most = float(sum(np.abs(each).sum() for each in value) + every.at_least[targets].sum())
    lower = [np.minimum(each, 0.0) for each in value]
    for cells, low, target in zip(others, lower, targets, strict=True):
        low[np.searchsorted(cells, target)] = every.at_least[target]
    largest = np.zeros(every.n_rows)
    np.maximum.at(largest, every.row, every.value[every.cell])
    size, n_rows = sum(map(len, others)), len(rows)
    # Unknowns: for each target another registry, cell by cell; then whether the row is hidden.
    result = milp(
        np.concatenate((np.zeros(size), 1.0 + largest[rows] / (1.0 + largest[rows].sum()))),
        constraints=[_constraint(every, rows, number, others, most) for number in range(len(targets))],
        bounds=Bounds(
            np.concatenate((*lower, is_hidden.astype(float))),
            np.repeat([most, 1.0], [size, n_rows]),
        ),
        integrality=np.repeat([0, 1], [size, n_rows]),
        options={"node_limit": _MOST_NODES},
    )
    if result.x is None:
        return rows[:0]
    is_chosen: Flags = ~is_hidden & (result.x[size:] > _SOLVERS_ZERO)
    return rows[is_chosen]


def _constraint(every: Table, rows: Ints, number: int, others: Sequence[Ints], most: float) -> LinearConstraint:
    """Return that every sum holds in the other registry of a target, and that what is shown is in it what it is."""
    from scipy.optimize import LinearConstraint as Linear  # noqa: PLC0415 - as above
    from scipy.sparse import csr_matrix, hstack, vstack  # noqa: PLC0415 - likewise

    cells, n_before = others[number], sum(map(len, others[:number]))
    size, n_after = len(cells), sum(map(len, others[number + 1 :]))
    matrix = _matrix(every, cells)
    places = np.flatnonzero(np.isin(every.cell, cells))
    at_cell, at_row = np.searchsorted(cells, every.cell[places]), np.searchsorted(rows, every.row[places])
    line, one = np.arange(len(places)), np.ones(len(places))
    pick = csr_matrix((one, (line, at_cell)), shape=(len(places), size))
    reach = csr_matrix((one * most, (line, at_row)), shape=(len(places), len(rows)))
    own = vstack((matrix, pick, pick))
    hides = vstack((csr_matrix((matrix.shape[0], len(rows))), -reach, reach))
    blocks = [csr_matrix((own.shape[0], n_before)), own, csr_matrix((own.shape[0], n_after)), hides]
    right, value = matrix @ every.value[cells], every.value[every.cell[places]]
    endless = np.full(len(places), np.inf)
    return Linear(
        hstack(blocks).tocsr(), np.concatenate((right, -endless, value)), np.concatenate((right, value, endless))
    )


def _matrix(every: Table, cells: Ints) -> csr_matrix:
    """Return the sums of the cells, which lie in order: what the others add stays as it is."""
    from scipy.sparse import csr_matrix as sparse  # noqa: PLC0415 - as above

    wanted = np.zeros(len(every.value), dtype=bool)
    wanted[cells] = True
    sums = every.sums.of(wanted)
    used, equation = np.unique(sums.equation, return_inverse=True)
    return sparse((sums.sign, (equation, np.searchsorted(cells, sums.row))), shape=(len(used), len(cells)))
