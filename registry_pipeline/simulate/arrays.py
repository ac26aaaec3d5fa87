"""Small helpers on numpy arrays and polars columns that every part of the simulator uses."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER = 1_000_000
"""A day that no patient reaches."""

PATIENT_NO = "_patient_no"
"""Helper column of every simulated table: the patient's number within the clinic. Never written to a file."""

_ALPHABET = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_ID_LENGTH = 26


def choose(rng: np.random.Generator, probabilities: Sequence[float], n: int) -> Ints:
    """Return `n` draws of an index, with the given probabilities."""
    edges = np.cumsum(np.asarray(probabilities, dtype=np.float64))
    index = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    return np.asarray(np.minimum(index, len(probabilities) - 1), dtype=np.int64)


def happens(rng: np.random.Generator, probability: Floats | float, n: int) -> Bools:
    """Return for each of `n` whether something of that probability happens."""
    return np.asarray(rng.random(n) < probability)


def expit(logit: Floats) -> Floats:
    """Return the probability of a logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)


def logit(probability: Floats | float) -> Floats:
    """Return the logit of a probability."""
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(np.log(p / (1.0 - p)), dtype=np.float64)


def random_ids(rng: np.random.Generator, n: int) -> pl.Series:
    """Return `n` random patient ids (`p_` and 26 characters), not derived from anything."""
    letters = _ALPHABET[rng.integers(0, len(_ALPHABET), (n, _ID_LENGTH))]
    return pl.Series("p_" + np.ascontiguousarray(letters).view(f"S{_ID_LENGTH}").ravel().astype(f"U{_ID_LENGTH}"))


def numbered(prefix: str, numbers: Ints) -> pl.Series:
    """Return ids such as `s_1000012301`: unique within the clinic, repeated at others, as in the wild."""
    return pl.select(pl.format(f"{prefix}_{{}}", pl.Series(numbers))).to_series()


def words(labels: Sequence[str | None], index: npt.ArrayLike) -> pl.Series:
    """Return `labels` at `index`."""
    return at(pl.Series(labels, dtype=pl.String), np.asarray(index, dtype=np.uint32))


def at(values: pl.Series, index: npt.ArrayLike) -> pl.Series:
    """Return the values at `index`. Brackets are eager; `gather` would start a query for each call."""
    return values[pl.Series(np.asarray(index))]


def decimal(scaled: npt.ArrayLike, precision: int, scale: int, known: npt.ArrayLike | None = None) -> pl.Series:
    """Return whole numbers of the smallest unit as DECIMAL(precision, scale), null where not `known`."""
    series = pl.Series(np.asarray(scaled, dtype=np.int64) / 10**scale).cast(pl.Decimal(precision, scale))
    return series if known is None else where_known(series, known)


def where_known(values: pl.Series | npt.ArrayLike, known: npt.ArrayLike) -> pl.Series:
    """Return the values, null where not `known`."""
    series = values if isinstance(values, pl.Series) else pl.Series(np.asarray(values))
    return series.zip_with(pl.Series(np.asarray(known, dtype=np.bool_)), pl.Series([None], dtype=series.dtype))
