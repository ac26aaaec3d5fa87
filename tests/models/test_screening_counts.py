"""Screening counted by patient: two courses are one patient, and treatment is judged in the course that had it."""

from typing import Any

from tests.warehouse_harness import Query, Warehouse

COUNTS, REPORTING = "intermediate.int_screening_counts", "intermediate.int_screening_reporting"
Rows = list[dict[str, Any]]
Answer = tuple[str, str, str, str | None]
"""Course, item, result and decision."""


DIAGNOSES = {"a": "ptsd", "b": "mdd"}
RULES = {"psychosis": "is_contraindication", "opioids": "is_home_contraindication", "thyroid": None}
FLAGS = ("is_contraindication", "is_home_contraindication", "is_home_requirement", "is_test")


def _screened(answers: list[Answer]) -> dict[str, Rows]:
    """Return courses with their answers: the first character names the patient, the second the diagnosis, if any."""
    courses = sorted({answer[0] for answer in answers})
    keys = {course: {"clinic_id": "C001", "patient_id": course[0]} for course in courses}
    return {
        "staging.stg_screening_item": [
            {"clinic_id": "C001", "course_id": course, "item": item, "result": result, "decision": decision}
            for course, item, result, decision in answers
        ],
        "staging.stg_course": [
            {**key, "course_id": course, "target_dx_seq": ord(course[1])} for course, key in keys.items()
        ],
        "staging.stg_diagnosis": [
            {**key, "dx_seq": ord(course[1]), "dx_code": DIAGNOSES[course[1]]}
            for course, key in keys.items()
            if course[1] in DIAGNOSES
        ],
        "intermediate.int_screening_rule": [
            {"item": item, **{flag: flag == rule for flag in FLAGS}} for item, rule in RULES.items()
        ],
    }


def _counts(warehouse: Warehouse, answers: list[Answer], places: dict[str, list[str]]) -> Query:
    """Build the counts; `places` are those of the sessions of a course, and patient 9 has not consented."""
    patients = {course[0] for course, *_ in answers} - {"9"}
    given = {
        "intermediate.int_consented_patient": [
            {"patient_no": int(patient), "clinic_id": "C001", "patient_id": patient} for patient in sorted(patients)
        ],
        "intermediate.int_session": [
            {"patient_no": int(course[0]), "course_id": course, "place_code": place}
            for course, of_sessions in places.items()
            for place in of_sessions
        ],
        "intermediate.int_patient_kind": [
            {"patient_no": int(course[0]), "indication_code": "trd", "place_code": of_sessions[0]}
            for course, of_sessions in places.items()
        ],
    }
    return warehouse({**_screened(answers), **given}, COUNTS)


def test_a_patient_of_two_courses_counts_once_by_the_graver_answer_and_deviates_only_where_treated(
    warehouse: Warehouse,
) -> None:
    answers: list[Answer] = [
        ("1a", "psychosis", "present_controlled", "proceed_precaution"),
        ("1b", "psychosis", "present_uncontrolled", "decline"),
    ]
    query = _counts(warehouse, answers, {"1a": ["on_site"]})
    (row,) = query(f"from {COUNTS} where item = 'psychosis'")
    counted = {"reported", "assessed", "present_uncontrolled", "decided", "decline", "treated"}
    assert {name.removeprefix("n_") for name, count in row.items() if count == 1} == counted
    assert {count for name, count in row.items() if name.startswith("n_")} == {0, 1}


def test_the_treated_are_counted_by_what_they_are_and_others_by_the_diagnosis_screened_for(
    warehouse: Warehouse,
) -> None:
    fine = ("psychosis", "absent", "proceed")
    courses = ("1a", "2a", "2b", "3x", "4a", "9a")
    # The fourth was treated in a course without screening.
    query = _counts(warehouse, [(course, *fine) for course in courses], {"1a": ["home"], "4b": ["on_site"]})
    rows = query(
        f"""
        select indication_code, place_code, n_reported, n_treated from {COUNTS}
        where item = 'any' order by all
        """
    )
    assert [tuple(row.values()) for row in rows] == [
        ("mdd", "not_treated", 1, 0),
        ("trd", "home", 1, 1),
        ("trd", "on_site", 1, 0),
        ("unknown", "not_treated", 1, 0),
    ]


def test_one_session_at_home_puts_its_course_under_the_rules_of_home(warehouse: Warehouse) -> None:
    answers: list[Answer] = [
        (course, item, "present_uncontrolled", "proceed") for course in ("1a", "2a") for item in ("opioids", "thyroid")
    ]
    query = _counts(warehouse, answers, {"1a": ["on_site", "home"], "2a": ["on_site", "on_site"]})
    rows = query(f"select item, n_treated, n_treated_contraindicated from {COUNTS} order by all")
    assert [tuple(row.values()) for row in rows] == [("any", 2, 1), ("opioids", 2, 1), ("thyroid", 2, 0)]


def test_a_treated_patient_is_screened_with_any_item_of_any_course(warehouse: Warehouse) -> None:
    patients = [(1, "C001", "p1"), (2, "C001", "p2"), (3, "C001", "p3"), (4, "C002", "p1")]
    courses = [("C001", "k1", "p1"), ("C001", "k2", "p2"), ("C001", "k2-later", "p2"), ("C001", "k9", "p9")]
    items = [("k1", "psychosis"), ("k1", "thyroid"), ("k2-later", "thyroid"), ("k9", "thyroid")]
    given = {
        "intermediate.int_cohort": [
            {"patient_no": number, "clinic_id": clinic, "patient_id": patient} for number, clinic, patient in patients
        ],
        "intermediate.int_patient_kind": [
            {"patient_no": number, "patient_kind_no": 1 if clinic == "C001" else 2} for number, clinic, _ in patients
        ],
        "staging.stg_course": [
            {"clinic_id": clinic, "course_id": course, "patient_id": patient} for clinic, course, patient in courses
        ],
        "staging.stg_screening_item": [
            {"clinic_id": "C001", "course_id": course, "item": item} for course, item in items
        ],
    }
    rows = warehouse(given, REPORTING)(f"select patient_kind_no, n_patients, n_screened from {REPORTING} order by all")
    assert [tuple(row.values()) for row in rows] == [(1, 3, 2), (2, 1, 0)]
