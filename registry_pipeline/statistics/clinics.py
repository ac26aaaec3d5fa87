"""From clinics' response rates to the rows of the marts about how clinics differ.

What belongs here: which clinics are pooled together, and the shape of the rows. What does not: the estimators
(`pooling`, `funnel`), who is a responder (SQL), and suppression.
"""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd

from registry_pipeline.statistics.funnel import binomial_limits, spread
from registry_pipeline.statistics.pooling import (
    LEAST_FOR_INTERVAL,
    Effects,
    Pooled,
    leave_one_out,
    logits,
    pool,
)
from registry_pipeline.statistics.rates import Floats, normal_quantile

KEYS = ["indication", "instrument", "time_window", "definition", "estimand"]
CLINICS = """
select r.indication, r.instrument, r.time_window, r.definition, r.estimand, r.level, r.numerator, r.denominator
from {rates} as r
where r.dimension = 'clinic' and r.estimand in ('nri', 'observed') and r.denominator > 0
"""
"""The rates that clinics are compared by, from marts.response_rates."""

LEAST_PATIENTS = 11
"""Clinics with fewer patients are pooled as one: alone they would say more about chance than about themselves."""
_INFLUENTIAL_RATE, _INFLUENTIAL_I2 = 0.05, 0.25
"""How much leaving one clinic out may move the pooled rate or I2 before the result is said to hang on it."""

VARIATION_COLUMNS = [
    *KEYS,
    *("numerator", "denominator", "n_clinics", "rate", "ci_low", "ci_high", "ci_method"),
    *("prediction_low", "prediction_high", "tau2", "i2", "dl_rate", "dl_ci_low", "dl_ci_high"),
    *("leave_one_out_low", "leave_one_out_high", "is_influenced"),
]
FUNNEL_COLUMNS = [
    *KEYS,
    *("level", "numerator", "denominator", "rate", "registry_rate", "low_95", "high_95", "low_998", "high_998"),
    *("z", "z_adjusted", "overdispersion", "is_outside_95"),
]


def variation_rows(clinics: pd.DataFrame) -> pd.DataFrame:
    """Return one row per question: the clinics' pooled rate, how much they differ, what a further one may show.

    Args:
        clinics: Columns KEYS, level (the clinic), numerator, denominator above 0.
    """
    return pd.DataFrame.from_records(
        [(*key, *_variation(rows)) for key, rows in _questions(clinics)], columns=VARIATION_COLUMNS
    )


def funnel_rows(clinics: pd.DataFrame) -> pd.DataFrame:
    """Return one row per question and clinic: its rate between control limits around the registry's own.

    Questions with fewer than three clinics have none: a clinic would be held against itself.

    Args:
        clinics: As for `variation_rows`.
    """
    frames = [_funnel(key, rows) for key, rows in _questions(clinics) if len(rows) >= LEAST_FOR_INTERVAL]
    columns = {name: pd.concat([frame[name] for frame in frames]) if frames else [] for name in FUNNEL_COLUMNS}
    return pd.DataFrame(columns, columns=FUNNEL_COLUMNS).reset_index(drop=True)


def _questions(clinics: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    ordered = clinics.sort_values([*KEYS, "level"], kind="stable")
    for key, rows in ordered.groupby(KEYS, sort=True):
        yield cast("tuple[str, ...]", key), rows


def _variation(rows: pd.DataFrame) -> tuple[object, ...]:
    x, n = _units(rows)
    effects = logits(x, n)
    pooled, by_moments = pool(effects).as_proportions(), pool(effects, "dl").as_proportions()
    low, high, is_influenced = _leave_one_out(effects, pooled, x, n)
    return (
        *(int(x.sum()), int(n.sum()), len(n), pooled.mean, pooled.ci_low, pooled.ci_high, "reml_hksj"),
        *(pooled.prediction_low, pooled.prediction_high, pooled.tau2, pooled.i2),
        *(by_moments.mean, by_moments.ci_low, by_moments.ci_high),
        *(low, high, is_influenced),
    )


def _units(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return numerators and denominators of what is pooled: large clinics, and all small ones together."""
    x, n = rows["numerator"].to_numpy(dtype=np.float64), rows["denominator"].to_numpy(dtype=np.float64)
    is_large = n >= LEAST_PATIENTS
    if is_large.all():
        return x, n
    return np.append(x[is_large], x[~is_large].sum()), np.append(n[is_large], n[~is_large].sum())


def _leave_one_out(effects: Effects, pooled: Pooled, x: Floats, n: Floats) -> tuple[float, float, bool | None]:
    """Return the range of the pooled rate when each unit is left out, to two places, and whether it matters.

    A rate without one clinic, next to the rate with it, tells that clinic's counts: it is given only where every unit
    has 0 or at least 11 patients on either side.
    """
    sides = np.concatenate((x, n - x))
    if len(n) < LEAST_FOR_INTERVAL or ((sides > 0) & (sides < LEAST_PATIENTS)).any():
        return np.nan, np.nan, None
    others = [one.as_proportions() for one in leave_one_out(effects)]
    rates = np.array([one.mean for one in others])
    moves = np.abs(rates - pooled.mean).max() > _INFLUENTIAL_RATE
    spreads = max(abs(one.i2 - pooled.i2) for one in others) > _INFLUENTIAL_I2
    return float(rates.min().round(2)), float(rates.max().round(2)), bool(moves or spreads)


def _funnel(key: tuple[str, ...], rows: pd.DataFrame) -> pd.DataFrame:
    x, n = rows["numerator"].to_numpy(dtype=np.float64), rows["denominator"].to_numpy(dtype=np.float64)
    rate = float(x.sum() / n.sum())
    inner, outer = binomial_limits(rate, n, 0.025), binomial_limits(rate, n, 0.001)
    # Where nobody or everybody responds there is no spread to measure.
    is_flat = rate in (0.0, 1.0)
    nothing = np.full(len(n), np.nan)
    clinics = None if is_flat else spread(x, n, rate)
    adjusted = nothing if clinics is None else clinics.z_adjusted
    return pd.DataFrame(
        {
            **dict(zip(KEYS, key, strict=True)),
            "level": rows["level"].to_numpy(),
            "numerator": x.astype(np.int64),
            "denominator": n.astype(np.int64),
            "rate": x / n,
            "registry_rate": rate,
            "low_95": inner.low,
            "high_95": inner.high,
            "low_998": outer.low,
            "high_998": outer.high,
            "z": nothing if clinics is None else clinics.z,
            "z_adjusted": adjusted,
            "overdispersion": np.nan if clinics is None else clinics.overdispersion,
            "is_outside_95": np.abs(np.nan_to_num(adjusted)) > normal_quantile(),
        }
    )
