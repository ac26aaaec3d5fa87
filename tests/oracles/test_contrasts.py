"""Differences and ratios of two groups against R and Python, through the marts."""

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse_harness import Warehouse

TOLERANCE = 1e-9
RESPONSE, ADVERSE = "marts.response_contrasts", "marts.adverse_event_contrasts"


def read(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "oracles" / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def rate(definition: str, level: str, numerator: str, denominator: str) -> dict[str, Any]:
    x, n = int(numerator), int(denominator)
    return {
        "indication": "all",
        "instrument": "phq9",
        "time_window": "wk4",
        "definition": definition,
        "estimand": "nri",
        "dimension": "place",
        "level": level,
        "numerator": x,
        "denominator": n,
        "rate": x / n,
    }


def test_differences_have_newcombes_limits(warehouse: Warehouse, shared: Path) -> None:
    cases = read(shared, "newcombe_expected.csv")
    rates = [rate(str(number), "home", row["x1"], row["n1"]) for number, row in enumerate(cases)]
    rates += [rate(str(number), "on_site", row["x2"], row["n2"]) for number, row in enumerate(cases)]
    query = warehouse({"marts.response_rates": rates}, RESPONSE)

    found = query(f"select difference, ci_low, ci_high from {RESPONSE} order by definition::integer")
    expected = [[float(row[name]) for name in ("diff", "newcombe10_lo", "newcombe10_hi")] for row in cases]
    assert len(found) == len(read(shared, "newcombe_inputs.csv"))
    for row, values in zip(found, expected, strict=True):
        assert list(row.values()) == pytest.approx(values, abs=TOLERANCE)


def frequency(term: str, level: str, events: str, months: str) -> dict[str, Any]:
    return {
        "ae_term": term,
        "basis": "patient_month",
        "ascertainment": "complete",
        "dimension": "route",
        "level": level,
        "numerator": int(events),
        "denominator": float(months),
        "rate": int(events) / float(months),
    }


def test_rate_ratios_have_the_exact_conditional_limits(warehouse: Warehouse, shared: Path) -> None:
    cases = read(shared, "poisson_rate_ratio.csv")
    rows = [frequency(str(number), "im", row["e1"], row["t1"]) for number, row in enumerate(cases)]
    rows += [frequency(str(number), "iv", row["e2"], row["t2"]) for number, row in enumerate(cases)]
    query = warehouse({"marts.adverse_event_frequencies": rows}, ADVERSE)

    found = query(f"select estimate, ci_low, ci_high from {ADVERSE} order by ae_term::integer")
    assert len(found) == len(cases)
    for row, case in zip(found, cases, strict=True):
        expected = [float(case[name]) for name in ("rate_ratio", "exact_lo", "exact_hi")]
        assert list(row.values()) == pytest.approx(expected, abs=TOLERANCE)
