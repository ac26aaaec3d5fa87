"""Events that come again: the mean number per patient up to each day (mean cumulative function).

What belongs here: the estimator on daily sums, and its rows on a weekly grid. What does not: who is followed how long
and the sums themselves (SQL, `int_ae_recurrence`).
Source: Nelson 1988; variance of Lawless and Nadeau 1995. Death ends follow-up here as any other end does; where it is
frequent the function overstates what a patient lives to see.
"""

from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from registry_pipeline.statistics.rates import Floats, normal_quantile
from registry_pipeline.statistics.survival import GRID_DAYS

STRATUM = ["dimension", "level"]

# A variance is what remains of three sums; below this share of the first it is their rounding.
_NOTHING = 1e-12


class MeanCumulative(NamedTuple):
    """Mean number of events per patient after each day, with its log-scale 95 % limits (NaN before any event)."""

    n_at_risk: Floats
    mean: Floats
    std_err: Floats
    ci_low: Floats
    ci_high: Floats


def mean_cumulative(
    n_ending: ArrayLike, n_events: ArrayLike, squared_weights: ArrayLike, ending_weights: ArrayLike
) -> MeanCumulative:
    """Return the mean cumulative function of day 0 and every day after it.

    With Y(d) patients at risk, an event of day d weighs 1/Y(d). Patient i, followed to cᵢ, has weights Aᵢ(t) by day t
    and was expected to have H(min(cᵢ, t)), where H sums dN/Y². The variance Σᵢ (Aᵢ(t) - H(min(cᵢ, t)))² is expanded,
    so that sums by day are enough whatever the number of patients.

    Args:
        n_ending: Patients whose last day at risk it is; shape (days,).
        n_events: Events of the day; shape (…, days), as the other two.
        squared_weights: By how much the day's events raise Σᵢ Aᵢ².
        ending_weights: Weights of all events of the patients whose last day at risk it is.
    """
    ending = np.asarray(n_ending, dtype=np.float64)
    events, squares, weights = (
        np.asarray(sums, dtype=np.float64) for sums in (n_events, squared_weights, ending_weights)
    )
    at_risk = np.cumsum(ending[::-1])[::-1]
    some = np.maximum(at_risk, 1)
    mean, expected = np.cumsum(events / some, axis=-1), np.cumsum(events / some**2, axis=-1)
    own = np.cumsum(squares, axis=-1)
    product = np.cumsum(weights * expected, axis=-1) + expected * (mean - np.cumsum(weights, axis=-1))
    expected_squares = np.cumsum(ending * expected**2, axis=-1) + (at_risk - ending) * expected**2
    variance = own - 2 * product + expected_squares
    std_err = np.sqrt(np.where(variance > _NOTHING * own, variance, 0.0))
    relative = np.divide(std_err, mean, out=np.full_like(mean, np.nan), where=mean > 0)
    factor = np.exp(normal_quantile() * relative)
    return MeanCumulative(np.broadcast_to(at_risk, mean.shape), mean, std_err, mean / factor, mean * factor)


def recurrence_rows(daily: pd.DataFrame, follow_up: pd.DataFrame) -> pd.DataFrame:
    """Return the mean cumulative function of every stratum and term, weekly up to the stratum's last day at risk.

    Args:
        daily: dimension, level, ae_term, day, n_events, n_first_events, squared_weights, ending_weights.
        follow_up: dimension, level, day, n_ending.
    """
    columns = [*STRATUM, "ae_term", "day", *_FIGURES]
    ends = dict(iter(follow_up.groupby(STRATUM)))
    parts = [
        _stratum_rows(cast("tuple[str, str]", stratum), days, ends[stratum]) for stratum, days in daily.groupby(STRATUM)
    ]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


_FIGURES = [
    "n_patients",
    "n_at_risk",
    "n_patients_with",
    "n_events",
    "mean_events",
    "std_err",
    "ci_low",
    "ci_high",
]


def _stratum_rows(stratum: tuple[str, str], daily: pd.DataFrame, follow_up: pd.DataFrame) -> pd.DataFrame:
    terms, term = np.unique(daily["ae_term"], return_inverse=True)
    n_ending = np.bincount(follow_up["day"], weights=follow_up["n_ending"])

    def by_day(column: str) -> Floats:
        sums = np.zeros((len(terms), len(n_ending)))
        sums[term, daily["day"]] = daily[column]
        return sums

    n_events, n_first = by_day("n_events"), by_day("n_first_events")
    curve = mean_cumulative(n_ending, n_events, by_day("squared_weights"), by_day("ending_weights"))
    day = GRID_DAYS[: np.searchsorted(GRID_DAYS, len(n_ending))]
    figures = (
        np.full_like(n_events, n_ending.sum()),
        curve.n_at_risk,
        np.cumsum(n_first, axis=-1),
        np.cumsum(n_events, axis=-1),
        *curve[1:],
    )
    rows = {name: values[:, day].ravel() for name, values in zip(_FIGURES, figures, strict=True)}
    keys = {"ae_term": np.repeat(terms, len(day)), "day": np.tile(day, len(terms))}
    return pd.DataFrame({**dict(zip(STRATUM, stratum, strict=True)), **keys, **rows})
