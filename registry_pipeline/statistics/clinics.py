"""From clinics' rates to the rows of the marts about how clinics differ.

A *question* is what clinics are compared in: a definition of response at a window, or an adverse event.

What belongs here: which clinics are pooled together, and the shape of the rows. What does not: the estimators
(`pooling`, `funnel`), who is counted (SQL), and suppression.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from registry_pipeline.statistics.funnel import binomial_limits, spread
from registry_pipeline.statistics.pooling import LEAST_FOR_INTERVAL, Effects, Pooled, leave_one_out, logits, pool
from registry_pipeline.statistics.rates import Floats, normal_quantile

RESPONSE_KEYS = ("indication", "instrument", "time_window", "definition", "estimand")
RESPONSE = """
select r.indication, r.instrument, r.time_window, r.definition, r.estimand, r.level, r.numerator, r.denominator
from {rates} as r
where r.dimension = 'clinic' and r.estimand in ('nri', 'observed') and r.denominator > 0
"""
"""The rates of response that clinics are compared by, from marts.response_rates."""

VARIATION_COLUMNS = {
    "numerator": "bigint",
    "denominator": "bigint",
    "n_clinics": "integer",
    "rate": "double",
    "ci_low": "double",
    "ci_high": "double",
    "ci_method": "varchar",
    "prediction_low": "double",
    "prediction_high": "double",
    "tau2": "double",
    "i2": "double",
    "dl_rate": "double",
    "dl_ci_low": "double",
    "dl_ci_high": "double",
    "common_rate": "double",
    "common_ci_low": "double",
    "common_ci_high": "double",
    "leave_one_out_low": "double",
    "leave_one_out_high": "double",
    "is_influenced": "boolean",
}
VARIATION_RULES = (
    "numerator <= denominator",
    "ci_low <= rate and rate <= ci_high",
    "prediction_low <= rate and rate <= prediction_high",
    "i2 between 0 and 1",
)
"""What the rows of `variation_rows` have beside their keys, and what holds of them."""

LEAST_PATIENTS = 11
"""Clinics with fewer patients are pooled as one: alone they would say more about chance than about themselves."""
MOST_LEFT_OUT = 100
"""Units up to which each is left out in turn: one of more hardly moves anything, and the work grows with the square."""
_INFLUENTIAL_RATE, _INFLUENTIAL_I2 = 0.05, 0.25
"""How much leaving one clinic out may move the pooled rate or I2 before the result is said to hang on it."""


@dataclass(frozen=True)
class _Questions:
    """Counts of clinics by question.

    Args:
        keys: What names each question, a row each.
        question: Which question each row of the input belongs to.
        place: Which column of it.
        numerator: (question, clinic); 0 where a question has fewer clinics than there are columns.
        denominator: (question, clinic); likewise.
    """

    keys: pd.DataFrame
    question: NDArray[np.int64]
    place: NDArray[np.int64]
    numerator: Floats
    denominator: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, names: Sequence[str]) -> "_Questions":
        groups = rows.groupby(list(names), sort=True)
        question, place = (np.asarray(which, dtype=np.int64) for which in (groups.ngroup(), groups.cumcount()))
        shape = (groups.ngroups, int(place.max(initial=-1)) + 1)
        numerator, denominator = np.zeros(shape), np.zeros(shape)
        numerator[question, place], denominator[question, place] = rows["numerator"], rows["denominator"]
        keys = rows.loc[place == 0, list(names)].iloc[np.argsort(question[place == 0])].reset_index(drop=True)
        return cls(keys, question, place, numerator, denominator)


def variation_rows(clinics: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return one row per question: the clinics' pooled rate, how much they differ, what a further one may show.

    Args:
        clinics: Columns `keys`, level (the clinic), numerator, denominator above 0.
        keys: The columns that name a question.
    """
    questions = _Questions.of(_units(clinics, keys), keys)
    x, n = questions.numerator, questions.denominator
    effects = logits(x, n)
    pooled, moments, common = (pool(effects, kind).as_proportions() for kind in ("reml", "dl", "common"))
    return questions.keys.assign(
        numerator=x.sum(axis=1).astype(np.int64),
        denominator=n.sum(axis=1).astype(np.int64),
        n_clinics=pooled.n_clinics,
        rate=pooled.mean,
        ci_low=pooled.ci_low,
        ci_high=pooled.ci_high,
        ci_method="reml_hksj",
        prediction_low=pooled.prediction_low,
        prediction_high=pooled.prediction_high,
        tau2=pooled.tau2,
        i2=pooled.i2,
        dl_rate=moments.mean,
        dl_ci_low=moments.ci_low,
        dl_ci_high=moments.ci_high,
        common_rate=common.mean,
        common_ci_low=common.ci_low,
        common_ci_high=common.ci_high,
        **_left_out(effects, pooled, x, n),
    )


