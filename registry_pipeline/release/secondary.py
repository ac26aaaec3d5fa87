"""Secondary suppression: what else must be hidden so that what is hidden cannot be worked out.

What belongs here: choosing rows. What does not: which cells are small (`disclosure.py`), and proving that nothing can
be worked out (`reach.py`), which is done anew on the finished release.

In a small mart the fewest rows are chosen, and of these the smallest (`fewest.py`). In a large one that would take
for ever, so there rows are hidden sum by sum until no sum caps a cell, and then one exchange of people at a time
(`exchange.py`). Hiding more never gives away what was safe, so what is chosen for one cell stays for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.attack import Table, table
from registry_pipeline.release.exchange import around, exchanged
from registry_pipeline.release.fewest import fewest
from registry_pipeline.release.reach import exposed

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Flags, Floats
    from registry_pipeline.release.mart_contracts import MartContract

    Ints = NDArray[np.int64]

MOST_ROWS_FOR_THE_FEWEST = 150
"""Marts with more rows than this are not searched for the fewest rows."""
_MOST_ROUNDS = 200


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
    mart = table(frame, contract, small_cell)
    if frame.height <= MOST_ROWS_FOR_THE_FEWEST:
        hidden = fewest(mart, hidden, still_exposed(mart, hidden, mart.at_least))
    hidden = filled(mart, hidden)
    open_cells = still_exposed(mart, hidden, mart.at_least)
    if open_cells.any():
        mart = around(mart, open_cells)
    for _ in range(_MOST_ROUNDS):
        if not open_cells.any():
            return hidden
        hidden = exchanged(mart, hidden, open_cells)
        open_cells = still_exposed(mart, hidden, np.where(open_cells, mart.at_least, 0.0))
    raise GateRefusedError(
        f"The hidden cells of marts.{contract.name} cannot be protected.",
        remedy="Nothing was published. Publish fewer breakdowns of this mart.",
    )


def n_exposed(frame: pl.DataFrame, contract: MartContract, hidden: Flags, small_cell: int) -> int:
    """Return how many small cells an outsider can tell to be small when `hidden` is all that he does not see.

    Args:
        frame: The mart as built, one row per grain.
        contract: Its counts, complements and grain.
        hidden: Which rows of the frame the release hides.
        small_cell: The largest count that is hidden.
    """
    mart = table(frame, contract, small_cell)
    return int(still_exposed(mart, hidden, mart.at_least).sum()) if hidden.any() else 0


def still_exposed(mart: Table, hidden: Flags, at_least: Floats) -> Flags:
    """Return the cells, of those asked about, that an outsider can tell to be small."""
    return exposed(mart.sums, mart.value, mart.of_cells(hidden), at_least)


def filled(mart: Table, hidden: Flags) -> Flags:
    """Hide parts of each shown whole until what it leaves to the hidden ones could be one of them.

    Each turn hides one part per sum of one quantity: the smallest that suffices, or else the largest. What one quantity
    hides is hidden in all, so the turns are not taken at once.
    """
    hidden, sums = hidden.copy(), mart.sums
    if not sums.n_equations:
        return hidden
    row, quantity = sums.row % mart.n_rows, sums.row // mart.n_rows
    whole = np.zeros(sums.n_equations, dtype=np.int64)
    whole[sums.equation[sums.sign < 0]] = row[sums.sign < 0]
    while True:
        before = hidden.copy()
        for number in range(int(quantity.max()) + 1):
            parts = np.flatnonzero((quantity == number) & (sums.sign > 0))
            _fill(mart, hidden, whole, parts)
        if (hidden == before).all():
            return hidden


def _fill(mart: Table, hidden: Flags, whole: Ints, parts: Ints) -> None:
    """Hide one part in each sum among the terms `parts` that leaves too little."""
    cell, equation = mart.sums.row[parts], mart.sums.equation[parts]
    value, row = mart.value[cell], cell % mart.n_rows
    unseen = hidden[row]
    left = np.bincount(equation[unseen], value[unseen], minlength=len(whole))
    need = np.zeros(len(whole))
    np.maximum.at(need, equation[unseen], mart.at_least[cell[unseen]])
    lack = np.where(hidden[whole], 0.0, need - left)
    free = np.flatnonzero(~unseen & (lack[equation] > 0) & (value > 0))
    suffices = value[free] >= lack[equation[free]]
    order = np.lexsort((row[free], np.where(suffices, value[free], -value[free]), ~suffices, equation[free]))
    first = np.unique(equation[free][order], return_index=True)[1]
    hidden[row[free[order[first]]]] = True
