"""The durability marts against R's survival package and cmprsk, from patients' times through every model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.models.durability_patients import Patient, tables_of
from tests.warehouse_harness import Query, Warehouse

LANDMARKS = "marts.durability_landmarks"
CURVES = "marts.durability_curves"
RELIEF = "marts.durability_of_relief"
COMPARISONS = "marts.durability_comparisons"
BETWEEN_VISITS = "marts.durability_interval_censored"
KM_INSTRUMENTS = {
    "km_small": "nrs_avg",
    "km_half": "phq9",
    "km_noevents": "gad7",
    "km_to_zero": "madrs",
    "km_single": "bdi2",
    "km_strata": "pcl5",
}
ROUTE_OF = {"all": "oral", "crps": "iv", "mdd": "im"}


def oracle(shared: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles" / f"{name}.csv")


def close(actual: object, expected: object) -> None:
    np.testing.assert_allclose(
        np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64), rtol=0, atol=1e-9, equal_nan=True
    )


def km_patients(shared: Path) -> list[Patient]:
    return [
        Patient(
            time=int(row.time),
            status=int(row.event),
            instrument=KM_INSTRUMENTS[row.dataset],
            route_code=ROUTE_OF.get(row.stratum, row.stratum),
        )
        for row in oracle(shared, "km_inputs").itertuples()
    ]


def rows_of(query: Query, mart: str, instrument: str, stratum: str, estimand: str) -> list[dict[str, Any]]:
    route = ROUTE_OF.get(stratum, stratum)
    return query(
        f"select * from {mart} where indication = 'all' and dimension = 'route' and level = '{route}'"
        f" and instrument = '{instrument}' and estimand = '{estimand}'"
    )


@pytest.mark.slow
def test_kaplan_meier_curves_landmarks_and_medians_equal_r(shared: Path, warehouse: Warehouse) -> None:
    query = warehouse(tables_of(km_patients(shared)), CURVES, LANDMARKS, RELIEF)
    steps = oracle(shared, "km_expected").groupby(["dataset", "stratum"])
    for (dataset, stratum), expected in steps:
        rows = rows_of(query, CURVES, KM_INSTRUMENTS[dataset], stratum, "censor_at_retreatment")
        for row in rows:
            before = expected[expected["time"] <= row["day"]]
            if before.empty or row["survival"] is None:
                continue
            last = before.iloc[-1]
            close(row["survival"], last["surv"])
            if 0 < last["surv"] < 1:
                close((row["ci_low"], row["ci_high"]), (last["ll_lo"], last["ll_hi"]))
    for expected in oracle(shared, "km_quantiles_expected").itertuples():
        instrument = KM_INSTRUMENTS[expected.dataset]
        row = rows_of(query, RELIEF, instrument, expected.stratum, "censor_at_retreatment")[0]
        assert (row["denominator"], row["numerator"]) == (expected.n, expected.events)
        median = (row["median_days"], row["median_ci_low"], row["median_ci_high"])
        close(median, (expected.q50_first, expected.q50_lo, expected.q50_hi))


@pytest.mark.slow
def test_landmarks_and_restricted_means_equal_r(shared: Path, warehouse: Warehouse) -> None:
    query = warehouse(tables_of(km_patients(shared)), LANDMARKS)
    n_compared = 0
    for expected in oracle(shared, "km_landmark_rmst_expected").itertuples():
        rows = rows_of(query, LANDMARKS, KM_INSTRUMENTS[expected.dataset], expected.stratum, "composite")
        for row in [row for row in rows if row["day"] == expected.tau]:
            n_compared += 1
            assert row["n_at_risk"] == expected.n_risk_at_tau
            close(row["survival"], expected.S_tau)
            mean = [row[name] for name in ("rmst_days", "rmst_std_err", "rmst_ci_low", "rmst_ci_high")]
            close(mean, (expected.rmst, expected.rmst_se, expected.rmst_lo, expected.rmst_hi))
            if 0 < expected.S_tau < 1:
                close((row["ci_low"], row["ci_high"]), (expected.S_tau_lo, expected.S_tau_hi))
    assert n_compared >= 10


@pytest.mark.slow
@pytest.mark.parametrize("cause", [1, 2])
def test_aalen_johansen_curves_equal_r(shared: Path, warehouse: Warehouse, cause: int) -> None:
    patients = [
        Patient(
            time=int(row.time),
            status={0: 0, cause: 1}.get(row.cause, 2),
            instrument="nrs_avg",
            route_code=ROUTE_OF[row.stratum],
        )
        for row in oracle(shared, "aj_inputs").itertuples()
    ]
    query = warehouse(tables_of(patients), CURVES)
    expected = oracle(shared, "aj_expected")
    for (_, stratum), steps in expected[expected["cause"] == cause].groupby(["dataset", "stratum"]):
        for row in rows_of(query, CURVES, "nrs_avg", stratum, "competing"):
            before = steps[steps["time"] <= row["day"]]
            if before.empty or row["survival"] is None:
                continue
            last = before.iloc[-1]
            close(row["survival"], 1 - last["cif"])
            if 0 < last["cif"] < 1:
                close((row["ci_low"], row["ci_high"]), (1 - last["cll_hi"], 1 - last["cll_lo"]))


@pytest.mark.slow
def test_the_log_rank_test_equals_r(shared: Path, warehouse: Warehouse) -> None:
    query = warehouse(tables_of([p for p in km_patients(shared) if p.instrument == "pcl5"]), COMPARISONS)
    row = comparison(query, "censor_at_retreatment")
    expected = oracle(shared, "logrank_expected").iloc[0]
    assert (row["test"], row["n_levels"], row["degrees"]) == ("log_rank", 3, expected["df"])
    close((row["statistic"], row["p_value"]), (expected["chisq"], expected["p"]))
    assert (row["numerator"], row["denominator"]) == (80, 120)


@pytest.mark.slow
def test_grays_test_equals_cmprsk(shared: Path, warehouse: Warehouse) -> None:
    inputs = oracle(shared, "aj_inputs")
    for expected in oracle(shared, "gray_test_expected").itertuples():
        patients = [
            Patient(
                time=int(row.time), status={0: 0, expected.cause: 1}.get(row.cause, 2), route_code=ROUTE_OF[row.stratum]
            )
            for row in inputs[inputs["dataset"] == "aj_strata"].itertuples()
        ]
        row = comparison(warehouse(tables_of(patients), COMPARISONS), "competing")
        assert (row["test"], row["degrees"]) == ("gray", expected.df)
        close((row["statistic"], row["p_value"]), (expected.gray_stat, expected.p))


def comparison(query: Query, estimand: str) -> dict[str, Any]:
    rows = query(
        f"select * from {COMPARISONS} where indication = 'all' and dimension = 'route' and estimand = '{estimand}'"
    )
    assert len(rows) == 1
    return rows[0]


@pytest.mark.slow
def test_survival_between_visits_equals_r_and_the_plain_em(shared: Path, warehouse: Warehouse) -> None:
    inputs = oracle(shared, "turnbull_inputs")
    patients = [
        Patient(
            time=int(row.left if pd.isna(row.right) else row.right),
            status=0 if pd.isna(row.right) else 1,
            interval=(int(row.left), None if pd.isna(row.right) else int(row.right)),
        )
        for row in inputs.itertuples()
    ]
    given = tables_of(patients)
    given["marts.durability_visit_gaps"] = [
        {"indication": "all", "instrument": "nrs_avg", "dimension": "overall", "level": "all", "is_over_14_days": True}
    ]
    query = warehouse(given, BETWEEN_VISITS)
    rows = {row["day"]: row for row in query(f"select * from {BETWEEN_VISITS} order by day")}
    for name, day, survival in (
        ("turnbull_expected_em", "right_closed", "surv_after"),
        ("turnbull_expected_R", "time", "surv"),
    ):
        expected = oracle(shared, name).set_index(day)[survival]
        tolerance = 1e-9 if name.endswith("em") else 1e-7
        for landmark in (28, 56, 84):
            assert rows[landmark]["survival_low"] == pytest.approx(expected[landmark], abs=tolerance)
            assert rows[landmark]["survival_high"] == pytest.approx(expected[landmark], abs=tolerance)
    assert [round(rows[day]["survival_at_visits"], 3) for day in (28, 56)] == [0.667, 0.444]
    assert (rows[182]["survival_low"], rows[182]["survival_at_visits"]) == (0, None)