def funnel_rows(clinics: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return one row per question and clinic: its rate between control limits around the registry's own.

    Questions with fewer than three clinics have none: a clinic would be held against itself.

    Args:
        clinics: As for `variation_rows`.
        keys: Likewise.
    """
    n_clinics = clinics.groupby(list(keys))["level"].transform("size")
    rows = clinics[n_clinics >= LEAST_FOR_INTERVAL].sort_values([*keys, "level"], ignore_index=True)
    questions = _Questions.of(rows, keys)
    rate = questions.numerator.sum(axis=1) / questions.denominator.sum(axis=1)
    distance = spread(questions.numerator, questions.denominator, rate)
    cell, common = (questions.question, questions.place), rate[questions.question]
    inner, outer = (binomial_limits(common, rows["denominator"], tail) for tail in (0.025, 0.001))
    adjusted = distance.z_adjusted[cell]
    return rows.assign(
        rate=rows["numerator"] / rows["denominator"],
        registry_rate=common,
        low_95=inner.low,
        high_95=inner.high,
        low_998=outer.low,
        high_998=outer.high,
        z=distance.z[cell],
        z_adjusted=adjusted,
        overdispersion=distance.overdispersion[questions.question],
        is_outside_95=np.abs(np.nan_to_num(adjusted)) > normal_quantile(),
    )


def has_small_cell(numerator: Floats, denominator: Floats) -> NDArray[np.bool_]:
    """Tell where there are patients, but fewer than 11, on either side: nobody may be able to work out how many."""
    sides = (numerator, denominator - numerator)
    found: NDArray[np.bool_] = np.logical_or.reduce([(side > 0) & (side < LEAST_PATIENTS) for side in sides])
    return found


def _units(clinics: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return what is pooled: large clinics, and all small ones of a question together as one without a name."""
    unit = clinics["level"].where(clinics["denominator"] >= LEAST_PATIENTS, "")
    return clinics.assign(level=unit).groupby([*keys, "level"], as_index=False)[["numerator", "denominator"]].sum()


def _left_out(effects: Effects, pooled: Pooled, x: Floats, n: Floats) -> dict[str, NDArray[Any]]:
    """Return the range of the pooled rate when each unit is left out, to two places, and whether it matters.

    A rate without one clinic, next to the rate with it, tells that clinic's counts: it is given only where every unit
    has 0 or at least 11 patients on either side.
    """
    n_units = pooled.n_clinics
    is_told = (n_units >= LEAST_FOR_INTERVAL) & (n_units <= MOST_LEFT_OUT) & ~has_small_cell(x, n).any(axis=1)
    low, high = np.full(len(n_units), np.nan), np.full(len(n_units), np.nan)
    is_influenced = np.full(len(n_units), None, dtype=object)
    if is_told.any():
        others = leave_one_out(effects.of(is_told)).as_proportions()
        moves = np.nanmax(np.abs(others.mean - pooled.mean[is_told, None]), axis=1) > _INFLUENTIAL_RATE
        spreads = np.nanmax(np.abs(others.i2 - pooled.i2[is_told, None]), axis=1) > _INFLUENTIAL_I2
        low[is_told] = np.nanmin(others.mean, axis=1).round(2)
        high[is_told] = np.nanmax(others.mean, axis=1).round(2)
        is_influenced[is_told] = moves | spreads
    return {"leave_one_out_low": low, "leave_one_out_high": high, "is_influenced": is_influenced}
