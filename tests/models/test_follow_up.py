"""Follow-up: who is mature, seen, asked, still there, dead or lost."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import wilson
from tests.models.main_kinds import main_kinds
from tests.warehouse_harness import Query, Warehouse

MART = "marts.follow_up_coverage"
COUNTS, LAST = "intermediate.int_follow_up_counts", "intermediate.int_last_record"
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


def _assessment(number: int, day: int, clinic: str = "C001") -> dict[str, Any]:
    return {"clinic_id": clinic, "patient_id": f"p{number}", "assessment_id": f"a{number}", "study_day": day}


def test_the_last_record_is_the_latest_session_assessment_or_contact_up_to_the_data_cut(warehouse: Warehouse) -> None:
    sessions = {1: 7, 2: 40, 3: 0, 4: 0, 5: 0}
    deaths = {4: 20}
    given = {
        "intermediate.int_cohort": [_patient(number) for number in sessions],
        "intermediate.int_session": [_session(number, day) for number, day in sessions.items()],
        "intermediate.int_durability_follow_up": [
            {"patient_no": number, "last_induction_day": 0, "death_day": deaths.get(number)} for number in sessions
        ],
        "staging.stg_outcome_assessment": [_assessment(1, 30), _assessment(3, 51), _assessment(5, 45, "C002")],
        "staging.stg_followup_contact": [_contact(2, 28), _contact(3, 50), _contact(4, 30, type="record_only")],
    }
    rows = warehouse(given, LAST)(f"select patient_no, last_day, death_day from {LAST} order by all")
    found = [tuple(row.values()) for row in rows]
    assert found == [(1, 30, None), (2, 40, None), (3, 50, None), (4, 0, 20), (5, 0, None)]


def _count_rows(warehouse: Warehouse, kinds: dict[int, int], **given: Rows) -> dict[tuple[int, str], tuple[int, ...]]:
    """Return the figures by main kind and measure; relations of patients are given by the end of their name."""
    parents = {
        f"intermediate.int_{name}": given.get(name, [])
        for name in ("score_day", "patient_window", "last_record", "baseline", "session")
    }
    parents["intermediate.int_cohort"] = [_patient(number) for number in kinds]
    parents["staging.stg_followup_contact"] = given.get("contacts", [])
    query = warehouse({**parents, **main_kinds(kinds)}, COUNTS)
    columns = "n_patients, n_patients_with, sum_y, sum_m, sum_yy, sum_ym, sum_mm"
    rows = query(f"select main_kind_no, measure, {columns} from {COUNTS}")
    return {(main, measure): tuple(sums) for main, measure, *sums in (row.values() for row in rows)}


def test_a_window_counts_each_mature_patient_once_by_main_kind(warehouse: Warehouse) -> None:
    lasts = {1: (28, None), 2: (35, None), 3: (10, None), 4: (20, None), 5: (20, 35)}
    scores = [(1, 21, 5), (1, 28, 6), (2, 28, None), (4, 20, 5), (5, 36, 5)]
    found = _count_rows(
        warehouse,
        {1: 1, 2: 1, 3: 1, 4: 2, 5: 2},
        patient_window=[
            {
                "patient_no": number,
                "time_window": "wk4",
                "window_start_day": 21,
                "window_end_day": 35,
                "is_mature": number != 3,
            }
            for number in lasts
        ],
        last_record=[
            {"patient_no": number, "last_day": day, "death_day": death} for number, (day, death) in lasts.items()
        ],
        score_day=[
            {"patient_no": number, "instrument_no": 1, "study_day": day, "outcome_score": score}
            for number, day, score in scores
        ],
        contacts=[_contact(2, 21), _contact(2, 35), _contact(3, 28), _contact(4, 36)],
        baseline=[{"patient_no": 1, "instrument": name, "is_eligible": True} for name in ("phq9", "gad7")],
    )
    of_patients = {key: counts for key, counts in found.items() if not key[1].startswith("contact_")}
    assert {key: counts[:2] for key, counts in of_patients.items()} == {
        (1, "mature"): (3, 2),
        (1, "scored"): (2, 1),
        (1, "contacted"): (2, 1),
        (1, "retained"): (2, 2),
        (1, "lost"): (0, 0),
        (1, "eligible"): (3, 1),
        (2, "mature"): (2, 2),
        (2, "scored"): (2, 0),
        (2, "contacted"): (2, 0),
        (2, "retained"): (2, 0),
        (2, "lost"): (2, 1),
        (2, "eligible"): (2, 0),
    }
    # Every patient is one of one: the sums of squares are the numbers.
    assert all(counts == (m, y, y, m, y, y, m) for counts in of_patients.values() for m, y in [counts[:2]])


def test_forms_not_done_are_counted_among_the_incomplete_and_patients_without_any_are_left_out(
    warehouse: Warehouse,
) -> None:
    found = _count_rows(
        warehouse,
        {1: 1, 2: 1},
        session=[_session(1, 0), _session(1, 2), _session(1, 4, "not_done"), _session(2)],
        contacts=[
            _contact(1, 50),
            _contact(1, 51),
            _contact(1, 40, type="record_only"),
            _contact(2, 30, ae_form_status="spontaneous_only"),
        ],
    )
    assert found == {
        (1, "eligible"): (2, 0, 0, 2, 0, 0, 2),
        (1, "session_complete"): (2, 2, 3, 4, 5, 7, 10),
        (1, "session_not_done"): (1, 1, 1, 1, 1, 1, 1),
        (1, "contact_complete"): (2, 1, 1, 2, 1, 1, 2),
        (1, "contact_not_done"): (1, 0, 0, 1, 0, 0, 1),
    }
