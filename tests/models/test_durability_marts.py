"""The durability marts beyond the curves: landmarks, sensitivity, visit gaps, intervals and comparisons."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from tests.models.durability_patients import Patient, tables_of
from tests.release_support import check_mart
from tests.warehouse_harness import Query, Warehouse

Rows = list[dict[str, Any]]
LANDMARKS = "marts.durability_landmarks"
SENSITIVITY = "marts.durability_sensitivity"
GAPS = "marts.durability_visit_gaps"
BETWEEN_VISITS = "marts.durability_interval_censored"
COMPARISONS = "marts.durability_comparisons"
CURVES = "marts.durability_curves"


def overall(query: Query, mart: str, where: str = "true") -> Rows:
    return query(f"select * from {mart} where indication = 'all' and dimension = 'overall' and {where}")


def losses(*rows: tuple[str, int, int]) -> dict[str, Rows]:
    """Make losses of one stratum from (loss_definition, time, status), each the same under every reading."""
    return {
        "intermediate.int_cohort": [
            {"patient_no": number, "clinic_id": "C001", "indication_code": "mdd", "route_code": "iv"}
            for number in range(len(rows))
        ],
        "intermediate.int_durability_loss": [
            {
                "patient_no": number,
                "instrument": "phq9",
                "loss_definition": definition,
                **{f"{name}_days": days for name in ("censored", "composite", "competing")},
                **{f"{name}_status": status for name in ("censored", "composite", "competing")},
            }
            for number, (definition, days, status) in enumerate(rows)
        ],
    }


def test_the_mean_up_to_a_day_is_the_area_under_the_curve(warehouse: Warehouse) -> None:
    query = warehouse(tables_of([Patient(14, 1), Patient(56, 0)]), LANDMARKS)
    rows = {row["day"]: row for row in overall(query, LANDMARKS, "estimand = 'composite'")}
    assert rows[28]["rmst_days"] == pytest.approx(14 + 14 * 0.5)
    assert rows[56]["rmst_days"] == pytest.approx(14 + 42 * 0.5)
    assert rows[56]["rmst_ci_high"] - rows[56]["rmst_days"] == pytest.approx(
        1.959963984540054 * rows[56]["rmst_std_err"]
    )


def test_there_is_no_mean_past_the_largest_follow_up_nor_with_competing_events(warehouse: Warehouse) -> None:
    query = warehouse(tables_of([Patient(14, 1), Patient(57, 0)]), LANDMARKS)
    means = {(row["estimand"], row["day"]): row["rmst_days"] for row in overall(query, LANDMARKS)}
    assert means["censor_at_retreatment", 56] is not None
    assert means["censor_at_retreatment", 84] is None
    assert {mean for (estimand, _), mean in means.items() if estimand == "competing"} == {None}


def test_when_everybody_has_lost_response_the_mean_is_known_for_ever(warehouse: Warehouse) -> None:
    query = warehouse(tables_of([Patient(10, 1), Patient(20, 1)]), LANDMARKS)
    assert {row["rmst_days"] for row in overall(query, LANDMARKS, "estimand = 'composite'")} == {15}


def test_with_one_cause_aalen_johansen_is_kaplan_meier(warehouse: Warehouse) -> None:
    query = warehouse(tables_of([Patient(5 + 3 * n, n % 2) for n in range(40)]), CURVES)
    simple, competing = (
        [row["survival"] for row in overall(query, CURVES, f"estimand = '{name}' order by day")]
        for name in ("composite", "competing")
    )
    assert competing == pytest.approx(simple, abs=1e-12)


def test_both_causes_and_freedom_from_either_add_up_to_one_on_every_day(warehouse: Warehouse) -> None:
    statuses = [0, 1, 2, 1, 2, 2, 0, 1] * 5
    swapped, either = {0: 0, 1: 2, 2: 1}, {0: 0, 1: 1, 2: 1}
    curves = []
    for coded in ({}, swapped, either):
        patients = [Patient(4 + 3 * n, coded.get(status, status)) for n, status in enumerate(statuses)]
        rows = overall(warehouse(tables_of(patients), CURVES), CURVES, "estimand = 'competing' order by day")
        curves.append([row["survival"] for row in rows])
    assert len(curves[0]) > 10
    # The mart gives what is left of one cause: 1 - F.
    assert [(1 - one) + (1 - other) + free for one, other, free in zip(*curves, strict=True)] == pytest.approx(
        [1.0] * len(curves[0]), abs=1e-12
    )


def test_without_censoring_survival_is_the_share_still_in_response(warehouse: Warehouse) -> None:
    query = warehouse(tables_of([Patient(5 + 7 * n, 1) for n in range(30)]), CURVES)
    for row in overall(query, CURVES, "estimand = 'censor_at_retreatment'"):
        assert row["survival"] == pytest.approx(1 - row["numerator"] / row["denominator"], abs=1e-12)


@pytest.mark.slow
def test_the_order_of_patients_changes_nothing(warehouse: Warehouse) -> None:
    patients = [Patient(5 + 2 * n % 90, n % 4, route_code=("iv", "im")[n % 2]) for n in range(60)]
    first, second = (
        [warehouse(tables_of(order), mart)(f"select * from {mart} order by all") for mart in (LANDMARKS, COMPARISONS)]
        for order in (patients, patients[::-1])
    )
    assert first == second


def test_an_unconfirmed_loss_is_counted_where_it_is_censored(warehouse: Warehouse) -> None:
    given = losses(
        ("response_lost", 20, 1),
        ("response_lost", 30, 0),
        ("unconfirmed_censored", 20, 0),
        ("unconfirmed_censored", 30, 0),
        ("relapse", 20, 1),
        ("relapse", 25, 1),
    )
    query = warehouse(given, SENSITIVITY)
    rows = query(f"select * from {SENSITIVITY} where indication = 'all' and estimand = 'composite' and day = 28")
    counts = {row["loss_definition"]: (row["numerator"], row["n_unconfirmed"], row["survival"]) for row in rows}
    assert counts == {"response_lost": (1, 1, 0.5), "unconfirmed_censored": (0, 1, 1), "relapse": (2, None, 0)}


def assessments(gaps: list[int | None], clinic: str = "C001", first_patient: int = 0) -> dict[str, Rows]:
    """Make one patient per gap between assessments; a patient's last assessment has none."""
    numbers = range(first_patient, first_patient + len(gaps))
    return {
        "intermediate.int_cohort": [
            {"patient_no": number, "clinic_id": clinic, "indication_code": "mdd", "route_code": "iv"}
            for number in numbers
        ],
        "intermediate.int_durability_patient": [
            {
                "patient_no": number,
                "instrument": "phq9",
                "is_assessed": True,
                "is_evaluable": True,
                "interval_low_days": 7,
                "interval_high_days": 28,
                "censored_days": 28,
                "censored_status": 1,
                "composite_days": 28,
                "composite_status": 1,
                "competing_days": 28,
                "competing_status": 1,
            }
            for number in numbers
        ],
        "intermediate.int_durability_assessment": [
            {"patient_no": number, "instrument": "phq9", "days": 7, "days_to_next": gap, "is_in_response": True}
            for number, gap in zip(numbers, gaps, strict=True)
        ],
    }


