"""Pooling over clinics and control limits against metafor and exact binomial limits, through the marts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_pipeline.statistics.funnel import binomial_limits
from registry_pipeline.statistics.pooling import leave_one_out, logits
from tests.warehouse_harness import Query, Warehouse

TOLERANCE = 1e-9
VARIATION, FUNNEL = "marts.clinic_variation", "marts.clinic_funnel"
METHODS = {"dl": ("DL", "z"), "reml": ("REML", "adhoc")}


def rates(clinics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the mart that both marts read: a data set of the oracle as a definition of its own."""
    return [
        {
            "indication": "all",
            "instrument": "phq9",
            "time_window": "wk4",
            "definition": row.dataset,
            "estimand": "nri",
            "dimension": "clinic",
            "level": row.clinic,
            "numerator": row.x,
            "denominator": row.n,
        }
        for row in clinics.itertuples()
    ]


@pytest.fixture
def inputs(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles" / "meta_prop_inputs.csv")


@pytest.fixture
def marts(inputs: pd.DataFrame, warehouse: Warehouse) -> Query:
    return warehouse({"marts.response_rates": rates(inputs)}, VARIATION, FUNNEL)


def expected(shared: Path, dataset: str, method: str, test: str) -> Any:
    frame = pd.read_csv(shared / "oracles" / "meta_prop_expected.csv")
    keys = {"dataset": dataset, "measure": "PLO", "method": method, "test": test}
    (row,) = frame[np.logical_and.reduce([frame[name] == value for name, value in keys.items()])].itertuples()
    return row


def close(value: Any) -> Any:
    return pytest.approx(value, abs=TOLERANCE)


@pytest.mark.parametrize("dataset", ["main", "homog"])
def test_the_pooled_rate_its_limits_and_the_variance_equal_metafors(marts: Query, shared: Path, dataset: str) -> None:
    (row,) = marts(f"select * from {VARIATION} where definition = '{dataset}'")
    reml, dl = expected(shared, dataset, "REML", "adhoc"), expected(shared, dataset, "DL", "z")

    assert (row["rate"], row["ci_low"], row["ci_high"]) == close((reml.p_mu, reml.p_lo, reml.p_hi))
    assert (row["tau2"], 100 * row["i2"]) == close((reml.tau2, reml.I2_pct_from_Q))
    assert (row["dl_rate"], row["dl_ci_low"], row["dl_ci_high"]) == close((dl.p_mu, dl.p_lo, dl.p_hi))


def test_the_prediction_interval_is_that_of_higgins_thompson_and_spiegelhalter(marts: Query, shared: Path) -> None:
    (row,) = marts(f"select * from {VARIATION} where definition = 'main'")
    # With the model's own standard error, which the oracle has in the row without Hartung and Knapp's.
    reml = expected(shared, "main", "REML", "z")
    assert (row["prediction_low"], row["prediction_high"]) == close((reml.p_pi_lo_HTS, reml.p_pi_hi_HTS))


def test_two_clinics_have_no_interval_and_four_no_prediction(marts: Query) -> None:
    rows = {row["definition"]: row for row in marts(f"select * from {VARIATION}")}
    assert (rows["two"]["n_clinics"], rows["two"]["ci_low"], rows["two"]["dl_ci_low"]) == (2, None, None)
    assert rows["homog"]["ci_low"] is not None
    assert (rows["homog"]["n_clinics"], rows["homog"]["prediction_low"]) == (4, None)


@pytest.mark.parametrize("dataset", ["main", "zeros"])
def test_the_rate_without_each_clinic_equals_metafors(shared: Path, inputs: pd.DataFrame, dataset: str) -> None:
    oracle = pd.read_csv(shared / "oracles" / "meta_prop_leave_one_out_expected.csv")
    clinics = inputs[inputs["dataset"] == dataset]
    for estimator, method in (("dl", "DL"), ("reml", "REML")):
        wanted = oracle[(oracle["dataset"] == dataset) & (oracle["method"] == method)]
        assert wanted["left_out"].tolist() == clinics["clinic"].tolist()
        found = [one.as_proportions() for one in leave_one_out(logits(clinics["x"], clinics["n"]), estimator)]
        assert [one.mean for one in found] == close(wanted["p_mu"].tolist())
        assert [one.tau2 for one in found] == close(wanted["tau2"].tolist())


def test_the_funnel_of_the_main_data_set_equals_the_oracle(marts: Query, shared: Path) -> None:
    wanted = pd.read_csv(shared / "oracles" / "funnel_main_expected.csv")
    rows = marts(f"select * from {FUNNEL} where definition = 'main' order by level")
    names = {"rate": "p", "z": "z", "z_adjusted": "z_od", "low_95": "lo95", "high_95": "hi95", "low_998": "lo998"}
    for column, name in names.items():
        assert [row[column] for row in rows] == close(wanted[name].tolist()), column
    assert [row["high_998"] for row in rows] == close(wanted["hi998"].tolist())
    # Four clinics are outside the exact limits, and none once the clinics' usual spread is allowed for.
    n_outside = sum(not row["low_95"] <= row["rate"] <= row["high_95"] for row in rows)
    assert (n_outside, any(row["is_outside_95"] for row in rows)) == (4, False)


def test_exact_limits_equal_the_oracle_for_any_rate_and_size(shared: Path) -> None:
    for rate, rows in pd.read_csv(shared / "oracles" / "funnel_limits_expected.csv").groupby("p0"):
        for tail, name in ((0.025, "95"), (0.001, "998")):
            limits = binomial_limits(float(rate), rows["n"], tail)
            assert limits.low == close(rows[f"lo{name}_exact"].to_numpy())
            assert limits.high == close(rows[f"hi{name}_exact"].to_numpy())
