"""Means and their limits from sums."""

import numpy as np
import pytest
from scipy import stats

from registry_pipeline.statistics.means import mean_from_sums


def test_limits_are_those_of_students_t() -> None:
    values = np.array([-9.0, -4.0, -10.0, 2.0, -6.5])
    found = mean_from_sums([5], [values.sum()], [(values**2).sum()])
    low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert found.mean[0] == pytest.approx(values.mean())
    assert found.sd[0] == pytest.approx(values.std(ddof=1))
    assert (found.low[0], found.high[0]) == (pytest.approx(low), pytest.approx(high))


def test_one_value_has_a_mean_and_no_spread_and_none_has_nothing() -> None:
    found = mean_from_sums([1, 0], [-3, 0], [9, 0])
    assert found.mean[0] == -3
    assert np.isnan([found.mean[1], *found.sd, *found.low, *found.high]).all()


def test_values_that_are_all_alike_have_no_spread() -> None:
    found = mean_from_sums([3], [0.3], [0.03])
    assert (found.sd[0], found.low[0], found.high[0]) == pytest.approx((0, 0.1, 0.1), abs=1e-7)
