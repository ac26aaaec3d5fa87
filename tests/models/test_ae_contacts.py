"""Adverse events at follow-up contacts: the session before each, the cells it lies in, and what is summed in them."""

from typing import Any

from tests.warehouse_harness import Warehouse

CONTACT = "intermediate.int_ae_contact"
CELL = "intermediate.int_ae_contact_cell"
SUM = "intermediate.int_ae_contact_sum"
Rows = list[dict[str, Any]]


def patient(number: int, clinic: str = "C001") -> dict[str, Any]:
    return {"patient_no": number, "clinic_id": clinic, "patient_id": f"p{number}", "data_cut_day": 365}


def session(patient_no: int, kind: int, day: int) -> dict[str, Any]:
    return {"patient_no": patient_no, "session_kind_no": kind, "study_day": day}


def contact(patient_no: int, day: int, status: str = "complete", clinic: str = "C001") -> dict[str, Any]:
    keys = {"clinic_id": clinic, "followup_id": f"f{patient_no}-{day}", "patient_id": f"p{patient_no}"}
    return {**keys, "study_day": day, "ae_form_status": status}


def contacts(warehouse: Warehouse, sessions: Rows, noted: Rows) -> Rows:
    given = {
        "intermediate.int_consented_patient": [patient(1), patient(2)],
        "intermediate.int_session": sessions,
        "staging.stg_followup_contact": noted,
    }
    return warehouse(given, CONTACT)(f"select * from {CONTACT} order by followup_id")


def test_a_contact_is_counted_by_the_latest_session_up_to_its_day_and_of_several_by_the_highest_kind(
    warehouse: Warehouse,
) -> None:
    sessions = [session(1, 9, 10), session(1, 3, 20), session(1, 5, 20), session(1, 4, 41), session(2, 8, 0)]
    rows = contacts(warehouse, sessions, [contact(1, day) for day in (19, 20, 40, 41)])
    assert {row["followup_id"]: row["session_kind_no"] for row in rows} == {
        "f1-19": 9,
        "f1-20": 5,
        "f1-40": 5,
        "f1-41": 4,
    }


def test_contacts_before_a_session_after_the_data_cut_or_of_others_are_left_out(warehouse: Warehouse) -> None:
    noted = [contact(1, day) for day in (9, 10, 365, 366)]
    strangers = [contact(2, 30), contact(3, 30), contact(1, 30, clinic="C002")]
    rows = contacts(warehouse, [session(1, 1, 10)], noted + strangers)
    assert [row["followup_id"] for row in rows] == ["f1-10", "f1-365"]


def test_contacts_alike_in_session_and_form_share_a_number_that_no_session_has(warehouse: Warehouse) -> None:
    noted = [contact(1, 1), contact(1, 2), contact(1, 3, "not_done"), contact(2, 4), contact(2, 5)]
    rows = contacts(warehouse, [session(1, 1, 0), session(2, 1, 0), session(2, 2, 5)], noted)
    kinds = [row["contact_kind_no"] for row in rows]
    assert kinds[0] == kinds[1] == kinds[3]
    assert len({kinds[0], kinds[2], kinds[4]}) == 3
    assert max(kinds) < 0


def session_cell(kind: int, number: int, dimension: str, level: str, ascertainment: str = "all") -> dict[str, Any]:
    keys = {"session_kind_no": kind, "cell_no": number, "ascertainment": ascertainment}
    return {**keys, "dimension": dimension, "level": level, "is_timed": dimension != "hour"}


