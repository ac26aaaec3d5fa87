"""Limits of ratios and the log-rank test, against examples computed by hand."""

import numpy as np
import pytest

from registry_pipeline.statistics.comparisons import log_rank, odds_limits
from registry_pipeline.statistics.survival import LifeTable

NOBODY = LifeTable.from_patients([], [])


def test_the_odds_of_one_event_in_two_are_those_of_a_coin() -> None:
    """Given one event in all, the share that falls to the first group has the limits 0.025 and 1, or 0 and 0.975."""
    limits = odds_limits([1, 0], [0, 1])
    np.testing.assert_allclose(limits.low, [0.025 / 0.975, 0])
    np.testing.assert_allclose(limits.high, [np.nan, 0.975 / 0.025])


def test_exchanging_the_groups_inverts_the_limits() -> None:
    one, other = odds_limits(29, 15), odds_limits(15, 29)
    assert one.low * other.high == pytest.approx(1)
    assert one.high * other.low == pytest.approx(1)


def test_without_an_event_every_ratio_is_possible() -> None:
    limits = odds_limits(0, 0)
    assert limits.low == 0
    assert np.isnan(limits.high)


def test_the_log_rank_test_adds_what_each_day_leads_to_expect() -> None:
    """Days 1 (4 at risk, 2 in each group), 2 (3, 1 in the first) and 3 (2, 1 in each), one event on each."""
    groups = [LifeTable.from_patients([1, 3], [1, 1]), LifeTable.from_patients([2, 4], [1, 0])]
    observed, expected, test = log_rank(groups)
    variance = 1 / 4 + 2 / 9 + 1 / 4
    assert list(observed) == [2, 1]
    assert expected == pytest.approx([1 / 2 + 1 / 3 + 1 / 2, 1 / 2 + 2 / 3 + 1 / 2])
    assert test.statistic == pytest.approx((2 - 4 / 3) ** 2 / variance)
    assert test.degrees == 1
    assert test.p_value == pytest.approx(0.433, abs=1e-3)


def test_three_groups_have_two_degrees_of_freedom_in_any_order() -> None:
    groups = [LifeTable.from_patients(range(start, start + 9, 2), [1] * 5) for start in (1, 4, 6)]
    forwards, backwards = log_rank(groups)[2], log_rank(groups[::-1])[2]
    assert forwards.degrees == 2
    assert forwards.statistic == pytest.approx(backwards.statistic)


def test_a_group_without_patients_has_no_say() -> None:
    groups = [LifeTable.from_patients([1, 3], [1, 1]), LifeTable.from_patients([2, 4], [1, 0])]
    observed, expected, test = log_rank([NOBODY, *groups])
    assert (observed[0], expected[0]) == (0, 0)
    assert test == log_rank(groups)[2]


@pytest.mark.parametrize(
    "groups",
    [
        [NOBODY, NOBODY],
        [LifeTable.from_patients([1], [1]), NOBODY],
        [LifeTable.from_patients([5], [0]), LifeTable.from_patients([7], [0])],
        [LifeTable.from_patients([5], [1]), LifeTable.from_patients([5], [1])],
    ],
)
def test_without_room_for_chance_there_is_no_test(groups: list[LifeTable]) -> None:
    _, _, test = log_rank(groups)
    assert np.isnan(test.statistic)
    assert np.isnan(test.p_value)
