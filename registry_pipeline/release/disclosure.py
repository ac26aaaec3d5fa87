"""Disclosure control: the one gate every public mart passes.

What belongs here: hiding, and proving that nothing small is left to see or to work out. What does not: which further
rows must be hidden (`secondary.py`), and knowledge of any one mart: its contract says which columns are counts.
Rounding goes after suppression: rounding first could turn a small count into one that looks safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.drawn import drawn, of_their_own, pooled, with_source
from registry_pipeline.release.mart_contracts import SUPPRESSION_FLAGS, MartColumn, MartContract, Nested
from registry_pipeline.release.quantities import by_mart, is_hidden, is_small
from registry_pipeline.release.secondary import also_hidden, exposed_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry_pipeline.release.attack import Flags

SMALL_CELL = "small_cell"
"""Why a row is hidden: a cell in it is small, or one of another row could be worked out with its help.

There is one reason for both: to say which is which would say that the other row has no small cell, and where the sum of
the two is known, that narrows down what is hidden.
"""


def with_flags(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the suppression flags, where the model has not written them itself."""
    flags = {
        "is_suppressed": pl.lit(value=False),
        "suppression_reason": pl.lit(None, dtype=pl.String),
    }
    return frame.with_columns(**{name: flags[name] for name in SUPPRESSION_FLAGS if name not in frame.columns})


