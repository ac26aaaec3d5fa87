"""Survival curves from life tables: Kaplan-Meier, Aalen-Johansen, quantiles and restricted means.

What belongs here: estimators on life tables, one or many at once. What does not: how a patient's time and status come
about (that is SQL, `int_durability_patient`), and group comparisons.

Conventions: times run along the last axis, strata along the first when there are many; at tied times events precede
censorings; a time is an event time of the step function, so the curve at day d is the value after the last time <= d;
NaN means not estimable.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registry_pipeline.statistics.rates import Floats, normal_quantile

Counts = NDArray[np.int64]

GRID_DAYS = np.arange(0, 183, 7)
"""The days on which curves are published: weekly, up to half a year."""

# A survival of exactly one half counts as reached although its product of fractions may print .5000000001.
_PLATEAU = 1e-9
# An incidence summed up to 1 may end one rounding error below it.
_CERTAIN = 1e-12


@dataclass(frozen=True)
class LifeTable:
    """How many patients left the risk set at each distinct time, and why.

    Every array has the same shape: times, or strata by times. A stratum with fewer times than the widest is filled up
    with infinite times at which nobody leaves.

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
        return _from_the_end(self.n_event + self.n_competing + self.n_censored)

    @cached_property
    def last_time(self) -> Floats:
        """Return the largest follow-up, 0 when there is nobody."""
        finite = np.where(np.isfinite(self.time), self.time, 0.0)
        return np.asarray(finite.max(axis=-1, initial=0.0), dtype=np.float64)

    def n_at_risk_on(self, day: ArrayLike) -> Counts:
        """Return the patients whose time is at or after each of the given days."""
        return _taken(_appended(self.n_at_risk, 0), _n_times(self.time, day, is_before=True))

    def n_events_by(self, day: ArrayLike) -> Counts:
        """Return the patients with the event of interest on or before each of the given days."""
        return _taken(_prepended(0, np.cumsum(self.n_event, axis=-1)), _n_times(self.time, day))


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
        last_time: The largest follow-up.
        is_complete: Whether nobody is left whose event is unknown, so that the curve is known for ever.
    """

    time: Floats
    estimate: Floats
    std_err: Floats
    ci_low: Floats
    ci_high: Floats
    start: float
    last_time: Floats
    is_complete: NDArray[np.bool_]

    def at(self, day: ArrayLike) -> Point:
        """Return the curve after each of the given days, NaN past the last follow-up unless it is complete."""
        days = np.asarray(day, dtype=np.float64)
        is_known = np.greater_equal.outer(np.where(self.is_complete, np.inf, self.last_time), days)
        passed = _n_times(self.time, days)
        columns = ((self.start, self.estimate), (np.nan, self.ci_low), (np.nan, self.ci_high))
        return Point(*(np.where(is_known, _taken(_prepended(first, rest), passed), np.nan) for first, rest in columns))


class Quantile(NamedTuple):
    """A time with its limits; NaN where the curve never gets there."""

    time: Floats
    ci_low: Floats
    ci_high: Floats


class RestrictedMean(NamedTuple):
    """The mean time up to a horizon, with its standard error."""

    mean: Floats
    std_err: Floats


def kaplan_meier(table: LifeTable) -> Curve:
    """Return the Kaplan-Meier survival with Greenwood's variance and log-log limits; competing events censor."""
    n, d = table.n_at_risk.astype(np.float64), table.n_event.astype(np.float64)
    survival = np.asarray(np.cumprod(1 - d / np.maximum(n, 1), axis=-1), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.sqrt(np.cumsum(np.where(d > 0, d / (n * (n - d)), 0.0), axis=-1))
        std_err = np.asarray(survival * relative, dtype=np.float64)
    low, high = _log_log_limits(survival, relative)
    is_complete = (survival == 0).any(axis=-1)
    return Curve(table.time, survival, std_err, low, high, 1.0, table.last_time, is_complete)


def aalen_johansen(table: LifeTable) -> Curve:
    """Return the cumulative incidence of the event of interest in the presence of the competing one.

    The variance is the delta-method one of Marubini and Valsecchi, which equals R survfit's infinitesimal jackknife.
    Its sums over pairs of times are expanded into cumulative sums, so that the cost is linear in the table.
    """
    n, d = np.maximum(table.n_at_risk, 1).astype(np.float64), table.n_event.astype(np.float64)
    all_events = d + table.n_competing
    survival_before = _prepended(1.0, np.cumprod(1 - all_events / n, axis=-1)[..., :-1])
    # Rounding may carry the sum past 1 by one unit in the last place.
    incidence = np.minimum(_so_far(survival_before * d / n), 1.0)
    left = n - all_events
    # Where everybody leaves, the incidence never moves again and the term is multiplied by zero.
    hazard = np.divide(all_events, n * left, out=np.zeros_like(n), where=left > 0)
    shared = survival_before * d / n**2
    variance = (
        incidence**2 * _so_far(hazard)
        - 2 * incidence * _so_far(incidence * hazard)
        + _so_far(incidence**2 * hazard)
        + _so_far(survival_before**2 * (n - d) / n * d / n**2)
        - 2 * (incidence * _so_far(shared) - _so_far(incidence * shared))
    )
    std_err = np.sqrt(np.maximum(variance, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = std_err / incidence
    low, high = _log_log_limits(incidence, relative)
    is_complete = (left == 0).any(axis=-1)
    return Curve(table.time, incidence, std_err, low, high, 0.0, table.last_time, is_complete)


def quantile(curve: Curve, q: float = 0.5) -> Quantile:
    """Return the first time with survival <= 1-q and its Brookmeyer-Crowley limits.

    On an exact plateau at 1-q the first day counts; R would average over the plateau.
    """
    bands = (curve.estimate, curve.ci_low, curve.ci_high)
    return Quantile(*(_first_time(curve.time, band, 1 - q) for band in bands))


def restricted_mean(table: LifeTable, curve: Curve, horizon: float) -> RestrictedMean:
    """Return the area under the Kaplan-Meier curve up to the horizon; NaN where follow-up is too short.

    Args:
        table: The life tables.
        curve: Their Kaplan-Meier curve.
        horizon: Days over which the mean is taken.
    """
    edges = np.minimum(curve.time, horizon)
    area = _prepended(1.0, curve.estimate[..., :-1]) * np.diff(_prepended(0.0, edges), axis=-1)
    remaining = _appended(_from_the_end(area)[..., 1:], 0.0)
    n, d = table.n_at_risk.astype(np.float64), table.n_event.astype(np.float64)
    counts = (curve.time < horizon) & (n > d)
    hazard = np.divide(d, n * (n - d), out=np.zeros_like(n), where=counts)
    is_known = (curve.last_time >= horizon) | curve.is_complete
    moments = (_total(area), np.sqrt(_total(remaining**2 * hazard)))
    return RestrictedMean(*(np.where(is_known, moment, np.nan) for moment in moments))


def _so_far(values: Floats) -> Floats:
    return np.cumsum(values, axis=-1)


def _total(values: Floats) -> Floats:
    """Return sums taken one value after the other: with how many zeros a stratum is filled up changes no digit."""
    return _so_far(_prepended(0.0, values))[..., -1]


def _from_the_end(values: NDArray[Any]) -> NDArray[Any]:
    return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]


def _prepended(first: float, rest: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate((np.full((*rest.shape[:-1], 1), first, dtype=rest.dtype), rest), axis=-1)


def _appended(rest: NDArray[Any], last: float) -> NDArray[Any]:
    return np.concatenate((rest, np.full((*rest.shape[:-1], 1), last, dtype=rest.dtype)), axis=-1)


def _n_times(time: Floats, day: ArrayLike, *, is_before: bool = False) -> Counts:
    """Count the times on or before each day, or before it."""
    days = np.asarray(day, dtype=np.float64)
    times, flat = time[..., np.newaxis], days.ravel()
    passed = np.count_nonzero(times < flat if is_before else times <= flat, axis=-2)
    return np.reshape(passed, time.shape[:-1] + days.shape)


def _taken(values: NDArray[Any], place: Counts) -> NDArray[Any]:
    n_places = place.reshape((*values.shape[:-1], -1))
    return np.take_along_axis(values, n_places, axis=-1).reshape(place.shape)


def _log_log_limits(estimate: Floats, relative_error: Floats) -> tuple[Floats, Floats]:
    """Return limits of a probability on the log(-log) scale, from its standard error divided by itself."""
    inside = (estimate > _CERTAIN) & (estimate < 1 - _CERTAIN)
    safe = np.where(inside, estimate, 0.5)
    width = normal_quantile() * np.where(inside, relative_error, 0.0) / np.abs(np.log(safe))
    low, high = safe ** np.exp(width), safe ** np.exp(-width)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)


def _first_time(time: Floats, band: Floats, level: float) -> Floats:
    first = np.where(band <= level + _PLATEAU, time, np.inf).min(axis=-1, initial=np.inf)
    return np.where(np.isfinite(first), first, np.nan)
