"""Rows that are hidden for what they tell of a group, however large its counts: of one clinic, or of all its patients.

What belongs here: strata of few clinics, and nobody or everybody with something sensitive. What does not: small cells
and what must be hidden with such rows so that they cannot be worked out (`disclosure.py`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import polars as pl

from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.release.disclosure import SMALL_CELL, with_flags
from registry_pipeline.release.drawn import LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from registry_pipeline.release.mart_contracts import MartContract
    from registry_pipeline.settings import Settings

FEW_CLINICS = "few_clinics"
"""Why a row is hidden: it rests on too few clinics, or on one of them too much."""

_STRATUM = ("indication", "dimension", "level", "instrument")
_MART = "mart"
"""In the list of what is sensitive: a mart of which every row is."""


@dataclass(frozen=True)
class Groups:
    """What may not be told of groups.

    Args:
        few_clinics: The strata (indication, dimension, level, instrument) that would tell of single clinics.
        is_all: Whether the whole registry is of too few clinics.
        sensitive: Per column, the values that make a row sensitive.
        sensitive_below: Smaller groups may not be said to have nothing sensitive, or to have it all of them.
    """

    few_clinics: pl.DataFrame
    is_all: bool
    sensitive: Mapping[str, Collection[str]]
    sensitive_below: int


def read_groups(strata: pl.DataFrame, settings: Settings) -> Groups:
    """Return what may not be told of groups.

    Args:
        strata: `intermediate.int_stratum_clinics`.
        settings: The thresholds, and where the list of what is sensitive lies.
    """
    rests_on_few = (pl.col("n_clinics") < settings.min_clinics) | (pl.col("largest_share") > settings.max_clinic_share)
    sensitive: dict[str, set[str]] = defaultdict(set)
    for row in read_vocabulary(settings.vocabulary_path("sensitive_values.csv")):
        sensitive[row["column"]].add(row["value"])
    whole = strata.filter(indication="all", dimension="overall", instrument="all")
    is_all = bool((whole["n_clinics"] < settings.min_clinics).any())
    return Groups(strata.filter(rests_on_few).select(_STRATUM), is_all, sensitive, settings.sensitive_below)


def hide_groups(frame: pl.DataFrame, contract: MartContract, groups: Groups) -> pl.DataFrame:
    """Flag the rows of a mart that tell of a group; their numbers stay until disclosure control takes them.

    Why a row with something sensitive is hidden is not told apart from a small cell: it would say 0 % or 100 %.

    Args:
        frame: The mart as built.
        contract: Its contract.
        groups: What may not be told.
    """
    few, sensitive = _of_few_clinics(contract, groups), _tells_of_all(contract, groups)
    return with_flags(frame).with_columns(
        is_suppressed=pl.col("is_suppressed") | few | sensitive,
        suppression_reason=pl.when(few)
        .then(pl.lit(FEW_CLINICS))
        .when(sensitive)
        .then(pl.lit(SMALL_CELL))
        .otherwise(pl.col("suppression_reason")),
    )


def _of_few_clinics(contract: MartContract, groups: Groups) -> pl.Expr:
    """Tell whether the row's stratum, or the one it is compared with, is of few clinics.

    Where the whole registry is, so is every row, those of single clinics too.
    """
    if groups.is_all:
        return pl.lit(value=True)
    has = set(contract.column_names)
    is_of_levels = {"dimension", "level"} <= has
    indication = pl.col("indication") if "indication" in has else pl.lit("all")
    dimension = pl.col("dimension") if is_of_levels else pl.lit("overall")
    levels = [pl.col(name) for name in LEVELS if name in has] if is_of_levels else [pl.lit("all")]
    instruments = [pl.lit("all"), *(pl.col(name) for name in ("instrument",) if name in has)]
    few = groups.few_clinics.select(_as_one(*map(pl.col, _STRATUM))).to_series()
    return pl.any_horizontal(
        pl.lit(value=False),
        *(
            _as_one(indication, dimension, level, instrument).is_in(few.implode())
            for level, instrument in product(levels, instruments)
        ),
    ).fill_null(value=False)


def _as_one(*names: pl.Expr) -> pl.Expr:
    return pl.concat_str(*names, separator="\x1f")


def _tells_of_all(contract: MartContract, groups: Groups) -> pl.Expr:
    """Tell whether the row says of a small group that nobody, or everybody, has something sensitive."""
    columns = {_MART: pl.lit(contract.name), **{name: pl.col(name) for name in contract.grain}}
    is_sensitive = [columns[name].is_in(list(values)) for name, values in groups.sensitive.items() if name in columns]
    wholes = {whole for whole, _ in contract.complements}
    # A part that is a whole in its turn counts who was asked, and that is nothing sensitive.
    tells = [
        pl.col(whole).is_between(1, groups.sensitive_below - 1)
        & ((pl.col(part) == 0) | (pl.col(part) == pl.col(whole)))
        for whole, part in contract.complements
        if part not in wholes
    ]
    never = pl.lit(value=False)
    return (pl.any_horizontal(never, *is_sensitive) & pl.any_horizontal(never, *tells)).fill_null(value=False)
