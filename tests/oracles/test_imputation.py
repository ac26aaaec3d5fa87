"""Rubin's rules against the worked oracle: through the function, and through the model that pools."""

import json
from pathlib import Path
from typing import Any

import pytest

from registry_pipeline.statistics.imputation import pool
from tests.warehouse_harness import Warehouse

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "oracles" / "rubin_expected.json").read_text(encoding="utf-8"))
    return found


def test_the_function_pools_as_the_oracle_does(expected: dict[str, Any]) -> None:
    pooled = pool([expected["x_by_imputation"]], [expected["n"]])
    assert pooled.rate[0] == pytest.approx(expected["p"], abs=TOLERANCE)
    assert pooled.low[0] == pytest.approx(expected["p_lo"], abs=TOLERANCE)
    assert pooled.high[0] == pytest.approx(expected["p_hi"], abs=TOLERANCE)
    assert pooled.degrees_of_freedom[0] == pytest.approx(expected["nu_barnard_rubin"], abs=1e-7)


def test_the_mart_shows_what_the_oracle_pools(warehouse: Warehouse, expected: dict[str, Any]) -> None:
    key = {"instrument": "phq9", "time_window": "wk4"}
    definitions, ways = ("response", "remission", "deterioration"), ("", "_carried", "_lasting")
    counts = {f"n_{definition}{way}": 20 for definition in definitions for way in ways}
    stratum = {"indication": "mdd", "dimension": "overall", "level": "all", **key}
    query = warehouse(
        {
            "intermediate.int_imputation": [
                {
                    "indication": "mdd",
                    **key,
                    "definition": "response",
                    "imputation": number,
                    "numerator": x,
                    "denominator": expected["n"],
                }
                for number, x in enumerate(expected["x_by_imputation"], start=1)
            ],
            "intermediate.int_response_stratum": [
                {**stratum, "n_eligible": expected["n"], "n_observed": 35, **counts},
            ],
        },
        "marts.response_rates",
    )
    (found,) = query("select * from marts.response_rates where definition = 'response' and estimand = 'imputed'")
    assert found["rate"] == pytest.approx(expected["p"], abs=TOLERANCE)
    assert found["ci_low"] == pytest.approx(expected["p_lo"], abs=TOLERANCE)
    assert found["ci_high"] == pytest.approx(expected["p_hi"], abs=TOLERANCE)
    assert found["ci_method"] == "rubin_logit"
