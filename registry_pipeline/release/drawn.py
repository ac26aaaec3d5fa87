"""Marts without figures of their own: drawn from another, or pooled from it.

Each row of a drawn mart puts two rows of its source side by side, so it is judged by them: it is shown, hidden or
repeated with those it was drawn from.

What belongs here: which marts these are, and finding the rows that one is drawn from. What does not: pooling
(`pooled.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from registry_pipeline.release.mart_contracts import MartContract

    Flags = NDArray[np.bool_]

LEVELS = ("level", "reference_level")
"""The columns of a drawn mart that name the two rows, beside their dimension."""


def of_their_own(names: Iterable[str], contracts: Mapping[str, MartContract]) -> list[str]:
    """Return the other marts, in order: they show figures of their own."""
    known = set(names)
    return sorted(known - {name for name, _ in (*drawn(known, contracts), *pooled(known, contracts))})


def drawn(names: Iterable[str], contracts: Mapping[str, MartContract]) -> list[tuple[str, str]]:
    """Return the marts that are drawn from another, each with its source, as far as the source is there."""
    known = set(names)
    return sorted((name, source) for name in known if (source := contracts[name].drawn_from) and source in known)


def pooled(names: Iterable[str], contracts: Mapping[str, MartContract]) -> list[tuple[str, str]]:
    """Return the marts that pool another, each with its source, as far as the source is there."""
    known = set(names)
    return sorted((name, source) for name in known if (source := contracts[name].pooled_from) and source in known)


def with_source(frame: pl.DataFrame, source: pl.DataFrame, grain: Iterable[str], flag: pl.Expr) -> Flags:
    """Return the rows of a drawn mart of which a source row has a flag, or is not there.

    Args:
        frame: The drawn mart.
        source: The mart it is drawn from.
        grain: The keys of the source.
        flag: A condition on the source.
    """
    keys = list(grain)
    flags = source.select(*keys, flag.fill_null(value=False).alias("flag"))
    found = np.zeros(frame.height, dtype=bool)
    for level in LEVELS:
        named = frame.select(*(pl.col(level).alias(name) if name == "level" else name for name in keys))
        at = named.join(flags, on=keys, how="left", nulls_equal=True, maintain_order="left")
        found |= at["flag"].fill_null(value=True).to_numpy()
    return found
