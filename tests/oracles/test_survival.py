"""Survival estimators against R's survival package and cmprsk."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from registry_pipeline.statistics.survival import (
    LifeTable,
    aalen_johansen,
    kaplan_meier,
    quantile,
    restricted_mean,
)

TOLERANCE = 1e-9
KM_STRATA = [
    ("km_small", "all"),
    ("km_half", "all"),
    ("km_noevents", "all"),
    ("km_to_zero", "all"),
    ("km_single", "all"),
    ("km_strata", "iv"),
    ("km_strata", "im"),
    ("km_strata", "sl"),
]
AJ_STRATA = [("aj_small", "all"), ("aj_strata", "crps"), ("aj_strata", "mdd")]


def oracle(shared: Path, name: str, stratum: tuple[str, str]) -> pd.DataFrame:
    frame = pd.read_csv(shared / "oracles" / f"{name}.csv")
    return frame[(frame["dataset"] == stratum[0]) & (frame["stratum"] == stratum[1])]


def table_of(shared: Path, stratum: tuple[str, str]) -> LifeTable:
    patients = oracle(shared, "km_inputs", stratum)
    return LifeTable.from_patients(patients["time"], patients["event"])


def assert_close(actual: object, expected: object) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE, equal_nan=True)


@pytest.mark.parametrize("stratum", KM_STRATA, ids="-".join)
def test_kaplan_meier_equals_r(shared: Path, stratum: tuple[str, str]) -> None:
    expected = oracle(shared, "km_expected", stratum)
    table = table_of(shared, stratum)
    curve = kaplan_meier(table)
    assert_close(curve.time, expected["time"])
    assert_close(table.n_at_risk, expected["n_risk"])
    assert_close(curve.estimate, expected["surv"])
    # The oracle prints a standard error or a limit of a certain 0 or 1 in some datasets; here they are undefined.
    inside = ((expected["surv"] > 0) & (expected["surv"] < 1)).to_numpy()
    assert_close(curve.std_err[inside], expected["std_err_S"][inside])
    assert_close(curve.ci_low[inside], expected["ll_lo"][inside])
    assert_close(curve.ci_high[inside], expected["ll_hi"][inside])
    assert np.isnan(curve.ci_low[~inside]).all()
    assert np.isnan(curve.ci_high[~inside]).all()


@pytest.mark.parametrize("stratum", KM_STRATA, ids="-".join)
def test_quantiles_are_the_first_time_at_or_below_the_level(shared: Path, stratum: tuple[str, str]) -> None:
    expected = oracle(shared, "km_quantiles_expected", stratum).iloc[0]
    curve = kaplan_meier(table_of(shared, stratum))
    for q in (25, 50, 75):
        actual = quantile(curve, q / 100)
        assert_close(actual, [expected[f"q{q}_first"], expected[f"q{q}_lo"], expected[f"q{q}_hi"]])


@pytest.mark.parametrize("stratum", KM_STRATA, ids="-".join)
def test_landmarks_and_restricted_means_equal_r(shared: Path, stratum: tuple[str, str]) -> None:
    table = table_of(shared, stratum)
    curve = kaplan_meier(table)
    for row in oracle(shared, "km_landmark_rmst_expected", stratum).itertuples():
        point = curve.at(row.tau)
        assert_close(point.estimate, row.S_tau)
        if 0 < row.S_tau < 1:
            assert_close((point.ci_low, point.ci_high), (row.S_tau_lo, row.S_tau_hi))
        assert table.n_at_risk_on(row.tau) == row.n_risk_at_tau
        assert_close(restricted_mean(table, curve, row.tau), (row.rmst, row.rmst_se))


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize("stratum", AJ_STRATA, ids="-".join)
def test_aalen_johansen_equals_r(shared: Path, stratum: tuple[str, str], cause: int) -> None:
    patients = oracle(shared, "aj_inputs", stratum)
    status = patients["cause"].map({0: 0, cause: 1, 3 - cause: 2})
    expected = oracle(shared, "aj_expected", stratum)
    expected = expected[expected["cause"] == cause]
    curve = aalen_johansen(LifeTable.from_patients(patients["time"], status))
    place = np.searchsorted(curve.time, expected["time"])
    assert_close(curve.estimate[place], expected["cif"])
    assert_close(curve.std_err[place], expected["se_delta"])
    assert_close(curve.std_err[place], expected["se_IJ_R_survfit"])
    inside = (expected["cif"] > 0).to_numpy()
    assert_close(curve.ci_low[place][inside], expected["cll_lo"][inside])
    assert_close(curve.ci_high[place][inside], expected["cll_hi"][inside])


def test_causes_and_survival_sum_to_one(shared: Path) -> None:
    patients = oracle(shared, "aj_inputs", ("aj_small", "all"))
    times = patients["time"]
    first = aalen_johansen(LifeTable.from_patients(times, patients["cause"]))
    second = aalen_johansen(LifeTable.from_patients(times, patients["cause"].map({0: 0, 1: 2, 2: 1})))
    free = kaplan_meier(LifeTable.from_patients(times, patients["cause"].clip(upper=1)))
    assert_close(first.estimate + second.estimate + free.estimate, np.ones(len(free.time)))


def test_worked_example_of_the_documentation(shared: Path) -> None:
    table = table_of(shared, ("km_small", "all"))
    assert math.isclose(float(kaplan_meier(table).at(28).estimate), 0.6285714285714286)
    assert quantile(kaplan_meier(table)).time == 56
