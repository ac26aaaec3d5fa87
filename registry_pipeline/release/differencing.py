"""Differencing: what a mart must repeat from the release before, so that releases subtracted show no small group.

What belongs here: comparing a mart with the same mart of every kept release, and repeating rows. What does not: what is
small within one release (`disclosure.py`, `secondary.py`), and where releases lie.

An outsider is taken to know which sums hold, every row shown anew, and of every repeated row whether it rose, fell or
stayed. A change of 1 to `small_cell` must, for all that, possibly be a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from registry_pipeline.release.quantities import quantities
from registry_pipeline.release.sums import connected, sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.mart_contracts import MartContract
    from registry_pipeline.release.sums import Sums

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Places = NDArray[np.int64]

REPEATED = "repeated"
"""The reason beside a row that is shown as the release before showed it: it is older than the rest of the mart."""
DIFFERENCING = "differencing"
"""The reason beside a row that is hidden because the release before showed nothing that could be repeated."""

_TOLERANCE = 1e-6


def hold_back(
    new: pl.DataFrame,
    previous: pl.DataFrame | None,
    others: Sequence[pl.DataFrame],
    contract: MartContract,
    small_cell: int,
) -> tuple[pl.DataFrame, int]:
    """Return the mart to publish, with what the release before showed where the new rows would tell too much.

    A row is shown anew where every count and complement differs from what each kept release shows of it by nothing or
    by more than `small_cell`. Another row repeats everything but its keys from `previous`: it stays shown, its
    `is_suppressed` is false, and its `suppression_reason` is `repeated`, so that an analyst sees that it is older. It
    is hidden with the reason `differencing` where `previous` shows nothing of it. Rows from which the change of a
    repeated row would follow, by the sums between rows, are repeated with it.

    Args:
        new: The mart as suppression leaves it, one row per grain, with the columns of the contract in order.
        previous: The same mart of the current release, None where there is none.
        others: The same mart of every other kept release.
        contract: Its grain, counts and complements.
        small_cell: The largest change that is not shown.

    Returns:
        The mart, its rows and columns in the order of `new`, and how many rows are repeated or hidden.
    """
    found = [frame for frame in (previous, *others) if frame is not None]
    kept = [frame for number, frame in enumerate(found) if not any(map(frame.equals, found[:number]))]
    if new.is_empty() or not kept:
        return new, 0
    changes = list(_changes(new, kept, contract, small_cell))
    unsafe = np.logical_or.reduce([change.is_small for change in changes])
    if not unsafe.any():
        return new, 0
    repeated = _with_sums(changes, unsafe)
    return _repeat(new, previous, repeated, contract), int(repeated.sum())


@dataclass(frozen=True)
class _Terms:
    """The terms of equations between rows; in each equation the signed rows add up to nothing."""

    equation: Places
    row: Places
    sign: Floats
    is_complete: Flags
    """Per equation, whether no term of it is hidden by suppression."""

    def total(self, weight: Floats | Flags) -> Floats:
        """Return per equation what `weight`, one per term, adds up to."""
        found: Floats = np.bincount(self.equation, weight, minlength=len(self.is_complete)).astype(np.float64)
        return found


@dataclass(frozen=True)
class _Change:
    """How one quantity of the new mart differs from what kept releases show of it.

    Args:
        terms: The sums that hold, or may hold, for the quantity.
        by: New less old, per row; the new value itself where no kept release shows the row.
        is_open: Which rows are shown in the new mart: they can be repeated.
        is_small: Whose change must not be told.
        is_cleared: Which repeated rows are proved safe, and stay so: to repeat more rows tells less. Written to.
        goal: The smallest change that may be told.
    """

    terms: _Terms
    by: Floats
    is_open: Flags
    is_small: Flags
    is_cleared: Flags
    goal: float


def _changes(new: pl.DataFrame, kept: list[pl.DataFrame], contract: MartContract, small_cell: int) -> Iterator[_Change]:
    """Yield for every quantity the change since the nearest old value below, and since the nearest above.

    Who cannot tell that a count is near the nearest old value cannot tell that it is near a farther one either. Where
    there is none on the one side, that on the other is taken, so in a registry that only grows the two are the same.
    """
    is_open, equations = _is_shown(new), sums(new, contract)
    values = [quantity.value for quantity in quantities(new, contract)]
    below, above = ([np.full(new.height, np.nan) for _ in values] for _ in range(2))
    for old in (_aligned(new, frame, contract) for frame in kept):
        is_kept = is_open & _is_shown(old)
        for number, quantity in enumerate(quantities(old, contract)):
            shown = np.where(is_kept, quantity.value, np.nan)
            below[number] = np.fmax(below[number], np.where(shown <= values[number] + _TOLERANCE, shown, np.nan))
            above[number] = np.fmin(above[number], np.where(shown >= values[number] - _TOLERANCE, shown, np.nan))
    for value, low, high in zip(values, below, above, strict=True):
        terms = _that_may_hold(equations, value, is_open)
        pair = np.where(np.isnan(low), high, low), np.where(np.isnan(high), low, high)
        for nearest in pair[:1] if np.array_equal(*pair, equal_nan=True) else pair:
            by = np.where(is_open, value - np.nan_to_num(nearest), 0.0)
            size = np.where(np.isnan(nearest), 0.0, np.abs(by))
            is_small = (size > _TOLERANCE) & (size < small_cell + 1 - _TOLERANCE)
            yield _Change(terms, by, is_open, is_small, np.zeros(new.height, dtype=bool), float(small_cell + 1))


def _aligned(new: pl.DataFrame, old: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the old rows in the order of the new ones; where there is none, a hidden one."""
    keys = [name for name in contract.grain if name in new.columns]
    rest = [name for name in contract.column_names if name not in keys]
    same = old.select(*keys, *rest).cast({name: new.schema[name] for name in (*keys, *rest)})
    return new.select(keys).join(same, on=keys, how="left", nulls_equal=True, maintain_order="left")


