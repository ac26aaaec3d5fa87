"""Many clinics: one effect from several, what clinics differ by, and what a further clinic may show.

What belongs here: random-effects pooling of estimates with known sampling variances (logits of proportions, mean
differences), many questions at once, and its sensitivity to single clinics. What does not: which clinics may be pooled
or shown (that is the mart's rule), and outlying clinics (`funnel.py`).

Sources: DerSimonian and Laird 1986; Hartung and Knapp 2001 and Sidik and Jonkman 2002 with the factor held at 1 or
more; Higgins, Thompson and Spiegelhalter 2009 for the prediction interval.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registry_pipeline.statistics.rates import Floats, normal_quantile

Bools = NDArray[np.bool_]
Estimator = Literal["common", "dl", "reml"]
"""Of the variance between clinics: none assumed, DerSimonian-Laird, restricted maximum likelihood."""

LEAST_FOR_INTERVAL = 3
LEAST_FOR_PREDICTION = 5
"""Clinics below which an interval would say more about its formula than about clinics."""

_CELLS = 2**20
"""How many numbers an array may hold while clinics are left out one by one."""
_GRID = np.concatenate(([0.0], np.geomspace(1e-6, 1e3, 64)))
"""Variances between clinics that are looked at first, as multiples of what the effects suggest."""
_STEPS, _PRECISION = 100, 1e-13
"""More steps than halving needs from any bracket (the usual search takes five), to as near as doubles come."""


@dataclass(frozen=True)
class Effects:
    """One estimate per clinic with its sampling variance; a row for each question.

    Args:
        estimate: (question, clinic).
        variance: (question, clinic); infinite where a question lacks the clinic, which then weighs nothing.
    """

    estimate: Floats
    variance: Floats

    @property
    def is_present(self) -> Bools:
        """Tell which question has which clinic."""
        return np.isfinite(self.variance)

    def of(self, questions: slice | Bools) -> "Effects":
        """Return the effects of some questions."""
        return Effects(self.estimate[questions], self.variance[questions])

    def without_each(self) -> "Effects":
        """Return (question * clinic, clinic): every question without each clinic in turn; empty if it lacks it."""
        n_questions, n_clinics = self.estimate.shape
        flat = (n_questions * n_clinics, n_clinics)
        is_out = np.eye(n_clinics, dtype=np.bool_) | ~self.is_present[:, :, None]
        variance = np.where(is_out, np.inf, self.variance[:, None, :])
        estimate = np.broadcast_to(self.estimate[:, None, :], variance.shape)
        return Effects(estimate.reshape(flat), variance.reshape(flat))


@dataclass(frozen=True)
class Pooled:
    """Pooled effects on the scale of the effects, an element for each question; NaN where one cannot be known.

    Args:
        mean: The pooled effect.
        std_err: Its model-based standard error.
        ci_low: Lower 95 % limit.
        ci_high: Upper 95 % limit.
        tau2: Variance between clinics.
        q: Cochran's Q.
        i2: Share of the spread beyond chance, (Q - df) / Q, from 0 to 1.
        prediction_low: Lower 95 % limit for a further clinic.
        prediction_high: Upper 95 % limit for a further clinic.
        n_clinics: How many were pooled.
    """

    mean: Floats
    std_err: Floats
    ci_low: Floats
    ci_high: Floats
    tau2: Floats
    q: Floats
    i2: Floats
    prediction_low: Floats
    prediction_high: Floats
    n_clinics: NDArray[np.int64]

    def as_proportions(self) -> "Pooled":
        """Return the same with means and limits turned from logits to proportions."""
        from scipy.special import expit  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

        names = ("mean", "ci_low", "ci_high", "prediction_low", "prediction_high")
        return replace(self, **{name: expit(getattr(self, name)) for name in names})


def logits(numerator: ArrayLike, denominator: ArrayLike) -> Effects:
    """Return the logits of proportions; half a patient is added to both sides of clinics with none or all only.

    Args:
        numerator: (question, clinic).
        denominator: (question, clinic); 0 where a question lacks the clinic.
    """
    x, n = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    shift = np.where((x == 0) | (x == n), 0.5, 0.0)
    inside, outside = x + shift, n - x + shift
    return Effects(np.log(inside / outside), np.where(n > 0, 1 / inside + 1 / outside, np.inf))


def pool(effects: Effects, estimator: Estimator = "reml") -> Pooled:
    """Pool the clinics' effects, question by question.

    Restricted maximum likelihood comes with Hartung-Knapp-Sidik-Jonkman limits (factor at least 1, t with k-1 degrees
    of freedom), the others with normal ones. No limits below three clinics, no prediction below five.
    """
    if estimator == "reml":
        return _pooled(effects, _restricted_likelihood(effects, _brackets(effects)), is_adjusted=True)
    tau2 = _dersimonian_laird(effects) if estimator == "dl" else np.zeros(len(effects.estimate))
    return _pooled(effects, tau2, is_adjusted=False)


def leave_one_out(effects: Effects, estimator: Estimator = "reml") -> Pooled:
    """Return (question, clinic): the pooled effect without each clinic; NaN where the question lacks it.

    The work grows with the square of the number of clinics; memory does not.
    """
    shape = effects.estimate.shape
    parts = [_without_each(effects.of(block), estimator) for block in _blocks(*shape)]
    joined = {one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Pooled)}
    return Pooled(**{name: values.reshape(shape) for name, values in joined.items()})


def _blocks(n_questions: int, n_clinics: int) -> Iterator[slice]:
    size = max(1, _CELLS // max(1, n_clinics * max(n_clinics, len(_GRID))))
    return (slice(start, start + size) for start in range(0, max(1, n_questions), size))


def _without_each(effects: Effects, estimator: Estimator) -> Pooled:
    rest = effects.without_each()
    if estimator != "reml":
        return pool(rest, estimator)
    return _pooled(rest, _restricted_likelihood(rest, _brackets(effects, without_each=True)), is_adjusted=True)


def _pooled(effects: Effects, tau2: Floats, *, is_adjusted: bool) -> Pooled:
    """Return what the variances between clinics make of the effects."""
    from scipy.special import stdtrit  # noqa: PLC0415 - see as_proportions

    k = effects.is_present.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = 1 / (effects.variance + tau2[:, None])
        mean = _mean(effects, weight)
        std_err = weight.sum(axis=1) ** -0.5
        half = normal_quantile() * std_err
        if is_adjusted:
            spread = (weight * (effects.estimate - mean[:, None]) ** 2).sum(axis=1) / (k - 1)
            half = stdtrit(k - 1, 0.975) * std_err * np.maximum(1.0, spread) ** 0.5
        half = np.where(k >= LEAST_FOR_INTERVAL, half, np.nan)
        reach = np.where(k >= LEAST_FOR_PREDICTION, stdtrit(k - 2, 0.975) * (tau2 + std_err**2) ** 0.5, np.nan)
        q = _cochran_q(effects)
        i2 = np.where(q > 0, np.maximum(0.0, (q - k + 1) / q), 0.0)
    return Pooled(mean, std_err, mean - half, mean + half, tau2, q, i2, mean - reach, mean + reach, k)


def _mean(effects: Effects, weight: Floats) -> Floats:
    return np.asarray((weight * effects.estimate).sum(axis=1) / weight.sum(axis=1))


def _cochran_q(effects: Effects) -> Floats:
    weight = 1 / effects.variance
    return np.asarray((weight * (effects.estimate - _mean(effects, weight)[:, None]) ** 2).sum(axis=1))


def _dersimonian_laird(effects: Effects) -> Floats:
    weight = 1 / effects.variance
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = weight.sum(axis=1) - (weight**2).sum(axis=1) / weight.sum(axis=1)
        beyond = (_cochran_q(effects) - effects.is_present.sum(axis=1) + 1) / scale
    return np.where(scale > 0, np.maximum(0.0, beyond), 0.0)


def _restricted_likelihood(effects: Effects, brackets: tuple[Floats, Floats]) -> Floats:
    """Return the variances that maximise the restricted likelihoods.

    Args:
        effects: (question, clinic).
        brackets: From `_brackets`.
    """
    first, second = brackets
    tau2 = _climbed(effects, first)
    has_two = (first != second).any(axis=0)
    if has_two.any():
        rest, best = _centred(effects.of(has_two)), tau2[has_two]
        other = _climbed(rest, second[:, has_two])
        heights = [_log_likelihood(rest, each, without_each=False) for each in (best, other)]
        tau2[has_two] = np.where(heights[1] > heights[0], other, best)
    return tau2


def _climbed(effects: Effects, bracket: Floats) -> Floats:
    """Return the variances at which the slopes of the restricted likelihoods fall through 0, (question,).

    Newton's steps from the middle variance of each bracket, and halving where they leave it.

    Args:
        effects: (question, clinic).
        bracket: (3, question).
    """
    low, tau2, high = bracket
    is_open = can_differ = effects.is_present.sum(axis=1) >= 2  # noqa: PLR2004 - the fewest clinics that can differ
    for _ in range(_STEPS):
        if not is_open.any():
            break
        old = tau2[is_open]
        slope, curve = _slope(effects.of(is_open), old)
        left, right = np.where(slope > 0, old, low[is_open]), np.where(slope > 0, high[is_open], old)
        with np.errstate(invalid="ignore", divide="ignore"):
            new = old - slope / curve
        new = np.where((left < new) & (new < right), new, (left + right) / 2)
        low[is_open], tau2[is_open], high[is_open] = left, new, right
        is_open = _where(is_open, np.abs(new - old) > _PRECISION * new)
    return np.where(can_differ, tau2, 0.0)


def _where(mask: Bools, chosen: Bools) -> Bools:
    """Return the mask narrowed to those of its elements that are chosen."""
    narrowed = mask.copy()
    narrowed[mask] = chosen
    return narrowed


def _centred(effects: Effects) -> Effects:
    """Return the effects less their common mean: sums of large squares would lose what tells variances apart."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return replace(effects, estimate=effects.estimate - _mean(effects, 1 / effects.variance)[:, None])


