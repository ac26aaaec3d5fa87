"""Many clinics: one proportion from several, what clinics differ by, and what a further clinic may show.

What belongs here: random-effects pooling of logits and its sensitivity to single clinics. What does not: which clinics
may be pooled or shown (that is the mart's rule), and outlying clinics (`funnel.py`).

Sources: DerSimonian and Laird 1986; Hartung and Knapp 2001 and Sidik and Jonkman 2002 with the factor held at 1 or
more; Higgins, Thompson and Spiegelhalter 2009 for the prediction interval.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from registry_pipeline.statistics.rates import Floats, normal_quantile

Estimator = Literal["common", "dl", "reml"]
"""Of the variance between clinics: none assumed, DerSimonian-Laird, restricted maximum likelihood."""

LEAST_FOR_INTERVAL = 3
LEAST_FOR_PREDICTION = 5
"""Clinics below which an interval would say more about its formula than about clinics."""


@dataclass(frozen=True)
class Effects:
    """One estimate per clinic with its sampling variance."""

    estimate: Floats
    variance: Floats

    def without(self, place: int) -> "Effects":
        """Return the effects of all clinics but one."""
        return Effects(np.delete(self.estimate, place), np.delete(self.variance, place))


@dataclass(frozen=True)
class Pooled:
    """A pooled effect on the scale of the effects; NaN where it cannot be known.

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

    mean: float
    std_err: float
    ci_low: float
    ci_high: float
    tau2: float
    q: float
    i2: float
    prediction_low: float
    prediction_high: float
    n_clinics: int

    def as_proportions(self) -> "Pooled":
        """Return the same with means and limits turned from logits to proportions."""
        from scipy.special import expit  # noqa: PLC0415 - scipy costs start-up time that only a build may spend

        return replace(
            self,
            mean=float(expit(self.mean)),
            ci_low=float(expit(self.ci_low)),
            ci_high=float(expit(self.ci_high)),
            prediction_low=float(expit(self.prediction_low)),
            prediction_high=float(expit(self.prediction_high)),
        )


_NOTHING = Pooled(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, 0)


def logits(numerator: ArrayLike, denominator: ArrayLike) -> Effects:
    """Return the logits of proportions; half a patient is added to both sides of clinics with none or all only."""
    x, n = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    shift = np.where((x == 0) | (x == n), 0.5, 0.0)
    inside, outside = x + shift, n - x + shift
    return Effects(np.log(inside / outside), 1 / inside + 1 / outside)


def pool(effects: Effects, estimator: Estimator = "reml") -> Pooled:
    """Pool the clinics' effects.

    Restricted maximum likelihood comes with Hartung-Knapp-Sidik-Jonkman limits (factor at least 1, t with k-1 degrees
    of freedom), the others with normal ones. No limits below three clinics, no prediction below five.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - see as_proportions

    k = len(effects.estimate)
    if k == 0:
        return _NOTHING
    q = _cochran_q(effects)
    tau2 = {"common": _no_variance, "dl": _dersimonian_laird, "reml": _restricted_likelihood}[estimator](effects)
    weight = 1 / (effects.variance + tau2)
    mean = float(np.average(effects.estimate, weights=weight))
    std_err = float(weight.sum() ** -0.5)
    half = normal_quantile() * std_err
    if estimator == "reml" and k > 1:
        spread = float(np.sum(weight * (effects.estimate - mean) ** 2) / (k - 1))
        half = float(stdtrit(k - 1, 0.975)) * std_err * max(1.0, spread) ** 0.5
    reach = float(stdtrit(k - 2, 0.975)) * (tau2 + std_err**2) ** 0.5 if k >= LEAST_FOR_PREDICTION else np.nan
    half = half if k >= LEAST_FOR_INTERVAL else np.nan
    i2 = max(0.0, (q - k + 1) / q) if q > 0 else 0.0
    return Pooled(mean, std_err, mean - half, mean + half, tau2, q, i2, mean - reach, mean + reach, k)


def leave_one_out(effects: Effects, estimator: Estimator = "reml") -> list[Pooled]:
    """Return the pooled effect without each clinic in turn."""
    return [pool(effects.without(place), estimator) for place in range(len(effects.estimate))]


def _cochran_q(effects: Effects) -> float:
    weight = 1 / effects.variance
    return float(np.sum(weight * (effects.estimate - np.average(effects.estimate, weights=weight)) ** 2))


def _no_variance(_: Effects) -> float:
    return 0.0


def _dersimonian_laird(effects: Effects) -> float:
    weight = 1 / effects.variance
    scale = weight.sum() - np.sum(weight**2) / weight.sum()
    return max(0.0, (_cochran_q(effects) - len(weight) + 1) / float(scale)) if scale > 0 else 0.0


def _restricted_likelihood(effects: Effects) -> float:
    """Return the variance that maximises the restricted likelihood.

    With small clinics the likelihood may rise, fall and rise again, so the highest of a grid is found first and the
    root of the derivative beside it after.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - see as_proportions

    if len(effects.estimate) < 2:  # noqa: PLR2004 - two clinics are the fewest that can differ
        return 0.0
    scale = float(np.var(effects.estimate) + effects.variance.mean())
    grid = np.concatenate(([0.0], scale * np.geomspace(1e-6, 1e3, 200)))
    highest = int(np.argmax([_log_likelihood(effects, tau2) for tau2 in grid]))
    low, high = grid[max(highest - 1, 0)], grid[min(highest + 1, len(grid) - 1)]
    if highest == 0 and _slope(effects, 0.0) <= 0:
        return 0.0
    return float(brentq(lambda tau2: _slope(effects, tau2), low, high, xtol=1e-14, rtol=1e-14))


def _log_likelihood(effects: Effects, tau2: float) -> float:
    weight = 1 / (effects.variance + tau2)
    residual = effects.estimate - np.average(effects.estimate, weights=weight)
    return float(np.sum(np.log(weight)) - np.log(weight.sum()) - np.sum(weight * residual**2)) / 2


def _slope(effects: Effects, tau2: float) -> float:
    """Return twice the derivative of the restricted log-likelihood by the variance between clinics."""
    weight = 1 / (effects.variance + tau2)
    residual = effects.estimate - np.average(effects.estimate, weights=weight)
    return float(np.sum(weight**2 * residual**2) - weight.sum() + np.sum(weight**2) / weight.sum())