def test_gaps_are_summed_up_by_quartiles_and_long_ones_counted(warehouse: Warehouse) -> None:
    query = warehouse(assessments([7, 14, 21, 28, 70, None]), GAPS)
    row = overall(query, GAPS)[0]
    assert (row["lower_quartile_days"], row["median_days"], row["upper_quartile_days"]) == (14, 21, 28)
    assert (row["n_gaps"], row["n_gaps_over_56_days"], row["denominator"]) == (5, 1, 6)
    assert row["is_over_14_days"]
    assert {row["dimension"] for row in query(f"select dimension from {GAPS}")} == {
        "overall",
        "indication",
        "clinic",
        "route",
    }


def test_a_median_gap_of_fourteen_days_needs_no_second_curve(warehouse: Warehouse) -> None:
    assert warehouse(assessments([14, 14, 14]), BETWEEN_VISITS)(f"select * from {BETWEEN_VISITS}") == []
    rows = warehouse(assessments([15, 15, 15]), BETWEEN_VISITS)(
        f"select * from {BETWEEN_VISITS} where indication = 'all' order by day"
    )
    assert [row["day"] for row in rows] == [28, 56, 84, 182]
    assert (rows[0]["survival_low"], rows[0]["survival_at_visits"], rows[0]["denominator"]) == (0, 0, 3)


def test_small_and_unknown_levels_are_not_compared(warehouse: Warehouse) -> None:
    iv = [Patient(10 + n, 1) for n in range(11)]
    im = [Patient(20 + n, n % 2, route_code="im") for n in range(11)]
    few = [Patient(5, 1, route_code="sl") for _ in range(10)]
    unknown = [Patient(5, 1, route_code="unknown") for _ in range(20)]
    rows = warehouse(tables_of([*iv, *im, *few, *unknown]), COMPARISONS)(
        f"select * from {COMPARISONS} where indication = 'all' and estimand = 'composite'"
    )
    assert [(row["dimension"], row["n_levels"], row["degrees"], row["denominator"]) for row in rows] == [
        ("route", 2, 1, 22)
    ]
    assert warehouse(tables_of([*iv, *im[:10]]), COMPARISONS)(f"select * from {COMPARISONS}") == []


def test_groups_without_an_event_are_not_compared(warehouse: Warehouse) -> None:
    patients = [Patient(30, 0, route_code=route) for route in ("iv", "im") for _ in range(12)]
    assert warehouse(tables_of(patients), COMPARISONS)(f"select * from {COMPARISONS}") == []


@pytest.mark.slow
def test_an_empty_registry_makes_empty_marts(warehouse: Warehouse) -> None:
    marts = (LANDMARKS, SENSITIVITY, GAPS, BETWEEN_VISITS, COMPARISONS)
    query = warehouse({}, *marts)
    assert [query(f"select * from {mart}") for mart in marts] == [[], [], [], [], []]


@pytest.mark.slow
@pytest.mark.parametrize("mart", ["durability_landmarks", "durability_sensitivity", "durability_comparisons"])
def test_the_gate_takes_the_mart_before_and_after_suppression(warehouse: Warehouse, mart: str) -> None:
    contract = load_mart_contracts(Settings())[mart]
    patients = [Patient(5 + 3 * n, n % 4, route_code=("iv", "im", "sl")[n % 5 % 3]) for n in range(90)]
    given = tables_of(patients)
    if mart == "durability_sensitivity":
        given = losses(*[("response_lost", 20 + n, n % 2) for n in range(60)], *[("relapse", 30, 1)] * 5)
    frame = pl.DataFrame(warehouse(given, f"marts.{mart}")(f"select * from marts.{mart}"), infer_schema_length=None)
    released = suppress(frame, contract, 10)
    assert_nothing_small(released, contract, 10)
    for judged in (frame, released):
        assert [finding for finding in check_mart(judged, contract) if finding.severity == "reject"] == []