def _brackets(effects: Effects, *, without_each: bool = False) -> tuple[Floats, Floats]:
    """Return variances before, at and after the two highest peaks of each likelihood on a grid, (3, question) each.

    With small clinics the likelihood may rise, fall and rise again, so one climb from anywhere is not enough; and of
    two peaks that are nearly as high the grid need not show which is higher. Where there is one, both are that one.

    Args:
        effects: (question, clinic).
        without_each: Of each question without each clinic in turn: (3, question * clinic).
    """
    centred = _centred(effects)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.max(centred.estimate**2 + centred.variance, axis=1, where=effects.is_present, initial=0.0)
        grid = scale[:, None] * _GRID
        heights = np.stack([_log_likelihood(centred, tau2, without_each=without_each) for tau2 in grid.T], axis=-1)
    n_each = effects.estimate.shape[1] if without_each else 1
    highest, next_highest = _two_peaks(heights.reshape(len(grid), n_each, grid.shape[1]))
    return _around(grid, highest), _around(grid, next_highest)


def _two_peaks(heights: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where along the last axis the highest value is, and the highest of the other peaks; the same if none."""
    highest = np.argmax(heights, axis=-1)
    before = np.concatenate((np.full_like(heights[..., :1], -np.inf), heights[..., :-1]), axis=-1)
    rises = heights > before
    is_peak = rises & ~np.concatenate((rises[..., 1:], np.zeros_like(rises[..., :1])), axis=-1)
    others = np.where(is_peak, heights, -np.inf)
    np.put_along_axis(others, highest[..., None], -np.inf, axis=-1)
    return highest, np.where(others.max(axis=-1) > -np.inf, np.argmax(others, axis=-1), highest)


def _around(grid: Floats, place: NDArray[np.intp]) -> Floats:
    """Return the values of a grid before, at and after some places of each of its rows, one row after the other."""
    near = [np.clip(place + step, 0, grid.shape[1] - 1) for step in (-1, 0, 1)]
    return np.stack([np.take_along_axis(grid, each, axis=1).ravel() for each in near])


def _log_likelihood(effects: Effects, tau2: Floats, *, without_each: bool) -> Floats:
    """Return restricted log-likelihoods, (question,) or, without each clinic in turn, (question, clinic)."""
    spread = effects.variance + tau2[:, None]
    weight, logs = 1 / spread, np.log(spread, out=np.zeros_like(spread), where=effects.is_present)
    parts = np.stack([logs, weight, weight * effects.estimate, weight * effects.estimate**2])
    sums = parts.sum(axis=2)
    logs, total, first, second = sums[:, :, None] - parts if without_each else sums
    return np.asarray(-(logs + np.log(total) + second - first**2 / total) / 2)


def _slope(effects: Effects, tau2: Floats) -> tuple[Floats, Floats]:
    """Return twice the first and second derivative of the restricted log-likelihood by the variance."""
    weight = 1 / (effects.variance + tau2[:, None])
    residual = effects.estimate - _mean(effects, weight)[:, None]
    squared = weight * weight
    pull = squared * residual
    total, squares, cubes = weight.sum(axis=1), squared.sum(axis=1), np.einsum("ij,ij->i", squared, weight)
    first = np.einsum("ij,ij->i", pull, residual) - total + squares / total
    turn = np.einsum("ij,ij,ij->i", weight, pull, residual)
    second = 2 * (pull.sum(axis=1) ** 2 / total - turn - cubes / total) + squares + (squares / total) ** 2
    return first, second