def test_a_contact_lies_in_the_timed_cells_of_the_session_before_by_what_it_asked_itself(warehouse: Warehouse) -> None:
    kinds = [(-1, 1, "complete"), (-2, 1, "not_done"), (-3, 2, "spontaneous_only")]
    names = ("contact_kind_no", "session_kind_no", "ae_form_status")
    given = {
        CONTACT: [dict(zip(names, kind, strict=True)) for kind in kinds] * 2,
        "intermediate.int_ae_cell": [
            session_cell(1, 1, "overall", "all"),
            session_cell(1, 2, "overall", "all", "complete"),
            session_cell(1, 3, "route", "iv"),
            session_cell(1, 4, "hour", "morning"),
            session_cell(2, 1, "overall", "all"),
            session_cell(2, 5, "route", "im"),
        ],
    }
    rows = warehouse(given, CELL)(f"select * from {CELL}")
    names = ("contact_kind_no", "dimension", "level", "ascertainment")
    assert sorted(tuple(row[name] for name in names) for row in rows) == [
        (-3, "overall", "all", "all"),
        (-3, "overall", "all", "spontaneous"),
        (-3, "route", "im", "all"),
        (-3, "route", "im", "spontaneous"),
        (-2, "overall", "all", "all"),
        (-2, "route", "iv", "all"),
        (-1, "overall", "all", "all"),
        (-1, "overall", "all", "complete"),
        (-1, "route", "iv", "all"),
        (-1, "route", "iv", "complete"),
    ]
    # Three cells overall and two by each route, each with a number of its own.
    assert {row["cell_no"] for row in rows} == set(range(1, 8))


def occurrence(patient_no: int, kind: int, n_events: int, grade: int, marks: int) -> dict[str, Any]:
    keys = {"patient_no": patient_no, "kind_no": kind, "term_no": 5}
    return {**keys, "n_events": n_events, "max_grade": grade, "marks": marks}


def sums(warehouse: Warehouse, clinic: str, dimension: str) -> list[tuple[Any, ...]]:
    """Sum contacts of two kinds, of which one follows an intravenous session, and of patients of two clinics."""
    strata = [(-1, 1, "overall", "all"), (-2, 1, "overall", "all"), (-1, 2, "route", "iv")]
    given = {
        "intermediate.int_consented_patient": [patient(1), patient(2), patient(3, "C002")],
        CONTACT: [
            {"patient_no": number, "contact_kind_no": kind}
            for number, kind in ((1, -1), (1, -1), (1, -2), (2, -1), (3, -2))
        ],
        CELL: [
            {"contact_kind_no": kind, "cell_no": cell, "dimension": dim, "level": level, "ascertainment": "complete"}
            for kind, cell, dim, level in strata
        ],
        "intermediate.int_ae_occurrence": [
            occurrence(1, -1, 2, 1, 1),
            occurrence(1, -2, 1, 3, 4),
            occurrence(2, -1, 1, 3, 5),
            occurrence(2, 1, 7, 5, 8),
        ],
    }
    columns = "term_no, max_grade, marks, n_patients, n_contacts, n_events, sum_squares, sum_products"
    rows = warehouse(given, SUM)(
        f"select {columns} from {SUM} where clinic_id = '{clinic}' and dimension = '{dimension}' order by all nulls first"
    )
    return [tuple(row.values()) for row in rows]


def test_a_patient_is_as_bad_as_all_contacts_of_the_cell_together(warehouse: Warehouse) -> None:
    # Three contacts and one; with the term two (grade 3, marks 1 and 4) and one (grade 3, marks 5).
    assert sums(warehouse, "C001", "overall") == [
        (None, None, None, 2, 4, None, 3 * 3 + 1, 3 * 3 + 1),
        (5, 3, 5, 2, 3, 4, 2 * 2 + 1, 2 * 3 + 1),
    ]
    assert sums(warehouse, "C001", "route") == [
        (None, None, None, 2, 3, None, 2 * 2 + 1, 2 * 2 + 1),
        (5, 1, 1, 1, 1, 2, 1, 2),
        (5, 3, 5, 1, 1, 1, 1, 1),
    ]


def test_contacts_without_an_event_have_the_row_of_all_contacts_only(warehouse: Warehouse) -> None:
    assert sums(warehouse, "C002", "overall") == [(None, None, None, 1, 1, None, 1, 1)]
