"""The marts of treatment, screening, opioids and follow-up pass the release gate, with small cells hidden."""

from typing import Any

import polars as pl
import pytest

from registry_pipeline.release.disclosure import assert_nothing_small, suppress
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from tests.release_support import check_mart
from tests.warehouse_harness import Query, Warehouse

MARTS = [
    "booster_patterns",
    "co_treatment",
    "follow_up_coverage",
    "maintenance",
    "opioid_change",
    "opioid_sparing",
    "screening_deviations",
    "treatment_mix",
    "treatment_patterns",
]
Rows = list[dict[str, Any]]


def _registry(n_patients: int) -> dict[str, Rows]:
    """Return the tables of patients who differ in all that is counted; a quarter of them is at a second clinic."""
    tables: dict[str, Rows] = {}

    def add(table: str, number: int, **cells: Any) -> None:
        clinic = "C002" if number % 4 == 0 else "C001"
        tables.setdefault(f"staging.stg_{table}", []).append({"clinic_id": clinic, **cells})

    for number in range(1, n_patients + 1):
        patient, course = {"patient_id": f"p{number:03d}"}, {"course_id": f"k{number:03d}"}
        add("patient", number, **patient, data_cut_day=200 if number % 5 else 60, weight_kg=70)
        add("course", number, **patient, **course, course_no=1, intent="induction", target_dx_seq=1, start_day=0)
        add("diagnosis", number, **patient, dx_seq=1, dx_code="crps1" if number % 3 else "trd")
        days = [0, 3, 7, 40, 40 + number % 30 + 15][: 3 + number % 3]
        for position, day in enumerate(days, start=1):
            add(
                "session",
                number,
                **course,
                session_id=f"s{number}-{position}",
                session_no=position,
                study_day=day,
                phase_reported="induction" if position < 4 or number % 2 else "booster_prn",
                route="iv",
                setting="clinic",
                dose_mg=30 + number % 7,
                ae_form_status=("complete", "complete", "not_done", "spontaneous_only")[number % 4],
            )
        for day in (-3, 28):
            dose = {"opioid": "morphine", "daily_dose": (100 - number) if day > 0 else 100, "unit": "mg/day"}
            add("opioid_day", number, **patient, study_day=day, **dose)
        contact = {"type": "phone", "ae_form_status": "complete", "vital_status": "alive"}
        add("followup_contact", number, **patient, followup_id=f"f{number}", study_day=30 + number, **contact)
        result = "not_assessed" if number % 6 == 0 else "absent"
        add("screening_item", number, **course, item="psychosis", result=result, decision="proceed")
        if number % 2:
            add("co_therapy", number, **patient, kind="psychotherapy", start_day=-5)
    return tables


@pytest.fixture
def built(warehouse: Warehouse) -> Query:
    return warehouse(_registry(80), *(f"marts.{mart}" for mart in MARTS))


@pytest.mark.slow
def test_the_gate_takes_every_mart_before_and_after_suppression(built: Query) -> None:
    contracts = load_mart_contracts(Settings())
    for mart in MARTS:
        frame = pl.DataFrame(built(f"select * from marts.{mart}"), infer_schema_length=None)
        released = suppress(frame, contracts[mart], 10)
        assert_nothing_small(released, contracts[mart], 10)
        assert 0 < released["is_suppressed"].sum() < released.height, mart
        for judged in (frame, released):
            assert [found for found in check_mart(judged, contracts[mart]) if found.severity == "reject"] == []


@pytest.mark.slow
def test_the_strata_of_a_dimension_add_up_to_the_registry(built: Query) -> None:
    for mart, keys in (
        ("maintenance", "measure"),
        ("opioid_sparing", "time_window, definition, estimand"),
        ("screening_deviations", "item, measure"),
        ("follow_up_coverage", "time_window, measure"),
        ("co_treatment", "source, treatment"),
    ):
        of_all = "" if mart == "screening_deviations" else "where indication = 'all'"
        rows = built(
            f"""
            select {keys}, sum(numerator) filter (dimension = 'overall') as whole,
              sum(numerator) filter (dimension = 'clinic') as clinics,
              sum(numerator) filter (dimension = 'indication') as indications
            from marts.{mart} {of_all} group by {keys}
            """
        )
        assert rows, mart
        assert all(row["whole"] == row["clinics"] == row["indications"] for row in rows), mart
