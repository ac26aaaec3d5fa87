"""Screening: what was found, what was decided, and who was treated against it."""

from itertools import product
from typing import Any

import pytest

from tests.warehouse_harness import Project, Query, Warehouse

MART = "marts.screening_deviations"
Rows = list[dict[str, Any]]
Answer = tuple[int, str, str, str | None]
SETTINGS = ("clinic", "home_telehealth")
DEVIATIONS = (
    "treated_declined",
    "treated_contraindicated",
    "treated_not_assessed",
    "treated_without_requirement",
)


def _built(warehouse: Warehouse, answers: list[Answer], treated: dict[int, str], n_courses: int = 3) -> Query:
    """Build the mart: patient n has course n, its screening answers, and a session if a setting is given for it."""
    return warehouse(_clinic("C001", answers, treated, n_courses), MART)


def _clinic(clinic_id: str, answers: list[Answer], treated: dict[int, str], n_courses: int) -> dict[str, Rows]:
    numbers = range(1, n_courses + 1)
    key = {"clinic_id": clinic_id}
    return {
        "staging.stg_patient": [{**key, "patient_id": f"p{number}", "data_cut_day": 100} for number in numbers],
        "staging.stg_course": [
            {
                **key,
                "course_id": f"k{number}",
                "patient_id": f"p{number}",
                "course_no": 1,
                "intent": "induction",
                "start_day": 0,
                "target_dx_seq": 1,
            }
            for number in numbers
        ],
        "staging.stg_diagnosis": [
            {**key, "patient_id": f"p{number}", "dx_seq": 1, "dx_code": "trd"} for number in numbers
        ],
        "staging.stg_session": [
            {
                **key,
                "course_id": f"k{number}",
                "session_id": f"s{number}",
                "session_no": 1,
                "study_day": 0,
                "route": "iv",
                "setting": setting,
                "ae_form_status": "complete",
            }
            for number, setting in treated.items()
        ],
        "staging.stg_screening_item": [
            {**key, "course_id": f"k{number}", "item": item, "result": result, "decision": decision}
            for number, item, result, decision in answers
        ],
    }


def _counts(query: Query, item: str, dimension: str = "overall", level: str = "all") -> dict[str, tuple[int, int]]:
    rows = query(
        f"""
        select measure, numerator, denominator from {MART}
        where item = '{item}' and dimension = '{dimension}' and level = '{level}'
        """
    )
    return {row["measure"]: (row["numerator"], row["denominator"]) for row in rows}


CASES: list[tuple[tuple[str, str, str | None], set[str], set[str]]] = [
    (("psychosis", "absent", "proceed"), set(), set()),
    (("psychosis", "present_controlled", "proceed_precaution"), set(), set()),
    (("psychosis", "present_uncontrolled", "proceed"), {"treated_contraindicated"}, {"treated_contraindicated"}),
    (("psychosis", "present_controlled", "decline"), {"treated_declined"}, {"treated_declined"}),
    (("psychosis", "not_assessed", None), {"treated_not_assessed"}, {"treated_not_assessed"}),
    (("opioid_use_disorder", "present_uncontrolled", "proceed"), set(), {"treated_contraindicated"}),
    (("suicide_recent_attempt", "not_assessed", None), set(), {"treated_not_assessed"}),
    (("thyroid", "present_uncontrolled", "proceed"), set(), set()),
    (("thyroid", "not_assessed", None), set(), set()),
    (("baseline_ecg", "done_abnormal", "proceed"), set(), set()),
    (("baseline_ecg", "not_assessed", None), {"treated_not_assessed"}, {"treated_not_assessed"}),
    (("home_peer_monitor", "absent", None), set(), {"treated_without_requirement"}),
    (("home_peer_monitor", "not_assessed", None), set(), {"treated_not_assessed"}),
    (("home_peer_monitor", "present_controlled", "proceed"), set(), set()),
    (
        ("aneurysm", "present_uncontrolled", "decline"),
        {"treated_declined", "treated_contraindicated"},
        {"treated_declined", "treated_contraindicated"},
    ),
]


