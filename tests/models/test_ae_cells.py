"""Cells and groups of sessions with adverse events: which forms count, who shares a group, and sums by patient."""

from typing import Any

import pytest

from tests.warehouse_harness import Warehouse

ASCERTAINMENT = "intermediate.int_ae_ascertainment"
GROUP = "intermediate.int_ae_group"
KIND = "intermediate.int_ae_kind"
PATIENT_TERM = "intermediate.int_ae_patient_term"
VARYING = "intermediate.int_ae_varying_sum"
Rows = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("ascertainment", "statuses"),
    [
        ("complete", ["complete"]),
        ("all", ["complete", "not_done", "spontaneous_only"]),
        ("spontaneous", ["spontaneous_only"]),
    ],
)
def test_the_primary_ascertainment_counts_complete_forms_alone(
    warehouse: Warehouse, ascertainment: str, statuses: list[str]
) -> None:
    rows = warehouse({}, ASCERTAINMENT)(
        f"select ae_form_status from {ASCERTAINMENT} where ascertainment = '{ascertainment}' order by 1"
    )
    assert [row["ae_form_status"] for row in rows] == statuses


def cell(kind: int, number: int, dimension: str, ascertainment: str = "complete", **cells: Any) -> dict[str, Any]:
    keys = {"session_kind_no": kind, "cell_no": number, "dimension": dimension, "ascertainment": ascertainment}
    return {**keys, "is_counted": True, **cells}


def groups(warehouse: Warehouse, cells: Rows) -> dict[int, dict[int, list[int]]]:
    """Return the cells of each group of each kind of session."""
    rows = warehouse({"intermediate.int_ae_cell": cells}, GROUP)(f"select * from {GROUP} order by cell_no")
    found: dict[int, dict[int, list[int]]] = {}
    for row in rows:
        found.setdefault(row["session_kind_no"], {}).setdefault(row["group_no"], []).append(row["cell_no"])
        # The cells of all forms are numbered from 10, those of complete forms from 20.
        assert row["overall_cell_no"] == row["cell_no"] // 10 * 10
    return found


def alike(kind: int, route: int, premedication: int, hour: int) -> Rows:
    """Return the cells of a session with a complete form; the level of each dimension is the last digit."""
    return [
        cell(kind, 10, "overall", "all"),
        cell(kind, 10 + route, "route", "all"),
        cell(kind, 10 + premedication, "premedication", "all", is_counted=False),
        cell(kind, 20, "overall"),
        cell(kind, 20 + route, "route"),
        cell(kind, 20 + premedication, "premedication"),
        cell(kind, 20 + hour, "hour"),
    ]


def test_sessions_alike_but_for_the_hour_are_one_group_in_the_cells_they_share(warehouse: Warehouse) -> None:
    found = groups(warehouse, alike(1, route=1, premedication=3, hour=7) + alike(2, route=1, premedication=3, hour=8))
    assert found[1] == found[2]
    assert sorted(found[1].values()) == [[10, 11], [20, 21, 23]]


def test_a_group_is_of_one_route_and_one_premedication(warehouse: Warehouse) -> None:
    cells = alike(1, route=1, premedication=3, hour=7) + alike(2, route=2, premedication=3, hour=7)
    found = groups(warehouse, cells + alike(3, route=1, premedication=4, hour=7))
    assert found[1].keys() & found[2].keys() == set()
    # Among all sessions events are not counted by premedication, so there it divides nothing.
    assert [found[3][group] for group in found[1].keys() & found[3].keys()] == [[10, 11]]


def test_a_session_that_nobody_asked_at_shares_the_group_of_all_sessions_only(warehouse: Warehouse) -> None:
    unasked = [cell(2, 10, "overall", "all"), cell(2, 11, "route", "all")]
    found = groups(warehouse, alike(1, route=1, premedication=3, hour=7) + unasked)
    assert list(found[2].values()) == [[10, 11]]
    assert found[2].keys() < found[1].keys()


def test_the_cells_of_a_kind_stand_side_by_side_and_are_empty_without_a_complete_form(warehouse: Warehouse) -> None:
    varying = [(31, "hour", "night"), (41, "dose", "under_0_3"), (51, "session", "first"), (52, "session", "first_six")]
    later = [(32, "hour", "night"), (41, "dose", "under_0_3"), (53, "session", "later")]
    asked = {1: "complete", 2: "complete", 3: "spontaneous"}
    cells = [cell(kind, 20 if form == "complete" else 30, "overall", form) for kind, form in asked.items()]
    cells += [cell(kind, 10, "overall", "all") for kind in (1, 2, 3, 4)]
    cells += [cell(1, number, dimension, level=level) for number, dimension, level in varying]
    cells += [cell(2, number, dimension, level=level) for number, dimension, level in later]
    cells += [cell(4, number, dimension, "all", level=level, is_counted=False) for number, dimension, level in later]
    members = [(1, 7, 20), (1, 6, 10), (2, 7, 20), (2, 6, 10), (3, 8, 30), (3, 6, 10), (4, 6, 10)]
    given = {
        "intermediate.int_ae_cell": cells,
        GROUP: [{"session_kind_no": kind, "group_no": group, "cell_no": number} for kind, group, number in members],
    }
    rows = warehouse(given, KIND)(f"select * from {KIND} order by session_kind_no")
    assert [tuple(row.values()) for row in rows] == [
        (1, 7, 6, 31, 41, 51, 52),
        (2, 7, 6, 32, 41, 53, None),
        (3, 8, 6, None, None, None, None),
        (4, None, 6, None, None, None, None),
    ]


