"""Marts that pool the clinics of another: computed anew from what a release shows of them.

A pooled rate is a function of every clinic's counts, and hidden counts are few and small: whoever tries them all finds
the ones that give the published rate to its last digit. So the public figure is made of public figures alone: of the
clinics that are shown, and of all others as one clinic, which has what these leave of the total.

What belongs here: what a mart is pooled from, and which of its rows are left. What does not: how it is pooled, which
its model says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.disclosure import hide_also
from registry_pipeline.release.drawn import pooled
from registry_pipeline.release.quantities import is_hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry_pipeline.release.mart_contracts import MartContract

    Frames = Mapping[str, pl.DataFrame]
    Build = Callable[[str, Frames], pl.DataFrame]
    """Return the rows that the model of a mart makes of given marts."""

OTHERS = "others"
"""The clinics that are not shown, as a level."""
_COUNTS = ("numerator", "denominator")
_CLINIC, _OVERALL = "clinic", "overall"


def pool_anew(marts: Frames, contracts: Mapping[str, MartContract], build: Build) -> dict[str, pl.DataFrame]:
    """Return the marts that pool others, with the figures that follow from what is shown.

    Args:
        marts: All marts as they are shown; of a pooled one only which rows there are, and which are hidden, counts.
        contracts: Their contracts.
        build: Makes the rows of a pooled mart.
    """
    found = {}
    for name, source in pooled(marts, contracts):
        anew = build(name, {source: as_shown(marts[source], contracts[source])})
        found[name] = _with_figures(marts[name], anew, contracts[name])
    return found


def assert_pooled_of_shown(marts: Frames, contracts: Mapping[str, MartContract], build: Build) -> None:
    """Prove that pooled figures tell nothing that the figures they are pooled from do not.

    Raises:
        GateRefusedError: Naming the mart; never a value.
    """
    for name, anew in pool_anew(marts, contracts, build).items():
        if not marts[name].equals(anew):
            raise GateRefusedError(
                f"marts.{name} is pooled from more than what is shown.",
                remedy="Nothing was published. Report this: it is a fault of the disclosure control.",
            )


def as_shown(source: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return the clinics of a mart that are shown, and all others of the same question as one.

    A question of which the total is not shown has none; nor has one where clinics and total, because a release repeats
    some of them, are of different times and do not fit.

    Args:
        source: The mart as shown.
        contract: Its contract.
    """
    question = [name for name in contract.grain if name not in ("dimension", "level")]
    shown = source.filter(~pl.Series(is_hidden(source)))
    clinics = shown.filter(dimension=_CLINIC)
    sums = clinics.group_by(question).agg(pl.col(_COUNTS).sum().name.suffix("_of_clinics"))
    total = shown.filter(dimension=_OVERALL).join(sums, on=question, how="left", nulls_equal=True)
    left = total.with_columns(
        *((pl.col(name) - pl.col(f"{name}_of_clinics").fill_null(0)).alias(name) for name in _COUNTS),
        dimension=pl.lit(_CLINIC),
        level=pl.lit(OTHERS),
    )
    fits = left.filter(pl.col("numerator").is_between(0, pl.col("denominator")))
    rows = pl.concat([clinics, fits.filter(pl.col("denominator") > 0).select(clinics.columns)])
    return rows.join(fits.select(question), on=question, how="semi", nulls_equal=True)


def _with_figures(shown: pl.DataFrame, anew: pl.DataFrame, contract: MartContract) -> pl.DataFrame:
    """Return a mart with the numbers of rows made anew, hidden where there are none."""
    numbers = contract.with_role("count", "measure")
    rows = shown.drop(numbers).join(
        anew.select(*contract.grain, *numbers, pl.lit(value=True).alias("is_pooled")),
        on=contract.grain,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    is_left_out = rows.get_column("is_pooled").is_null().to_numpy()
    return hide_also(rows.drop("is_pooled"), contract, is_left_out)
