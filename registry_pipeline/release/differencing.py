"""Differencing: what marts must repeat from the release before, so that releases subtracted show no small group.

What belongs here: comparing marts with the same marts of every kept release, and repeating rows. What does not: what
follows from what is shown anew (`telling.py`), what is small within one release (`disclosure.py`, `secondary.py`), and
where releases lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from registry_pipeline.release.attack import table
from registry_pipeline.release.drawn import drawn, of_their_own, pooled, with_source
from registry_pipeline.release.quantities import by_mart, is_hidden, n_quantities, quantities
from registry_pipeline.release.telling import changes, is_little, with_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from registry_pipeline.release.attack import Mart
    from registry_pipeline.release.mart_contracts import MartContract

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

REPEATED = "repeated"
"""The reason beside a row that is shown as the release before showed it: it is older than the rest of the mart."""
DIFFERENCING = "differencing"
"""The reason beside a row that is hidden because the release before showed nothing that could be repeated."""

_TOLERANCE = 1e-6

Frames = Mapping[str, pl.DataFrame]


def hold_back(
    new: Frames,
    built: Frames,
    kept: Iterable[Frames],
    contracts: Mapping[str, MartContract],
    small_cell: int,
) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Return the marts to publish, with what the release before showed where the new rows would tell too much.

    A row is shown anew where every count and complement differs from what each kept release shows of it by nothing or
    by more than `small_cell`. Another row repeats everything but its keys from the current release: it stays shown, its
    `is_suppressed` is false, and its `suppression_reason` is `repeated`, so that an analyst sees that it is older. It
    is hidden with the reason `differencing` where that release shows nothing of it. Rows from which the change of a
    repeated row would follow, because the same figure stands in them or by the sums between rows, are repeated with it.

    Args:
        new: The marts as suppression leaves them, one row per grain, with the columns of the contract in order.
        built: The same rows in the same order with every number, rounded as the new ones are.
        kept: What kept releases show, the current one first; of each release some marts, or none.
        contracts: The contract of each mart.
        small_cell: The largest change that is not shown.

    Returns:
        The marts, their rows and columns in the order of `new`, and how many rows of each are repeated or hidden.
    """
    names = of_their_own(new, contracts)
    marts = [(new[name], contracts[name]) for name in names]
    history, current = _History.of(marts), None
    for frames in kept:
        current = frames if current is None else current
        history.take_in([_aligned_if_there(*mart, frames) for mart in marts], marts)
    if current is None:
        return dict(new), dict.fromkeys(new, 0)
    parts = dict(zip(names, _to_repeat(marts, [built[name] for name in names], history, small_cell), strict=True))
    shown = {name: _repeat(new[name], contracts[name], current, part) for name, part in parts.items()}
    for name, source in drawn(new, contracts):
        is_older = pl.col("suppression_reason").is_in([REPEATED, DIFFERENCING])
        parts[name] = with_source(new[name], shown[source], contracts[source].grain, is_older) & _is_shown(new[name])
        shown[name] = _repeat(new[name], contracts[name], current, parts[name])
    for name, _ in pooled(new, contracts):
        shown[name], parts[name] = new[name], np.zeros(new[name].height, dtype=bool)
    return shown, {name: int(part.sum()) for name, part in parts.items()}


def _to_repeat(marts: Sequence[Mart], built: Sequence[pl.DataFrame], history: _History, small_cell: int) -> list[Flags]:
    """Return the rows of each mart that must be repeated."""
    repeated = np.zeros(sum(frame.height for frame in built), dtype=bool)
    if history.is_small(small_cell).any():
        every = table([(frame, contract) for frame, (_, contract) in zip(built, marts, strict=True)], small_cell)
        is_open = np.concatenate([_is_shown(frame) for frame, _ in marts])
        repeated = with_sums(list(changes(every, history.changes(), is_open, small_cell)), every, is_open)
    return by_mart(repeated, built)


@dataclass
class _History:
    """What is shown in each slot, quantity by quantity of each mart, and what kept releases showed there."""

    value: Floats
    """What is shown now; NaN where nothing is."""
    below: Floats
    """The nearest value that was shown and is no larger; NaN where there is none."""
    above: Floats

    @classmethod
    def of(cls, marts: Sequence[Mart]) -> _History:
        """Return the history of marts that nobody has seen before."""
        value = np.concatenate([np.zeros(0), *(_shown_values(*mart) for mart in marts)])
        return cls(value, np.full(len(value), np.nan), np.full(len(value), np.nan))

    def take_in(self, old: Sequence[pl.DataFrame | None], marts: Sequence[Mart]) -> None:
        """Take in what one release showed of the same rows.

        Who cannot tell that a count is near the nearest old value cannot tell that it is near a farther one either.
        """
        start = 0
        for frame, (new, contract) in zip(old, marts, strict=True):
            size = n_quantities(contract) * new.height
            here = slice(start, start + size)
            start += size
            if frame is None:
                continue
            shown, now = _shown_values(frame, contract), self.value[here]
            self.below[here] = np.fmax(self.below[here], np.where(shown <= now + _TOLERANCE, shown, np.nan))
            self.above[here] = np.fmin(self.above[here], np.where(shown >= now - _TOLERANCE, shown, np.nan))

    def changes(self) -> list[Floats]:
        """Return how the values differ from the nearest below, and from the nearest above; NaN where nothing was.

        Where there is none on the one side, that on the other is taken, so in a registry that only grows both are the
        same.
        """
        low = np.where(np.isnan(self.below), self.above, self.below)
        high = np.where(np.isnan(self.above), self.below, self.above)
        up, down = self.value - low, self.value - high
        return [up] if np.array_equal(up, down, equal_nan=True) else [up, down]

    def is_small(self, small_cell: int) -> Flags:
        """Return the slots whose value changed by too little to be told."""
        found: Flags = np.logical_or.reduce([is_little(by, small_cell) for by in self.changes()])
        return found


def _shown_values(frame: pl.DataFrame, contract: MartContract) -> Floats:
    """Return what a mart shows, quantity by quantity; NaN where it shows nothing."""
    is_shown = _is_shown(frame)
    values = [np.where(is_shown, quantity.value, np.nan) for quantity in quantities(frame, contract)]
    return np.concatenate([np.zeros(0), *values])


def _aligned(new: pl.DataFrame, old: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the old rows in the order of the new ones; where there is none, a hidden one."""
    keys = [name for name in contract.grain if name in new.columns]
    rest = [name for name in contract.column_names if name not in keys]
    same = old.select(*keys, *rest).cast({name: new.schema[name] for name in (*keys, *rest)})
    return new.select(keys).join(same, on=keys, how="left", nulls_equal=True, maintain_order="left")


def _aligned_if_there(new: pl.DataFrame, contract: MartContract, frames: Frames) -> pl.DataFrame | None:
    return _aligned(new, frames[contract.name], contract) if contract.name in frames else None


def _is_shown(frame: pl.DataFrame) -> Flags:
    return ~is_hidden(frame, unsaid=True)


def _repeat(new: pl.DataFrame, contract: MartContract, current: Frames, repeated: Flags) -> pl.DataFrame:
    """Return the new rows with those of the current release where they are to be repeated."""
    if not repeated.any():
        return new
    old = _aligned(new, current.get(contract.name, new.clear()), contract)
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