@pytest.fixture(scope="module")
def deviations(project: Project) -> list[list[set[str]]]:
    """Return what is found of each answer on site and at home; each is a clinic of its own, all in one build."""
    given: dict[str, Rows] = {}
    for number, ((answer, _, _), setting) in enumerate(product(CASES, SETTINGS)):
        for name, rows in _clinic(f"C{number:03}", [(1, *answer)], {1: setting}, 1).items():
            given.setdefault(name, []).extend(rows)
    query = project.build(given, [MART])
    found = []
    for number, ((answer, _, _), _) in enumerate(product(CASES, SETTINGS)):
        counts = _counts(query, answer[0], "clinic", f"C{number:03}")
        assert counts["treated_with_deviation"][0] == any(counts[name][0] for name in DEVIATIONS)
        found.append({name for name in DEVIATIONS if counts[name][0]})
    return [found[start : start + len(SETTINGS)] for start in range(0, len(found), len(SETTINGS))]


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: "-".join(map(str, CASES[number][0])))
def test_a_deviation_is_treatment_against_what_the_rule_of_the_item_says(
    deviations: list[list[set[str]]], number: int
) -> None:
    _, on_site, at_home = CASES[number]
    assert deviations[number] == [on_site, at_home]


def test_every_item_is_understood(project: Project) -> None:
    """Rules of a kind that nobody has read would count for nothing, in silence."""
    query = project.build({}, ["intermediate.int_screening_rule"])
    rows = query("select * from intermediate.int_screening_rule")
    flags = [name for name in rows[0] if name != "item"]
    assert {row["item"] for row in rows if not any(row[name] for name in flags)} == {
        "hepatic_moderate",
        "substance_history",
        "thyroid",
        "seizure",
        "luts_cystitis",
    }
    assert {row["item"] for row in rows if row["is_home_contraindication"] and not row["is_contraindication"]} == {
        "opioid_use_disorder",
        "suicide_recent_attempt",
    }


def test_whoever_was_declined_and_not_treated_is_no_deviation(warehouse: Warehouse) -> None:
    answers: list[Answer] = [
        (1, "psychosis", "present_uncontrolled", "decline"),
        (2, "psychosis", "absent", "proceed"),
        (3, "psychosis", "not_assessed", None),
    ]
    query = _built(warehouse, answers, {2: "clinic", 3: "clinic"})
    assert _counts(query, "psychosis") == {
        "assessed": (2, 3),
        "present_uncontrolled": (1, 2),
        "present_controlled": (0, 1),
        "abnormal": (0, 2),
        "decline": (1, 2),
        "proceed_precaution": (0, 1),
        "treated_declined": (0, 2),
        "treated_contraindicated": (0, 2),
        "treated_not_assessed": (1, 2),
        "treated_without_requirement": (0, 2),
        "treated_with_deviation": (1, 2),
    }
    assert _counts(query, "psychosis", "place", "not_treated")["decline"] == (1, 1)
    assert _counts(query, "psychosis", "place", "on_site")["decline"] == (0, 1)
    assert _counts(query, "psychosis", "indication", "trd")["decline"] == (1, 2)


def test_any_counts_a_patient_once_however_many_items_deviate(warehouse: Warehouse) -> None:
    answers: list[Answer] = [
        (1, "psychosis", "present_uncontrolled", "proceed"),
        (1, "aneurysm", "not_assessed", None),
        (2, "psychosis", "absent", "proceed"),
    ]
    counts = _counts(_built(warehouse, answers, {1: "clinic", 2: "clinic"}), "any")
    assert counts["treated_with_deviation"] == (1, 2)
    assert counts["treated_contraindicated"] == (1, 2)


def test_patients_without_screening_are_not_reported_and_not_absent(warehouse: Warehouse) -> None:
    query = _built(warehouse, [(1, "psychosis", "absent", "proceed")], dict.fromkeys((1, 2, 3), "clinic"))
    assert _counts(query, "psychosis")["assessed"] == (1, 1)
    assert _counts(query, "any")["reported"] == (1, 3)


def test_a_registry_without_screening_says_that_nobody_reported_it(warehouse: Warehouse) -> None:
    query = _built(warehouse, [], {1: "clinic"})
    assert query(f"select distinct item, measure, numerator from {MART}") == [
        {"item": "any", "measure": "reported", "numerator": 0}
    ]
    assert _built(warehouse, [], {}, 0)(f"select * from {MART}") == []
