"""Survival curves from life tables: Kaplan-Meier, Aalen-Johansen, quantiles and restricted means.

What belongs here: estimators on the life table of one stratum. What does not: how a patient's time and status come
about (that is SQL, `int_durability_patient`), and group comparisons.

Conventions: at tied times events precede censorings; a time is an event time of the step function, so the curve at
day d is the value after the last time <= d; NaN means not estimable.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registry_pipeline.statistics.rates import Floats, normal_quantile

Counts = NDArray[np.int64]

# A survival of exactly one half counts as reached although its product of fractions may print .5000000001.
_PLATEAU = 1e-9
# An incidence summed up to 1 may end one rounding error below it.
_CERTAIN = 1e-12


@dataclass(frozen=True)
class LifeTable:
    """How many patients left the risk set at each distinct time, and why.

    Args:
        time: Distinct times in increasing order.
        n_event: Patients with the event of interest at that time.
        n_competing: Patients with an event that rules the one of interest out.
        n_censored: Patients last seen at that time.
    """

    time: Floats
    n_event: Counts
    n_competing: Counts
    n_censored: Counts

    @classmethod
    def of(cls, time: ArrayLike, n_event: ArrayLike, n_competing: ArrayLike, n_censored: ArrayLike) -> Self:
        """Build a life table from anything array-like."""
        counts = (np.asarray(column, dtype=np.int64) for column in (n_event, n_competing, n_censored))
        return cls(np.asarray(time, dtype=np.float64), *counts)

    @classmethod
    def from_patients(cls, time: ArrayLike, status: ArrayLike) -> Self:
        """Count patients' times by status: 0 censored, 1 event of interest, anything else competing."""
        times, codes = np.asarray(time, dtype=np.float64), np.asarray(status)
        distinct, place = np.unique(times, return_inverse=True)
        size = len(distinct)
        n_event = np.bincount(place[codes == 1], minlength=size)
        n_censored = np.bincount(place[codes == 0], minlength=size)
        return cls.of(distinct, n_event, np.bincount(place, minlength=size) - n_event - n_censored, n_censored)

    @cached_property
    def n_at_risk(self) -> Counts:
        """Return the patients whose time is at or after each time."""
        leaving = self.n_event + self.n_competing + self.n_censored
        return np.cumsum(leaving[::-1])[::-1].astype(np.int64)

    def n_at_risk_on(self, day: ArrayLike) -> Counts:
        """Return the patients whose time is at or after each of the given days."""
        days = np.asarray(day, dtype=np.float64)
        at_risk = np.append(self.n_at_risk, 0)
        return at_risk[np.searchsorted(self.time, days, side="left")]


class Point(NamedTuple):
    """A curve read off at some days."""

    estimate: Floats
    ci_low: Floats
    ci_high: Floats


@dataclass(frozen=True)
class Curve:
    """A step function with its standard error and pointwise 95 % limits after each time.

    Args:
        time: Distinct times in increasing order.
        estimate: Survival or cumulative incidence after each time.
        std_err: Standard error of the estimate.
        ci_low: Lower limit, NaN where the estimate is 0 or 1.
        ci_high: Upper limit, NaN where the estimate is 0 or 1.
        start: The value before the first time: 1 for survival, 0 for an incidence.
        is_complete: Whether nobody is left whose event is unknown, so that the curve is known for ever.
    """

    time: Floats
    estimate: Floats
    std_err: Floats
    ci_low: Floats
    ci_high: Floats
    start: float
    is_complete: bool

    def at(self, day: ArrayLike) -> Point:
        """Return the curve after each of the given days, NaN past the last follow-up unless it is complete."""
        days = np.asarray(day, dtype=np.float64)
        place = np.searchsorted(self.time, days, side="right")
        is_known = self.is_complete | (days <= self.time.max(initial=0))
        columns = ((self.start, self.estimate), (np.nan, self.ci_low), (np.nan, self.ci_high))
        return Point(*(np.where(is_known, np.append(first, rest)[place], np.nan) for first, rest in columns))


class Quantile(NamedTuple):
    """A time with its limits; NaN where the curve never gets there."""

    time: float
    ci_low: float
    ci_high: float


class RestrictedMean(NamedTuple):
    """The mean time up to a horizon, with its standard error."""

    mean: float
    std_err: float


