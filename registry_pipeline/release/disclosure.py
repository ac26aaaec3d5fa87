"""Disclosure control: the one gate every public mart passes.

What belongs here: hiding, and proving that nothing small is left to see or to work out. What does not: which further
rows must be hidden (`secondary.py`), and knowledge of any one mart: its contract says which columns are counts.
Rounding, when it comes, goes after suppression: rounding first could turn a small count into one that looks safe.
"""

import polars as pl

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.mart_contracts import SUPPRESSION_FLAGS, MartContract
from registry_pipeline.release.secondary import also_hidden, n_exposed

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


def suppress(frame: pl.DataFrame, contract: MartContract, small_cell: int) -> pl.DataFrame:
    """Hide every row in which a count or a complement lies between 1 and `small_cell`.

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
    is_small = pl.any_horizontal(pl.lit(value=False), *_small(contract, small_cell))
    was_hidden = pl.col("is_suppressed").cast(pl.Boolean).fill_null(value=False)
    hidden = frame.with_columns(
        is_suppressed=was_hidden | is_small,
        suppression_reason=pl.when(was_hidden)
        .then(pl.col("suppression_reason").cast(pl.String).fill_null("not_stated"))
        .when(is_small)
        .then(pl.lit(SMALL_CELL)),
    )
    return _concealed(hidden, contract)


def withhold(frame: pl.DataFrame, contract: MartContract, small_cell: int) -> pl.DataFrame:
    """Hide the rows with a small cell, and those that would give one away.

    Like `suppress`, with further rows hidden for the same reason.

    Args:
        frame: The mart as built, one row per grain.
        contract: Its contract.
        small_cell: The largest count that is hidden; zero is allowed.

    Raises:
        GateRefusedError: If the columns are not the contract's, or no choice of rows protects every small cell.
    """
    built = with_flags(frame).sort(contract.grain, nulls_last=True, maintain_order=True)
    shown = suppress(built, contract, small_cell)
    hidden = shown.get_column("is_suppressed").to_numpy()
    further = pl.Series(also_hidden(built, contract, hidden, small_cell)) & ~shown.get_column("is_suppressed")
    flagged = shown.with_columns(
        is_suppressed=pl.col("is_suppressed") | further,
        suppression_reason=pl.when(further).then(pl.lit(SMALL_CELL)).otherwise(pl.col("suppression_reason")),
    )
    return _concealed(flagged, contract)


def _concealed(frame: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the contract's columns, in the order of the grain, without the numbers of hidden rows."""
    numbers = [
        pl.when(~pl.col("is_suppressed")).then(pl.col(name)).alias(name)
        for name in contract.with_role("count", "measure")
    ]
    concealed = frame.with_columns(numbers).select(contract.column_names)
    return concealed.sort(contract.grain, nulls_last=True, maintain_order=True)


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
    faults: dict[str, int] = {
        f"count {name}": _n_unsafe_counts(shown, name, small_cell) for name in contract.with_role("count")
    }
    faults |= {
        f"complement {whole} - {part}": _n_unsafe_differences(shown, whole, part, small_cell)
        for whole, part in contract.complements
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


def assert_nothing_exposed(built: pl.DataFrame, shown: pl.DataFrame, contract: MartContract, small_cell: int) -> None:
    """Prove that an outsider who solves every sum of a mart cannot tell that a hidden cell is small.

    Args:
        built: The mart as built, with every number.
        shown: The mart as released.
        contract: Its contract.
        small_cell: The largest count that is hidden.

    Raises:
        GateRefusedError: Naming the mart and how many cells; never a value.
    """
    built, shown = (frame.sort(contract.grain, nulls_last=True, maintain_order=True) for frame in (built, shown))
    if not built.select(contract.grain).equals(shown.select(contract.grain)):
        raise GateRefusedError(
            f"marts.{contract.name} does not have the same rows in both databases.",
            remedy="Nothing was published. Report this: it is a fault of the pipeline.",
        )
    hidden = shown.get_column("is_suppressed").fill_null(value=False).to_numpy()
    if found := n_exposed(built, contract, hidden, small_cell):
        raise GateRefusedError(
            f"What marts.{contract.name} shows gives away small cells that it hides: {found}.",
            remedy="Nothing was published. Report this: it is a fault of the disclosure control.",
        )


def _small(contract: MartContract, small_cell: int) -> list[pl.Expr]:
    counts = [_number(name) for name in contract.with_role("count")]
    differences = [_number(whole) - _number(part) for whole, part in contract.complements]
    # Person-time may be fractional: 0.4 patient-months are somebody's, so the bound below is "above zero".
    return [((cell > 0) & (cell <= small_cell)).fill_null(value=False) for cell in (*counts, *differences)]


def _n_unsafe_counts(shown: pl.DataFrame, name: str, small_cell: int) -> int:
    count = shown.get_column(name).drop_nulls().cast(pl.Float64)
    is_safe = (count == 0) | ((count > small_cell) & count.is_finite())
    return is_safe.len() - int(is_safe.sum())


def _n_unsafe_differences(shown: pl.DataFrame, whole: str, part: str, small_cell: int) -> int:
    rest = (shown.get_column(whole).cast(pl.Float64) - shown.get_column(part).cast(pl.Float64)).drop_nulls()
    is_safe = ((rest <= 0) | (rest > small_cell)) & rest.is_not_nan()
    return is_safe.len() - int(is_safe.sum())


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _require_same_columns(frame: pl.DataFrame, contract: MartContract) -> None:
    undeclared = sorted(set(frame.columns) - set(contract.column_names))
    missing = sorted(set(contract.column_names) - set(frame.columns))
    if undeclared or missing:
        words = [f"undeclared {name}" for name in undeclared] + [f"missing {name}" for name in missing]
        raise GateRefusedError(
            f"marts.{contract.name} and its contract differ in columns: {', '.join(words)}.",
            remedy=f"Bring the model and {contract.file.name} together.",
        )