def _is_shown(frame: pl.DataFrame) -> Flags:
    shown: Flags = ~frame.get_column("is_suppressed").cast(pl.Boolean).fill_null(value=True).to_numpy()
    return shown


def _that_may_hold(equations: Sums, value: Floats, is_open: Flags) -> _Terms:
    """Return the equations that hold, and those that hidden rows may complete."""
    known, size = is_open[equations.row], equations.n_equations
    left = np.bincount(equations.equation, equations.sign * np.where(known, value[equations.row], 0.0), minlength=size)
    n_missing = np.bincount(equations.equation, ~known, minlength=size)
    has_whole = np.bincount(equations.equation, known & (equations.sign < 0), minlength=size) > 0
    may_hold = np.where(n_missing == 0, np.abs(left) < _TOLERANCE, ~has_whole | (left < _TOLERANCE))
    used = may_hold[equations.equation] & known
    return _Terms(equations.equation[used], equations.row[used], equations.sign[used], n_missing == 0)


def _with_sums(changes: Sequence[_Change], unsafe: Flags) -> Flags:
    """Return the unsafe rows, and those that must be repeated with them."""
    repeated = unsafe.copy()
    while True:
        before = repeated.copy()
        for change in changes:
            repeated[_next_to_go(change, repeated, _gives_away(change, repeated))] = True
        if (repeated != before).any():
            continue
        # Only where no equation by itself tells anything, the dear question is asked: do all of them together?
        for change in changes:
            repeated[_against_all(change, repeated)] = True
        if (repeated == before).all():
            return repeated


def _gives_away(change: _Change, repeated: Flags) -> Flags:
    """Return the equations that by themselves tell a change, or that it is small."""
    terms = change.terms
    moved = repeated[terms.row] & (np.abs(change.by[terms.row]) > _TOLERANCE)
    signed = np.where(moved, terms.sign * change.by[terms.row], 0.0)
    up, down = terms.total(signed > 0), terms.total(signed < 0)
    has_small = terms.total(moved & change.is_small[terms.row]) > 0
    is_little = np.abs(terms.total(signed)) < change.goal - _TOLERANCE
    # Where one rises as another falls, both may be as large as one likes.
    found: Flags = (up + down == 1) | (has_small & ((up == 0) | (down == 0)) & is_little)
    return found


def _next_to_go(change: _Change, repeated: Flags, wanted: Flags) -> Places:
    """Return for each wanted equation the next row to repeat: the part that changed least, the whole last."""
    terms, size = change.terms, np.abs(change.by)
    free = change.is_open & ~repeated & (size > _TOLERANCE)
    place = np.flatnonzero(wanted[terms.equation] & free[terms.row])
    equation, row = terms.equation[place], terms.row[place]
    order = np.lexsort((row, size[row], terms.sign[place] < 0, equation))
    is_first = np.diff(equation[order], prepend=-1) != 0
    found: Places = row[order][is_first]
    return found


def _against_all(change: _Change, repeated: Flags) -> Places:
    """Return the rows to repeat because all equations together tell that a change is small."""
    terms = change.terms
    told = _told_by_all(change, repeated)
    rows = _next_to_go(change, repeated, terms.total(told[terms.row]) > 0)
    if len(rows) or not told.any():
        return rows
    # Its own equations are all repeated; what is left to repeat is among those that hang together with them.
    used = repeated[terms.row]
    of_row, of_equation = connected(terms.row[used], terms.equation[used], len(told), len(terms.is_complete))
    near = np.isin(of_equation, np.unique(of_row[told]))
    return _next_to_go(change, repeated, near)