# Kinds of session: 1 intravenous and 2 intramuscular, both with a complete form; 3 as 1, but nobody asked.
GROUPS = {1: (20, 21), 2: (20, 22), 3: (10, 11), 4: (10, 12)}
KINDS = [
    {"session_kind_no": 1, "asked_group_no": 1, "all_group_no": 3},
    {"session_kind_no": 2, "asked_group_no": 2, "all_group_no": 4},
    {"session_kind_no": 3, "all_group_no": 3},
]


def occurrence(kind: int, n_events: int, onset_day: int, *, grade: int, marks: int, patient: int = 1) -> dict[str, Any]:
    keys = {"patient_no": patient, "kind_no": kind, "term_no": 5}
    return {**keys, "n_events": n_events, "first_onset_day": onset_day, "max_grade": grade, "marks": marks}


def patient_terms(warehouse: Warehouse, kinds: tuple[int, ...], noted: Rows) -> list[tuple[Any, ...]]:
    """Return the rows of a patient with sessions of these kinds, beside another with sessions by both routes."""
    given = {
        KIND: KINDS,
        GROUP: [
            {"session_kind_no": group, "group_no": group, "cell_no": number, "overall_cell_no": numbers[0]}
            for group, numbers in GROUPS.items()
            for number in numbers
        ],
        "intermediate.int_session": [
            {"patient_no": patient, "session_kind_no": kind}
            for patient, own in ((1, kinds), (2, (1, 2)))
            for kind in own
        ],
        "intermediate.int_ae_occurrence": noted,
    }
    columns = "cell_no, group_no, n_sessions_with, n_events, first_onset_day, max_grade, marks"
    rows = warehouse(given, PATIENT_TERM)(f"select {columns} from {PATIENT_TERM} order by cell_no")
    return [tuple(row.values()) for row in rows]


def test_a_patient_whose_sessions_are_of_one_group_has_one_row_for_all_its_cells(warehouse: Warehouse) -> None:
    noted = [occurrence(1, 2, 7, grade=1, marks=1), occurrence(1, 1, 3, grade=2, marks=4)]
    assert patient_terms(warehouse, (1, 1, 1), noted) == [(10, 3, 2, 3, 3, 2, 5), (20, 1, 2, 3, 3, 2, 5)]


def test_a_patient_treated_by_two_routes_has_a_row_of_each_cell_and_counts_once_overall(warehouse: Warehouse) -> None:
    noted = [occurrence(1, 2, 0, grade=1, marks=1), occurrence(2, 1, 7, grade=3, marks=4)]
    both, iv, im = (None, 2, 3, 0, 3, 5), (None, 1, 2, 0, 1, 1), (None, 1, 1, 7, 3, 4)
    rows = [(10, *both), (11, *iv), (12, *im), (20, *both), (21, *iv), (22, *im)]
    assert patient_terms(warehouse, (1, 2), noted) == rows
    # A session without the event makes a second group all the same.
    assert patient_terms(warehouse, (1, 2), noted[:1]) == [(number, *iv) for number in (10, 11, 20, 21)]


def test_an_event_at_a_session_that_nobody_asked_at_counts_among_all_sessions_only(warehouse: Warehouse) -> None:
    noted = [occurrence(1, 1, 0, grade=1, marks=1), occurrence(3, 1, 7, grade=2, marks=2)]
    assert patient_terms(warehouse, (1, 3), noted) == [(10, 3, 2, 2, 0, 2, 3), (20, 1, 1, 1, 0, 1, 1)]


def test_sessions_are_summed_by_patient_in_each_cell_they_lie_in(warehouse: Warehouse) -> None:
    given = {
        KIND: [
            {
                "session_kind_no": 1,
                "hour_cell_no": 31,
                "dose_cell_no": 41,
                "session_cell_no": 51,
                "first_six_cell_no": 52,
            },
            {"session_kind_no": 2, "hour_cell_no": 32, "dose_cell_no": 41, "session_cell_no": 53},
            {"session_kind_no": 3},
        ],
        "intermediate.int_session": [
            {"patient_no": patient, "session_kind_no": kind}
            for patient, kind in ((1, 1), (1, 1), (1, 2), (2, 1), (2, 3))
        ],
        "intermediate.int_ae_occurrence": [
            occurrence(kind, 3, 0, grade=1, marks=1, patient=patient) for patient, kind in ((1, 1), (1, 2), (2, 3))
        ],
    }
    rows = warehouse(given, VARYING)(f"select * from {VARYING} order by cell_no, term_no nulls first")
    # The first patient has two sessions of the first kind, one of them with the term, and one of the second with it.
    assert [tuple(row.values()) for row in rows] == [
        (31, None, 2, 3, 2 * 2 + 1, 2 * 2 + 1),
        (31, 5, 1, 1, 1, 1 * 2),
        (32, None, 1, 1, 1, 1),
        (32, 5, 1, 1, 1, 1),
        (41, None, 2, 4, 3 * 3 + 1, 3 * 3 + 1),
        (41, 5, 1, 2, 2 * 2, 2 * 3),
        (51, None, 2, 3, 2 * 2 + 1, 2 * 2 + 1),
        (51, 5, 1, 1, 1, 1 * 2),
        (52, None, 2, 3, 2 * 2 + 1, 2 * 2 + 1),
        (52, 5, 1, 1, 1, 1 * 2),
        (53, None, 1, 1, 1, 1),
        (53, 5, 1, 1, 1, 1),
    ]
