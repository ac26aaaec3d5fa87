"""Clinics against what their case-mix lets expect, through the mart."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

TOLERANCE = 1e-9
MART = "marts.clinic_standardised"
KEY = {"instrument": "phq9", "time_window": "wk4", "estimand": "nri"}


@pytest.fixture
def mart(warehouse: Warehouse, shared: Path) -> Query:
    with (shared / "oracles" / "standardisation_inputs.csv").open(encoding="utf-8", newline="") as handle:
        rows = [
            {**KEY, "stratum": row["stratum"], "numerator": int(row["x"]), "denominator": int(row["n"]), **row}
            for row in csv.DictReader(handle)
        ]
    for row in rows:
        row["clinic_id"] = row.pop("clinic")
        del row["x"], row["n"]
    total = [
        {name: value for name, value in row.items() if name != "clinic_id"} for row in rows if row["clinic_id"] == "REF"
    ]
    given = {
        "intermediate.int_case_mix": [row for row in rows if row["clinic_id"] != "REF"],
        "intermediate.int_case_mix_total": total,
        "intermediate.int_consented_patient": [{"patient_no": number} for number in range(400)],
    }
    return warehouse(given, MART)


def expected(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (shared / "oracles" / "standardisation_expected.json").read_text(encoding="utf-8")
    )
    return found


def test_every_clinic_has_the_oracles_ratio_and_rates(mart: Query, shared: Path) -> None:
    rows = {row["level"]: row for row in mart(f"select * from {MART}")}
    oracle = expected(shared)
    assert rows.keys() == oracle["clinics"].keys()
    for clinic, values in oracle["clinics"].items():
        row = rows[clinic]
        assert (row["numerator"], row["denominator"]) == (values["O"], values["N"])
        assert [row[name] for name in ("expected", "ratio", "standardised_rate", "rate", "reference_rate")] == (
            pytest.approx(
                [*(values[name] for name in ("E", "SR", "indirect_std_rate", "crude")), oracle["reference_rate"]],
                abs=TOLERANCE,
            )
        )
        assert [row["ci_low"], row["ci_high"]] == pytest.approx(values["SR_exact_poisson"], abs=TOLERANCE)


def test_the_direct_rate_is_the_oracles_and_absent_where_a_stratum_is_empty(mart: Query, shared: Path) -> None:
    names = ("direct_rate", "direct_std_err", "direct_low", "direct_high")
    for row in mart(f"select level, {', '.join(names)} from {MART}"):
        values = expected(shared)["clinics"][row["level"]]
        keys = ("direct", "direct_se", "direct_lo", "direct_hi")
        direct = [values.get(key) for key in keys]
        found = [row[name] for name in names]
        assert found == (direct if direct[0] is None else pytest.approx(direct, abs=TOLERANCE))