def _told_by_all(change: _Change, repeated: Flags) -> Flags:
    """Return the repeated rows whose change, all equations taken together, can only be small.

    Unknown is the size of every change; its direction is granted. First come the rows of which the sums tell no bound
    at all. Then a linear program makes one row of each part of the mart that hangs together as large as can be, and
    others on the way, until every row has either been large once or been found unable to.
    """
    told, in_sums = np.zeros((2, len(repeated)), dtype=bool)
    terms, size = change.terms, np.abs(change.by)
    # What suppression hides is unknown too, and large in sum, so an equation with it bounds nothing.
    used = (repeated & (size > _TOLERANCE))[terms.row] & terms.is_complete[terms.equation]
    sign = terms.sign * np.sign(change.by[terms.row])
    terms = _Terms(terms.equation[used], terms.row[used], sign[used], terms.is_complete)
    label, _ = connected(terms.row, terms.equation, len(told), len(terms.is_complete))
    in_sums[terms.row] = True
    left = change.is_small & repeated & in_sums & ~change.is_cleared
    if left.any():
        without_bound, _ = _enlarged(terms, np.zeros(len(told)), left, label, 1.0)
        change.is_cleared[without_bound] = True
        left &= ~without_bound
    while left.any():
        reached, first = _enlarged(terms, size, left, label, change.goal)
        change.is_cleared[reached] = True
        told[first[~reached[first]]] = True
        left[first] = False
        left &= ~reached
    return told


def _enlarged(terms: _Terms, size: Floats, wanted: Flags, label: Places, goal: float) -> tuple[Flags, Places]:
    """Return which wanted rows can reach the goal at once, and which row of each part came before all others."""
    from scipy.optimize import linprog  # noqa: PLC0415 - scipy costs start-up time that only a release may spend
    from scipy.sparse import csr_matrix, hstack, identity  # noqa: PLC0415 - likewise

    used = np.isin(label[terms.row], np.unique(label[wanted]))
    rows, place = np.unique(terms.row[used], return_inverse=True)
    _, number = np.unique(terms.equation[used], return_inverse=True)
    matrix = csr_matrix((terms.sign[used], (number, place)))
    aimed = np.flatnonzero(wanted[rows])
    _, first = np.unique(label[rows[aimed]], return_index=True)
    weight = np.full(len(aimed), 0.25 / len(aimed))
    weight[first] = 1.0
    # Unknowns: the size of each change, then how much of it counts, which is up to the goal.
    result = linprog(
        np.concatenate((np.zeros(len(rows)), -weight)),
        A_ub=hstack((-identity(len(rows), format="csr")[aimed], identity(len(aimed)))).tocsr(),
        b_ub=np.zeros(len(aimed)),
        A_eq=hstack((matrix, csr_matrix((matrix.shape[0], len(aimed))))).tocsr(),
        b_eq=matrix @ size[rows],
        bounds=np.repeat([[0, np.inf], [0, goal]], [len(rows), len(aimed)], axis=0),
        method="highs",
    )
    reached = np.zeros(len(size), dtype=bool)
    if result.status == 0:
        reached[rows[aimed[result.x[len(rows) :] > goal - _TOLERANCE]]] = True
    return reached, rows[aimed[first]]


def _repeat(new: pl.DataFrame, previous: pl.DataFrame | None, repeated: Flags, contract: MartContract) -> pl.DataFrame:
    """Return the new rows with those of `previous` where they are to be repeated."""
    old = _aligned(new, new.clear() if previous is None else previous, contract)
    is_older, is_hidden = (pl.Series(repeated & which) for which in (_is_shown(old), ~_is_shown(old)))
    reason = pl.when(is_older).then(pl.lit(REPEATED)).when(is_hidden).then(pl.lit(DIFFERENCING))
    columns: dict[str, pl.Expr | pl.Series] = {
        "is_suppressed": new.get_column("is_suppressed") | is_hidden,
        "suppression_reason": reason.otherwise(new.get_column("suppression_reason")),
    }
    numbers = contract.with_role("count", "measure")
    for name in set(contract.column_names) - set(contract.grain) - set(columns):
        older = pl.when(is_older).then(old.get_column(name))
        anew = older.when(is_hidden).then(None) if name in numbers else older
        columns[name] = anew.otherwise(new.get_column(name))
    return new.with_columns(**columns)
