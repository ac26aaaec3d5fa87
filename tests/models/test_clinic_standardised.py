"""What a clinic's case-mix is, and what it is held against."""

from decimal import Decimal
from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

CASE_MIX, MART = "intermediate.int_case_mix", "marts.clinic_standardised"
Rows = list[dict[str, Any]]


def responses(warehouse: Warehouse, instrument: str, *patients: dict[str, Any]) -> Rows:
    given = [
        {
            "patient_no": number,
            "instrument": instrument,
            "time_window": "wk4",
            "is_mature": True,
            "is_observed": cells.get("is_response") is not None,
            **cells,
            "baseline_score": Decimal(cells["baseline_score"]),
        }
        for number, cells in enumerate(patients)
    ]
    kinds = [
        {"patient_no": number, "clinic_id": "C001", "indication_code": "mdd", "route_code": "iv"}
        for number, _ in enumerate(patients)
    ]
    query = warehouse({"intermediate.int_response": given, "intermediate.int_patient_kind": kinds}, CASE_MIX)
    return query(f"select * from {CASE_MIX} order by estimand, stratum")


@pytest.mark.parametrize(
    ("instrument", "baseline", "severity"),
    [
        ("phq9", "18", "milder"),
        ("phq9", "18.5", "worse"),
        ("nrs_avg", "6.99", "milder"),
        ("nrs_avg", "7", "worse"),
        ("promis_physical_function_t", "50", "worse"),
        ("promis_physical_function_t", "51", "milder"),
    ],
)
def test_a_baseline_is_worse_from_halfway_between_the_floor_and_the_worst_score(
    warehouse: Warehouse, instrument: str, baseline: str, severity: str
) -> None:
    rows = responses(warehouse, instrument, {"baseline_score": baseline})
    assert {row["stratum"] for row in rows} == {f"mdd/{severity}/iv"}


def test_a_case_mix_counts_mature_patients_by_stratum_and_estimand(warehouse: Warehouse) -> None:
    rows = responses(
        warehouse,
        "phq9",
        {"baseline_score": "20", "is_response": True},
        {"baseline_score": "20", "is_response": False},
        {"baseline_score": "20"},
        {"baseline_score": "12", "is_response": True},
        {"baseline_score": "12", "is_response": True, "is_mature": False},
    )
    assert [(row["estimand"], row["stratum"], row["numerator"], row["denominator"]) for row in rows] == [
        ("nri", "mdd/milder/iv", 1, 1),
        ("nri", "mdd/worse/iv", 1, 3),
        ("observed", "mdd/milder/iv", 1, 1),
        ("observed", "mdd/worse/iv", 1, 2),
    ]


def stratum(clinic: str, name: str, numerator: int, denominator: int) -> dict[str, Any]:
    return {
        "instrument": "phq9",
        "time_window": "wk4",
        "estimand": "nri",
        "clinic_id": clinic,
        "stratum": name,
        "numerator": numerator,
        "denominator": denominator,
        "n_eligible": denominator,
        "n_observed": denominator,
    }


def built(warehouse: Warehouse, *strata: dict[str, Any]) -> dict[str, dict[str, Any]]:
    patients = [{"patient_no": number} for number in range(500)]
    query: Query = warehouse({CASE_MIX: strata, "intermediate.int_consented_patient": patients}, MART)
    return {row["level"]: row for row in query(f"select * from {MART}")}


def test_a_small_clinic_is_held_against_the_whole_registry(warehouse: Warehouse) -> None:
    clinics = [stratum(f"C{number:03}", "a", 20, 40) for number in range(5)]
    rows = built(warehouse, *clinics, stratum("C005", "a", 10, 40))
    row = rows["C005"]
    assert (row["is_left_out"], row["reference_rate"]) == (False, pytest.approx(110 / 240))
    assert row["expected"] == pytest.approx(40 * 110 / 240)
    assert row["ratio"] == pytest.approx(10 / (40 * 110 / 240))


def test_a_clinic_with_more_than_a_fifth_of_the_patients_is_held_against_the_others(warehouse: Warehouse) -> None:
    rows = built(warehouse, stratum("C001", "a", 30, 41), *(stratum(f"C00{n}", "a", 10, 40) for n in (2, 3, 4, 5)))
    assert {level: row["is_left_out"] for level, row in rows.items()} == {
        "C001": True,
        "C002": False,
        "C003": False,
        "C004": False,
        "C005": False,
    }
    assert rows["C001"]["expected"] == pytest.approx(41 * 0.25)
    assert rows["C001"]["reference_rate"] == pytest.approx(0.25)


def test_patients_whom_nobody_else_treats_are_not_compared(warehouse: Warehouse) -> None:
    rows = built(warehouse, stratum("C001", "a", 10, 20), stratum("C001", "b", 5, 5), stratum("C002", "a", 5, 20))
    row = rows["C001"]
    assert (row["numerator"], row["denominator"], row["n_patients"]) == (10, 20, 25)
    assert row["expected"] == pytest.approx(5)
    assert row["direct_rate"] == pytest.approx(0.5)
    assert rows["C002"]["direct_rate"] is None


def test_clinics_that_respond_alike_within_strata_have_a_ratio_of_one_whatever_their_mix(warehouse: Warehouse) -> None:
    rows = built(
        warehouse,
        *(row for n in range(7) for row in (stratum(f"C{n}", "a", 2 * n, 4 * n), stratum(f"C{n}", "b", 3, 30))),
    )
    assert [row["ratio"] for row in rows.values()] == pytest.approx([1] * 7)
    # 84 patients in stratum a at 0.5 and 210 in stratum b at 0.1.
    assert [row["direct_rate"] for level, row in rows.items() if level != "C0"] == pytest.approx([63 / 294] * 6)


def test_a_registry_of_one_clinic_has_nothing_to_hold_it_against(warehouse: Warehouse) -> None:
    row = built(warehouse, stratum("C001", "a", 10, 20))["C001"]
    names = (
        "expected",
        "ratio",
        "ci_low",
        "ci_high",
        "ci_method",
        "standardised_rate",
        "reference_rate",
        "direct_rate",
    )
    assert [row[name] for name in names] == [None] * len(names)
    assert (row["numerator"], row["denominator"], row["n_patients"]) == (0, 0, 20)


def test_where_nobody_responds_nothing_is_expected(warehouse: Warehouse) -> None:
    row = built(warehouse, *(stratum(f"C{n}", "a", 0, 20) for n in range(3)))["C0"]
    assert (row["expected"], row["ratio"], row["direct_rate"], row["direct_std_err"]) == (0, None, 0, 0)


def test_an_empty_registry_has_no_clinics(warehouse: Warehouse) -> None:
    assert built(warehouse) == {}
