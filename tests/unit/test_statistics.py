"""What must hold of the estimators whatever the data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_pipeline.statistics.durability import curve_rows
from registry_pipeline.statistics.rates import clopper_pearson, garwood, wilson
from registry_pipeline.statistics.survival import (
    LifeTable,
    aalen_johansen,
    kaplan_meier,
    quantile,
    restricted_mean,
)

# The first call imports scipy, which is no fault of the example.
no_deadline = settings(deadline=None)

Patient = tuple[int, int]
patients = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 1, 2])), min_size=1, max_size=40)
proportions = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def table_of(rows: list[Patient]) -> LifeTable:
    times, statuses = zip(*rows, strict=True)
    return LifeTable.from_patients(times, statuses)


@no_deadline
@given(patients)
def test_the_order_of_patients_does_not_matter(rows: list[Patient]) -> None:
    forwards, backwards = aalen_johansen(table_of(rows)), aalen_johansen(table_of(rows[::-1]))
    np.testing.assert_array_equal(forwards.estimate, backwards.estimate)
    np.testing.assert_array_equal(forwards.std_err, backwards.std_err)


@no_deadline
@given(patients)
def test_with_one_cause_the_incidence_is_one_minus_survival(rows: list[Patient]) -> None:
    table = table_of([(time, min(status, 1)) for time, status in rows])
    survival, incidence = kaplan_meier(table), aalen_johansen(table)
    np.testing.assert_allclose(incidence.estimate, 1 - survival.estimate, atol=1e-12)
    inside = survival.estimate > 0
    np.testing.assert_allclose(incidence.std_err[inside], survival.std_err[inside], atol=1e-7)


@no_deadline
@given(patients)
def test_without_censoring_survival_is_the_observed_share(rows: list[Patient]) -> None:
    times = np.array([time for time, _ in rows])
    curve = kaplan_meier(table_of([(time, 1) for time, _ in rows]))
    np.testing.assert_allclose(curve.estimate, [(times > t).mean() for t in curve.time], atol=1e-12)


@no_deadline
@given(patients)
def test_a_curve_lies_within_its_limits_and_never_turns_back(rows: list[Patient]) -> None:
    for curve, direction in ((kaplan_meier(table_of(rows)), -1), (aalen_johansen(table_of(rows)), 1)):
        assert (np.diff(curve.estimate) * direction >= -1e-12).all()
        known = ~np.isnan(curve.ci_low)
        assert (curve.ci_low[known] <= curve.estimate[known]).all()
        assert (curve.estimate[known] <= curve.ci_high[known]).all()


def table_mean(table: LifeTable, horizon: float) -> float:
    return float(restricted_mean(table, kaplan_meier(table), horizon).mean)


@no_deadline
@given(patients, st.integers(1, 60))
def test_a_restricted_mean_never_exceeds_its_horizon(rows: list[Patient], horizon: int) -> None:
    mean = table_mean(table_of(rows), horizon)
    assert np.isnan(mean) or 0 <= mean <= horizon + 1e-9


def test_an_incidence_never_exceeds_one() -> None:
    for n_patients in range(1, 60):
        last = aalen_johansen(LifeTable.from_patients(range(n_patients), [1] * n_patients)).estimate[-1]
        assert last == pytest.approx(1, abs=1e-12)
        assert last <= 1


def test_events_precede_censorings_on_the_same_day() -> None:
    curve = kaplan_meier(LifeTable.from_patients([7, 7], [0, 1]))
    assert curve.estimate.tolist() == [0.5]


def test_before_the_first_time_nobody_has_an_event() -> None:
    table = LifeTable.from_patients([7, 14], [1, 0])
    assert kaplan_meier(table).at([0, 6, 7, 14]).estimate.tolist() == [1, 1, 0.5, 0.5]
    assert aalen_johansen(table).at([0, 6, 7]).estimate.tolist() == [0, 0, 0.5]
    assert table.n_at_risk_on([0, 7, 8, 15]).tolist() == [2, 2, 1, 0]


def test_a_survival_of_exactly_one_half_is_the_median() -> None:
    assert quantile(kaplan_meier(LifeTable.from_patients([10, 20, 30, 40], [1, 1, 1, 1]))).time == 20


def test_a_median_that_is_not_reached_is_not_a_number() -> None:
    assert np.isnan(quantile(kaplan_meier(LifeTable.from_patients([10, 20, 30], [1, 0, 0]))).time)


def test_a_curve_is_unknown_past_the_last_follow_up_unless_everybody_had_an_event() -> None:
    assert np.isnan(kaplan_meier(LifeTable.from_patients([7, 14], [1, 0])).at(15).estimate)
    assert kaplan_meier(LifeTable.from_patients([7, 14], [1, 1])).at(15).estimate == 0
    assert np.isnan(aalen_johansen(LifeTable.from_patients([7, 14], [1, 0])).at(15).estimate)
    assert aalen_johansen(LifeTable.from_patients([7, 14], [1, 2])).at(15).estimate == 0.5


def test_a_restricted_mean_beyond_follow_up_is_not_estimable() -> None:
    table = LifeTable.from_patients([10, 20], [1, 0])
    assert np.isnan(table_mean(table, 28))
    assert table_mean(table, 20) == 15


def test_an_empty_life_table_gives_a_curve_at_its_start() -> None:
    empty = LifeTable.from_patients([], [])
    assert kaplan_meier(empty).at(0).estimate == 1
    assert np.isnan(quantile(kaplan_meier(empty)).time)
    assert np.isnan(table_mean(empty, 28))


@no_deadline
@given(proportions)
def test_intervals_of_a_share_and_of_its_complement_mirror_each_other(share: tuple[int, int]) -> None:
    x, n = share
    for interval in (wilson, clopper_pearson):
        assert float(interval(x, n).low) == pytest.approx(1 - float(interval(n - x, n).high), abs=1e-9)


@no_deadline
@given(proportions)
def test_an_interval_contains_the_share_it_belongs_to(share: tuple[int, int]) -> None:
    x, n = share
    for low, high in (wilson(x, n), clopper_pearson(x, n)):
        assert 0 <= low <= x / n + 1e-12
        assert x / n - 1e-12 <= high <= 1


def test_nothing_observed_means_no_interval() -> None:
    for low, high in (wilson(0, 0), clopper_pearson(0, 0), garwood(0, 0)):
        assert np.isnan(low)
        assert np.isnan(high)


def test_a_long_stratum_beside_it_changes_no_digit_of_a_short_one() -> None:
    def life_table(name: str, n_times: int) -> pd.DataFrame:
        days = np.arange(1, n_times + 1)
        counts = {"n_event": days * days % 5, "n_competing": 0 * days, "n_censored": 1 + days * days % 7}
        return pd.DataFrame({"stratum": name, "is_competing": False, "time_days": 4.0 * days, **counts})

    short, long = life_table("a", 14), life_table("b", 400)
    alone = curve_rows(short, ["stratum"])
    beside = curve_rows(pd.concat([short, long]), ["stratum"])
    pd.testing.assert_frame_equal(beside[beside["stratum"] == "a"].reset_index(drop=True), alone, check_exact=True)
