"""Pooling over clinics and control limits against metafor and exact binomial limits, through the marts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_pipeline.statistics.funnel import binomial_limits
from registry_pipeline.statistics.pooling import Effects, leave_one_out, logits, pool
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
    common = expected(shared, dataset, "EE", "z")
    found = (row["common_rate"], row["common_ci_low"], row["common_ci_high"])
    assert found == close((common.p_mu, common.p_lo, common.p_hi))


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
        found = leave_one_out(logits([clinics["x"]], [clinics["n"]]), estimator).as_proportions()
        assert found.mean[0] == close(wanted["p_mu"].to_numpy())
        assert found.tau2[0] == close(wanted["tau2"].to_numpy())


@pytest.mark.parametrize(("measure", "file"), [("MD", "meta_md"), ("SMD", "meta_smd")])
def test_differences_of_means_pool_as_proportions_do(shared: Path, measure: str, file: str) -> None:
    studies = pd.read_csv(shared / "oracles" / f"{file}_effects_synthetic.csv")
    oracle = pd.read_csv(shared / "oracles" / "meta_md_expected_synthetic.csv").query("measure == @measure")
    wanted = {(row.method, row.test): row for row in oracle.itertuples()}
    effects = Effects(studies[["yi"]].to_numpy().T, studies[["vi"]].to_numpy().T)
    common, dl, reml = (pool(effects, estimator) for estimator in ("common", "dl", "reml"))

    for found, method in ((common, "EE"), (dl, "DL"), (reml, "REML")):
        row = wanted[method, "z"]
        assert (found.mean[0], found.std_err[0], found.tau2[0], found.q[0]) == close((row.mu, row.se, row.tau2, row.Q))
    for found, method in ((common, "EE"), (dl, "DL")):
        row = wanted[method, "z"]
        assert (found.ci_low[0], found.ci_high[0]) == close((row.ci_lo, row.ci_hi))
    # Hartung and Knapp's standard error, or the model's own where theirs is smaller: t with 6 degrees of freedom.
    half = 2.4469118511449692 * max(wanted["REML", "knha"].se, wanted["REML", "z"].se)
    assert (reml.ci_high[0] - reml.mean[0], reml.mean[0] - reml.ci_low[0]) == close((half, half))


@pytest.mark.parametrize(("measure", "file"), [("MD", "meta_md"), ("SMD", "meta_smd")])
def test_a_pooled_difference_without_each_study_equals_metafors(shared: Path, measure: str, file: str) -> None:
    studies = pd.read_csv(shared / "oracles" / f"{file}_effects_synthetic.csv")
    oracle = pd.read_csv(shared / "oracles" / "meta_md_leave_one_out_expected_synthetic.csv")
    effects = Effects(studies[["yi"]].to_numpy().T, studies[["vi"]].to_numpy().T)
    for estimator, method in (("dl", "DL"), ("reml", "REML")):
        keys = {"measure": measure, "method": method, "test": "z"}
        wanted = oracle[np.logical_and.reduce([oracle[name] == value for name, value in keys.items()])]
        found = leave_one_out(effects, estimator)
        assert wanted["left_out"].tolist() == studies["study"].tolist()
        assert found.mean[0] == close(wanted["mu"].to_numpy())
        assert found.tau2[0] == close(wanted["tau2"].to_numpy())


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
