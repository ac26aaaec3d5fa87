"""What must hold of pooled effects whatever the clinics."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from registry_pipeline.statistics.pooling import Effects, leave_one_out, logits, pool

# The first call imports scipy, which is no fault of the example.
no_deadline = settings(deadline=None)

counts = st.integers(11, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
clinics = st.lists(counts, min_size=3, max_size=12)
TINY = 1e-10


def effects_of(rows: list[tuple[int, int]]) -> Effects:
    x, n = np.array(rows, dtype=np.float64).T
    return logits(x[None], n[None])


@pytest.mark.slow
@no_deadline
@given(clinics)
def test_the_order_of_clinics_changes_nothing(rows: list[tuple[int, int]]) -> None:
    for estimator in ("common", "dl", "reml"):
        forwards, backwards = (pool(effects_of(given), estimator) for given in (rows, rows[::-1]))
        for name in ("mean", "ci_low", "tau2"):
            assert getattr(forwards, name) == pytest.approx(getattr(backwards, name), abs=1e-8)


@no_deadline
@given(clinics)
def test_where_moments_see_no_variance_their_rate_is_the_common_one(rows: list[tuple[int, int]]) -> None:
    moments, common = (pool(effects_of(rows), estimator) for estimator in ("dl", "common"))
    if moments.tau2[0] == 0:
        assert (moments.mean, moments.ci_low, moments.ci_high) == (common.mean, common.ci_low, common.ci_high)
    assert (moments.i2[0] == 0) == (moments.tau2[0] == 0)


@no_deadline
@given(clinics)
def test_the_common_effect_lies_between_those_without_one_clinic(rows: list[tuple[int, int]]) -> None:
    effects = effects_of(rows)
    others, whole = leave_one_out(effects, "common").mean[0], pool(effects, "common").mean[0]
    assert others.min() - TINY <= whole <= others.max() + TINY


@pytest.mark.slow
@no_deadline
@given(clinics)
# Without the third the likelihood has two peaks, nearly as high as each other.
@example([(0, 18), (0, 55), (0, 61), (55, 86), (132, 219), (133, 243), (172, 255), (175, 261)])
def test_leaving_a_clinic_out_is_pooling_the_others(rows: list[tuple[int, int]]) -> None:
    for estimator in ("common", "dl", "reml"):
        found = leave_one_out(effects_of(rows), estimator)
        for place in range(len(rows)):
            rest = pool(effects_of(rows[:place] + rows[place + 1 :]), estimator)
            assert (found.mean[0, place], found.i2[0, place]) == pytest.approx((rest.mean[0], rest.i2[0]), abs=TINY)


@no_deadline
@given(clinics)
def test_no_variance_has_a_higher_restricted_likelihood(rows: list[tuple[int, int]]) -> None:
    effects = effects_of(rows)
    y, v = effects.estimate[0], effects.variance[0]

    def deviance(tau2: float) -> float:
        weight = 1 / (v + tau2)
        spread = weight * (y - np.average(y, weights=weight)) ** 2
        return float(np.log(v + tau2).sum() + np.log(weight.sum()) + spread.sum())

    found = deviance(pool(effects).tau2[0])
    best = minimize_scalar(deviance, bounds=(0, 50), method="bounded", options={"xatol": 1e-8}).fun
    assert found <= min(best, deviance(0.0)) + 1e-8


def test_questions_with_fewer_clinics_are_not_touched_by_their_empty_places() -> None:
    x, n = np.array([[34, 21, 55, 12], [20, 15, 0, 0]]), np.array([[60, 52, 88, 35], [40, 50, 0, 0]])
    together, alone = pool(logits(x, n)), pool(logits(x[1:, :2], n[1:, :2]))
    assert together.n_clinics.tolist() == [4, 2]
    assert (together.mean[1], together.tau2[1]) == (alone.mean[0], alone.tau2[0])
    without = leave_one_out(logits(x, n))
    assert np.isnan(without.mean[1]).tolist() == [False, False, True, True]
    assert without.n_clinics.tolist() == [[3, 3, 3, 3], [1, 1, 0, 0]]


def test_a_common_rate_is_narrower_than_a_typical_clinics() -> None:
    effects = effects_of([(34, 60), (21, 52), (55, 88), (12, 35), (40, 61), (8, 30)])
    common, typical = pool(effects, "common"), pool(effects)
    assert common.ci_high - common.ci_low < typical.ci_high - typical.ci_low


def test_no_question_is_pooled_to_nothing() -> None:
    none = np.empty((0, 0))
    assert len(pool(logits(none, none)).mean) == 0
    assert leave_one_out(logits(none, none)).mean.shape == (0, 0)
