"""Imputation from counts and the pooling of what it gives."""

import numpy as np
import pytest

from registry_pipeline.statistics.imputation import impute, pool

NAMES = ["mdd/phq9/wk4/response/False", "mdd/phq9/wk4/response/True", "ptsd/pcl5/wk4/response/False"]
MET, OBSERVED, MISSING = [10, 25, 0], [40, 30, 0], [20, 10, 5]


def test_the_same_counts_give_the_same_draws_in_any_order_and_beside_any_others() -> None:
    drawn = impute(NAMES, MET, OBSERVED, MISSING)
    assert (impute(NAMES[::-1], MET[::-1], OBSERVED[::-1], MISSING[::-1]) == drawn[::-1]).all()
    assert (impute(NAMES[1:2], MET[1:2], OBSERVED[1:2], MISSING[1:2]) == drawn[1:2]).all()


def test_draws_lie_between_nobody_and_all_the_missing() -> None:
    drawn = impute(NAMES, MET, OBSERVED, MISSING, m=500)
    assert drawn.min() >= 0
    assert (drawn <= np.array(MISSING)[:, None]).all()


def test_the_missing_are_drawn_like_the_observed_of_their_cell() -> None:
    drawn = impute(["cell"], [2500], [10000], [1000], m=2000)
    assert drawn.mean() == pytest.approx(250, abs=1.5)
    assert drawn.var() == pytest.approx(1000 * 0.25 * 0.75 * (1 + 1000 / 10000), rel=0.1)


def test_nobody_missing_needs_no_draw() -> None:
    assert impute(["cell"], [3], [9], [0]).tolist() == [[0] * 20]


def test_without_anything_missing_the_pooled_rate_is_the_observed_one() -> None:
    pooled = pool([[30] * 20], [100])
    assert pooled.rate[0] == pytest.approx(0.3)
    assert pooled.low[0] < 0.3 < pooled.high[0]
    assert pooled.degrees_of_freedom[0] == pytest.approx(100 / 102 * 99)


def test_limits_mirror_when_successes_and_failures_swap() -> None:
    x = np.array([[22, 24, 21, 23, 25]])
    pooled, swapped = pool(x, [40]), pool(40 - x, [40])
    assert pooled.low[0] == pytest.approx(1 - swapped.high[0])


@pytest.mark.parametrize("x", [0, 12])
def test_nobody_and_everybody_have_a_rate_and_limits_inside_the_scale(x: int) -> None:
    pooled = pool([[x] * 20], [12])
    assert 0 < pooled.low[0] < pooled.rate[0] < pooled.high[0] < 1
    assert pooled.rate[0] == pytest.approx((x + 0.5) / 13)


def test_one_patient_has_no_limits_and_nobody_has_no_rate() -> None:
    pooled = pool([[1] * 20, [0] * 20], [1, 0])
    assert np.isnan(pooled.low).all()
    assert np.isnan(pooled.rate).tolist() == [False, True]


def test_no_cells_make_no_rates() -> None:
    assert impute([], [], [], []).shape == (0, 20)
    assert pool(np.empty((0, 20)), []).rate.shape == (0,)