def in_order(frame: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the frame with the suppression flags, in the order of its grain."""
    return with_flags(frame).sort(contract.grain, nulls_last=True, maintain_order=True)


def suppress(frame: pl.DataFrame, contract: MartContract, small_cell: int) -> pl.DataFrame:
    """Hide every row in which a count, a complement or what nested rows leave lies between 1 and `small_cell`.

    Hidden means: every count and measure is null, `is_suppressed` is true, `suppression_reason` says why. Keys and
    flags stay, so that an analyst sees that the cell exists. A row that the model has hidden for another reason stays
    hidden with that reason.

    Args:
        frame: The mart as built.
        contract: Its contract.
        small_cell: The largest count that is hidden; zero is allowed.

    Raises:
        GateRefusedError: If the frame and the contract do not have the same columns: an undeclared column has no
            role, so nobody has said whether it may be shown.
    """
    frame = with_flags(frame)
    _require_same_columns(frame, contract)
    small = pl.Series(is_small(frame, contract, small_cell))
    was_hidden = pl.col("is_suppressed").cast(pl.Boolean).fill_null(value=False)
    hidden = frame.with_columns(
        is_suppressed=was_hidden | small,
        suppression_reason=pl.when(was_hidden)
        .then(pl.col("suppression_reason").cast(pl.String).fill_null("not_stated"))
        .when(small)
        .then(pl.lit(SMALL_CELL)),
    )
    return _concealed(hidden, contract)


@dataclass(frozen=True)
class Proof:
    """What was hidden when linear programs proved that nothing small can be worked out of what the marts show.

    To hide more never gives away what was safe, so it proves the same of every release that hides at least these rows.
    """

    hidden: Flags
    """Of the rows of all marts with figures of their own, in order."""

    def covers(self, hidden: Flags) -> bool:
        """Tell whether a release that hides some rows is proved."""
        return len(hidden) == len(self.hidden) and bool(hidden[self.hidden].all())


def withhold(
    frames: Mapping[str, pl.DataFrame], contracts: Mapping[str, MartContract], small_cell: int
) -> tuple[dict[str, pl.DataFrame], Proof]:
    """Hide the rows of all marts with a small cell, and those that would give one away.

    Like `suppress`, with further rows hidden for the same reason, until an attack on all that is left finds nothing.

    Args:
        frames: The marts as built, by name, one row per grain.
        contracts: Their contracts.
        small_cell: The largest count that is hidden; zero is allowed.

    Raises:
        GateRefusedError: If the columns are not the contract's, or no choice of rows protects every small cell.
    """
    marts = _in_order(frames, contracts)
    shown = [suppress(frame, contract, small_cell) for frame, contract in marts]
    hidden = also_hidden(marts, _hidden_rows(shown), small_cell)
    found = {
        contract.name: hide_also(frame, contract, flags)
        for frame, (_, contract), flags in zip(shown, marts, by_mart(hidden, shown), strict=True)
    }
    for name, source in drawn(frames, contracts):
        frame = suppress(in_order(frames[name], contracts[name]), contracts[name], small_cell)
        flags = with_source(frame, found[source], contracts[source].grain, pl.col("is_suppressed"))
        found[name] = hide_also(frame, contracts[name], flags)
    for name, _ in pooled(frames, contracts):
        found[name] = suppress(in_order(frames[name], contracts[name]), contracts[name], small_cell)
    return found, Proof(hidden)


def hide_also(shown: pl.DataFrame, contract: MartContract, hidden: Flags) -> pl.DataFrame:
    """Hide further rows of a mart; those that are hidden keep their reason."""
    further = pl.Series(hidden) & ~shown.get_column("is_suppressed")
    flagged = shown.with_columns(
        is_suppressed=pl.col("is_suppressed") | further,
        suppression_reason=pl.when(further).then(pl.lit(SMALL_CELL)).otherwise(pl.col("suppression_reason")),
    )
    return _concealed(flagged, contract)


def _in_order(
    frames: Mapping[str, pl.DataFrame], contracts: Mapping[str, MartContract]
) -> list[tuple[pl.DataFrame, MartContract]]:
    """Return the marts with figures of their own in the order of their names, rows in the order of their grain."""
    return [(in_order(frames[name], contracts[name]), contracts[name]) for name in of_their_own(frames, contracts)]


def _hidden_rows(frames: Iterable[pl.DataFrame]) -> Flags:
    return np.concatenate([np.zeros(0, dtype=bool), *map(is_hidden, frames)])


def rounded(frame: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Round what the contract wants rounded: counts down, measures to the nearest.

    Args:
        frame: The mart with its small cells hidden.
        contract: Its contract.
    """
    return frame.with_columns(_rounded(column) for column in contract.columns if column.rounding)


def _rounded(column: MartColumn) -> pl.Expr:
    step = column.rounding or 1.0
    if column.role == "count":
        return ((pl.col(column.name) / step).floor() * step).cast(pl.Int64)
    # Times the inverse, for 0.001 is no binary fraction and 1000 is.
    return (pl.col(column.name) / step).round() / (1 / step)


def _concealed(frame: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the contract's columns, in the order of the grain, without the numbers of hidden rows."""
    numbers = [
        pl.when(~pl.col("is_suppressed")).then(pl.col(name)).alias(name)
        for name in contract.with_role("count", "measure")
    ]
    return in_order(frame.with_columns(numbers).select(contract.column_names), contract)


def assert_nothing_small(frame: pl.DataFrame, contract: MartContract, small_cell: int) -> None:
    """Prove, from the released frame alone, that it shows no small cell and that hidden rows show no number.

    Stricter than `suppress`, and on purpose not written with its help: a shown count must be 0 or above `small_cell`,
    so a negative, fractional or not-a-number count is refused too.

    Raises:
        GateRefusedError: Naming the mart, the columns and how many rows; never a value.
    """
    _require_same_columns(frame, contract)
    is_hidden = pl.col("is_suppressed").cast(pl.Boolean).fill_null(value=False)
    shown, hidden = frame.filter(~is_hidden), frame.filter(is_hidden)
    # What a figure that was rounded down may have lost.
    lost = {column.name: (column.rounding or 1.0) - 1 for column in contract.columns}
    faults: dict[str, int] = {
        f"count {name}": _n_unsafe_counts(shown.get_column(name), small_cell, lost[name])
        for name in contract.with_role("count")
    }
    faults |= {
        f"complement {whole} - {part}": _n_unsafe_differences(
            shown.get_column(whole), shown.get_column(part), small_cell, max(lost[whole], lost[part])
        )
        for whole, part in contract.complements
    }
    faults |= {
        f"{nested.count} of {nested.firm} - {nested.yielding}": _n_unsafe_nested(
            shown, contract, nested, small_cell, lost[nested.count]
        )
        for nested in contract.nested
    }
    faults |= {
        f"hidden {name}": hidden.get_column(name).drop_nulls().len() for name in contract.with_role("count", "measure")
    }
    faults["hidden without a reason"] = hidden.get_column("suppression_reason").null_count()
    faults["is_suppressed not said"] = frame.get_column("is_suppressed").null_count()
    if found := [f"{name} ({n} rows)" for name, n in faults.items() if n]:
        raise GateRefusedError(
            f"Disclosure control of marts.{contract.name} left something to see: {', '.join(found)}.",
            remedy="Nothing was published. Mend the mart's contract or the disclosure control.",
        )


def assert_nothing_exposed(
    built: Mapping[str, pl.DataFrame],
    shown: Mapping[str, pl.DataFrame],
    contracts: Mapping[str, MartContract],
    small_cell: int,
    proof: Proof | None = None,
) -> None:
    """Prove that an outsider who solves every sum of all marts cannot tell that a hidden cell is small.

    The attack is made anew unless `proof` covers what is hidden.

    Args:
        built: The marts as built, by name, with every number.
        shown: The marts as released.
        contracts: Their contracts.
        small_cell: The largest count that is hidden.
        proof: What was proved of the same marts as built.

    Raises:
        GateRefusedError: Naming the marts and how many rows; never a value.
    """
    true, released = _in_order(built, contracts), _in_order(shown, contracts)
    for (frame, contract), (other, _) in zip(true, released, strict=True):
        if not frame.select(contract.grain).equals(other.select(contract.grain)):
            raise GateRefusedError(
                f"marts.{contract.name} does not have the same rows in both databases.",
                remedy="Nothing was published. Report this: it is a fault of the pipeline.",
            )
    for name, source in drawn(shown, contracts):
        tells = with_source(shown[name], shown[source], contracts[source].grain, pl.col("is_suppressed"))
        if (tells & ~is_hidden(shown[name])).any():
            raise GateRefusedError(
                f"marts.{name} shows figures that marts.{source} hides.",
                remedy="Nothing was published. Report this: it is a fault of the disclosure control.",
            )
    hidden = _hidden_rows(frame for frame, _ in released)
    if proof and proof.covers(hidden):
        return
    found = exposed_rows(true, hidden, small_cell)
    if found.any():
        each = zip(true, by_mart(found, [frame for frame, _ in true]), strict=True)
        names = [f"{contract.name} ({int(rows.sum())} rows)" for (_, contract), rows in each if rows.any()]
        raise GateRefusedError(
            f"What the marts show give away small cells that they hide: {', '.join(names)}.",
            remedy="Nothing was published. Report this: it is a fault of the disclosure control.",
        )


def _n_unsafe_counts(shown: pl.Series, small_cell: int, lost: float) -> int:
    count = shown.drop_nulls().cast(pl.Float64)
    is_safe = (count == 0) | ((count > 0) & (count + lost > small_cell) & count.is_finite())
    return is_safe.len() - int(is_safe.sum())


def _n_unsafe_differences(whole: pl.Series, part: pl.Series, small_cell: int, lost: float) -> int:
    rest = (whole.cast(pl.Float64) - part.cast(pl.Float64)).drop_nulls()
    is_safe = ((rest <= lost) | (rest > small_cell)) & rest.is_not_nan()
    return is_safe.len() - int(is_safe.sum())


def _n_unsafe_nested(shown: pl.DataFrame, contract: MartContract, nested: Nested, small_cell: int, lost: float) -> int:
    """Count the nested rows that are too near each other; of a repeated row the other is not of its time."""
    keys = [name for name in contract.grain if name != nested.key]
    fresh = shown.filter(pl.col("suppression_reason").is_null()).select(*keys, nested.key, nested.count)
    firm, yielding = (fresh.filter(pl.col(nested.key) == value) for value in (nested.firm, nested.yielding))
    pairs = firm.join(yielding, on=keys, nulls_equal=True, suffix="_yielding")
    between = (pairs[nested.count].cast(pl.Float64) - pairs[f"{nested.count}_yielding"].cast(pl.Float64)).abs()
    return _n_unsafe_counts(between, small_cell, lost)


def _require_same_columns(frame: pl.DataFrame, contract: MartContract) -> None:
    undeclared = sorted(set(frame.columns) - set(contract.column_names))
    missing = sorted(set(contract.column_names) - set(frame.columns))
    if undeclared or missing:
        words = [f"undeclared {name}" for name in undeclared] + [f"missing {name}" for name in missing]
        raise GateRefusedError(
            f"marts.{contract.name} and its contract differ in columns: {', '.join(words)}.",
            remedy=f"Bring the model and {contract.file.name} together.",
        )