def kaplan_meier(table: LifeTable) -> Curve:
    """Return the Kaplan-Meier survival with Greenwood's variance and log-log limits; competing events censor."""
    n, d = table.n_at_risk.astype(np.float64), table.n_event.astype(np.float64)
    survival = np.asarray(np.cumprod(1 - d / n), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_variance: Floats = np.cumsum(d / (n * (n - d)))
        relative = np.sqrt(log_variance)
        std_err = np.asarray(survival * relative, dtype=np.float64)
    low, high = _log_log_limits(survival, relative)
    is_complete = bool((survival == 0).any())
    return Curve(table.time, survival, std_err, low, high, start=1.0, is_complete=is_complete)


def aalen_johansen(table: LifeTable) -> Curve:
    """Return the cumulative incidence of the event of interest in the presence of the competing one.

    The variance is the delta-method one of Marubini and Valsecchi, which equals R survfit's infinitesimal jackknife.
    Its sums over pairs of times are expanded into cumulative sums, so that the cost is linear in the table.
    """
    n, d = table.n_at_risk.astype(np.float64), table.n_event.astype(np.float64)
    all_events = d + table.n_competing
    survival_before = np.concatenate(([1.0], np.cumprod(1 - all_events / n)[:-1]))
    # Rounding may carry the sum past 1 by one unit in the last place.
    incidence = np.minimum(np.cumsum(survival_before * d / n), 1.0)
    left = n - all_events
    # Where everybody leaves, the incidence never moves again and the term is multiplied by zero.
    hazard = np.divide(all_events, n * left, out=np.zeros_like(n), where=left > 0)
    shared = survival_before * d / n**2
    variance = (
        incidence**2 * np.cumsum(hazard)
        - 2 * incidence * np.cumsum(incidence * hazard)
        + np.cumsum(incidence**2 * hazard)
        + np.cumsum(survival_before**2 * (n - d) / n * d / n**2)
        - 2 * (incidence * np.cumsum(shared) - np.cumsum(incidence * shared))
    )
    std_err = np.sqrt(np.maximum(variance, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = std_err / incidence
    low, high = _log_log_limits(incidence, relative)
    is_complete = bool((left == 0).any())
    return Curve(table.time, incidence, std_err, low, high, start=0.0, is_complete=is_complete)


def quantile(curve: Curve, q: float = 0.5) -> Quantile:
    """Return the first time with survival <= 1-q and its Brookmeyer-Crowley limits.

    On an exact plateau at 1-q the first day counts; R would average over the plateau.
    """
    bands = (curve.estimate, curve.ci_low, curve.ci_high)
    return Quantile(*(_first_time(curve.time, band, 1 - q) for band in bands))


def restricted_mean(table: LifeTable, horizon: float) -> RestrictedMean:
    """Return the area under the Kaplan-Meier curve up to the horizon; NaN where follow-up is too short."""
    curve = kaplan_meier(table)
    if len(curve.time) == 0 or (curve.time[-1] < horizon and curve.estimate[-1] > 0):
        return RestrictedMean(np.nan, np.nan)
    within = curve.time < horizon
    edges = np.concatenate((curve.time[within], [horizon]))
    area = np.concatenate(([edges[0]], curve.estimate[within] * np.diff(edges)))
    remaining = np.cumsum(area[::-1])[::-1][1:]
    n, d = table.n_at_risk[within].astype(np.float64), table.n_event[within].astype(np.float64)
    hazard = np.divide(d, n * (n - d), out=np.zeros_like(n), where=n > d)
    return RestrictedMean(float(area.sum()), float(np.sqrt(np.sum(remaining**2 * hazard))))


def _log_log_limits(estimate: Floats, relative_error: Floats) -> tuple[Floats, Floats]:
    """Return limits of a probability on the log(-log) scale, from its standard error divided by itself."""
    inside = (estimate > _CERTAIN) & (estimate < 1 - _CERTAIN)
    safe = np.where(inside, estimate, 0.5)
    width = normal_quantile() * np.where(inside, relative_error, 0.0) / np.abs(np.log(safe))
    low, high = safe ** np.exp(width), safe ** np.exp(-width)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)


def _first_time(time: Floats, band: Floats, level: float) -> float:
    reached = np.flatnonzero(band <= level + _PLATEAU)
    return float(time[reached[0]]) if len(reached) else np.nan
