"""Follow-up: who is mature, seen, asked, still there, dead or lost."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import wilson
from tests.warehouse_harness import Query, Warehouse

MART = "marts.follow_up_coverage"
Rows = list[dict[str, Any]]


def _patient(number: int, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "patient_id": f"p{number}",
        "course_id": f"k{number}",
        "indication_code": "trd",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 0,
        "data_cut_day": 50,
        **cells,
    }


def _session(number: int, day: int = 0, status: str = "complete") -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "session_id": f"s{number}-{day}",
        "study_day": day,
        "ae_form_status": status,
    }


def _contact(number: int, day: int, **cells: Any) -> dict[str, Any]:
    return {
        "clinic_id": "C001",
        "patient_id": f"p{number}",
        "followup_id": f"f{number}-{day}",
        "study_day": day,
        "type": "phone",
        "ae_form_status": "complete",
        **cells,
    }


def _built(
    warehouse: Warehouse,
    cohort: Rows,
    *,
    sessions: Rows | None = None,
    contacts: Rows | None = None,
    scores: dict[int, int] | None = None,
    deaths: dict[int, int] | None = None,
) -> Query:
    """Build the mart; `scores` and `deaths` are days by patient."""
    scored = scores or {}
    given = {
        "intermediate.int_cohort": cohort,
        "intermediate.int_consented_patient": [
            {key: row[key] for key in ("patient_no", "clinic_id", "patient_id", "data_cut_day")} for row in cohort
        ],
        "intermediate.int_session": [_session(row["patient_no"]) for row in cohort] if sessions is None else sessions,
        "intermediate.int_baseline": [],
        "intermediate.int_durability_follow_up": [
            {
                "patient_no": row["patient_no"],
                "last_induction_day": 0,
                "death_day": (deaths or {}).get(row["patient_no"]),
            }
            for row in cohort
        ],
        "intermediate.int_score_day": [
            {"patient_no": number, "instrument_no": 1, "study_day": day, "outcome_score": 5}
            for number, day in scored.items()
        ],
        "staging.stg_outcome_assessment": [
            {"clinic_id": "C001", "patient_id": f"p{number}", "assessment_id": f"a{number}", "study_day": day}
            for number, day in scored.items()
        ],
        "staging.stg_followup_contact": contacts or [],
    }
    return warehouse(given, MART)


def _counts(query: Query, window: str = "wk4") -> dict[str, tuple[int, int]]:
    rows = query(
        f"""
        select measure, numerator, denominator from {MART}
        where time_window = '{window}' and indication = 'all' and dimension = 'overall'
        """
    )
    return {row["measure"]: (row["numerator"], row["denominator"]) for row in rows}


@pytest.mark.parametrize(("cut", "mature"), [(34, 0), (35, 1)])
def test_only_mature_patients_can_be_seen_or_lost(warehouse: Warehouse, cut: int, mature: int) -> None:
    counts = _counts(_built(warehouse, [_patient(1, data_cut_day=cut)]))
    assert counts["mature"] == (mature, 1)
    assert counts["scored"] == (0, mature)
    assert counts["lost"] == (mature, mature)


@pytest.mark.parametrize(("day", "scored", "retained"), [(20, 0, 0), (21, 1, 1), (35, 1, 1), (36, 0, 1)])
def test_a_score_counts_in_its_window_and_keeps_a_patient_from_being_lost_before(
    warehouse: Warehouse, day: int, scored: int, retained: int
) -> None:
    counts = _counts(_built(warehouse, [_patient(1)], scores={1: day}))
    assert counts["scored"] == (scored, 1)
    assert counts["retained"] == (retained, 1)
    assert counts["lost"] == (1 - retained, 1 - retained)


def test_a_contact_counts_unless_it_was_only_read_from_the_record(warehouse: Warehouse) -> None:
    contacts = [_contact(1, 28), _contact(2, 28, type="record_only"), _contact(3, 40)]
    counts = _counts(_built(warehouse, [_patient(number) for number in (1, 2, 3)], contacts=contacts))
    assert (counts["contacted"], counts["retained"], counts["lost"]) == ((1, 3), (2, 3), (1, 1))


@pytest.mark.parametrize(("death", "lost"), [(None, 1), (10, 0), (35, 0), (36, 1)])
def test_the_dead_are_not_lost(warehouse: Warehouse, death: int | None, lost: int) -> None:
    counts = _counts(_built(warehouse, [_patient(1)], deaths={} if death is None else {1: death}))
    assert counts["lost"] == (lost, 1)


def test_whoever_is_not_retained_is_dead_or_lost(warehouse: Warehouse) -> None:
    cohort = [_patient(number) for number in range(1, 8)]
    query = _built(warehouse, cohort, scores={1: 2, 2: 8, 3: 25, 4: 40}, deaths={2: 30, 5: 5})
    found = {window: _counts(query, window) for window in ("acute", "wk1", "wk4")}
    assert [counts["retained"] for counts in found.values()] == [(4, 7), (3, 7), (2, 7)]
    assert [counts["lost"] for counts in found.values()] == [(3, 3), (3, 4), (3, 5)]


def test_forms_are_counted_by_session_with_patients_as_clusters(warehouse: Warehouse) -> None:
    sessions = [
        *(_session(1, day) for day in range(4)),
        _session(2, 0, "not_done"),
        _session(2, 1, "spontaneous_only"),
        _session(3),
    ]
    query = _built(warehouse, [_patient(number) for number in (1, 2, 3)], sessions=sessions)
    counts = _counts(query, "whole_course")
    assert counts["session_complete"] == (5, 7)
    assert counts["session_not_done"] == (1, 2)
    (row,) = query(
        f"""
        select * from {MART}
        where measure = 'session_complete' and indication = 'all' and dimension = 'overall'
        """
    )
    rate = 5 / 7
    squares = (4 - rate * 4) ** 2 + (0 - rate * 2) ** 2 + (1 - rate) ** 2
    n_effective = min(7, rate * (1 - rate) / (3 / 2 * squares / 49))
    low, high = wilson(rate * n_effective, n_effective)
    assert (row["n_patients"], row["n_patients_with"], row["ci_method"]) == (3, 2, "wilson_cluster")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-9)


def test_a_registry_without_contacts_reports_none_and_says_nothing_about_their_forms(warehouse: Warehouse) -> None:
    query = _built(warehouse, [_patient(1)])
    assert _counts(query)["contacted"] == (0, 1)
    assert not [name for name in _counts(query, "whole_course") if name.startswith("contact")]


def test_an_empty_registry_has_an_empty_mart(warehouse: Warehouse) -> None:
    assert _built(warehouse, [])(f"select * from {MART}") == []
