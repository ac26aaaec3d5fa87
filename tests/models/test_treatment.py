"""Treatment: doses and sessions of induction, what is given besides, and how patients divide."""

from typing import Any

import numpy as np
import pytest

from tests.models.main_kinds import main_kinds
from tests.warehouse_harness import Query, Warehouse

PATTERNS, MIX, BESIDES = "marts.treatment_patterns", "marts.treatment_mix", "marts.co_treatment"
CO_TREATMENT = "intermediate.int_co_treatment"
COURSE, VALUE = "intermediate.int_induction_course", "intermediate.int_induction_value"
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
        "last_induction_day": 14,
        "data_cut_day": 50,
        **cells,
    }


def _session(number: int, day: int, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "course_id": f"k{number}",
        "session_id": f"s{number}-{day}",
        "study_day": day,
        "phase_derived": "induction",
        "route_code": "iv",
        "premedication": "not_reported",
        **cells,
    }


def _built(warehouse: Warehouse, cohort: Rows, sessions: Rows, mart: str, **tables: Rows) -> Query:
    people = [{key: row[key] for key in ("patient_no", "clinic_id", "patient_id", "data_cut_day")} for row in cohort]
    given = {
        "intermediate.int_cohort": cohort,
        "intermediate.int_consented_patient": people,
        "intermediate.int_session": sessions,
        **{f"staging.stg_{name}": rows for name, rows in tables.items()},
    }
    return warehouse(given, mart)


def _overall(query: Query, mart: str) -> Rows:
    return query(f"select * from {mart} where indication = 'all' and dimension = 'overall'")


def test_quartiles_are_of_induction_alone_and_of_known_doses(warehouse: Warehouse) -> None:
    sessions = [
        _session(1, 0, dose_mg=35, dose_mg_per_kg=0.5),
        _session(1, 7, dose_mg=42, dose_mg_per_kg=0.6004),
        _session(1, 90, dose_mg=500, phase_derived="maintenance"),
        _session(2, 0, dose_mg=70),
        _session(2, 2),
        _session(3, 0),
        _session(3, 1, course_id="later", dose_mg=900),
    ]
    query = _built(warehouse, [_patient(number) for number in (1, 2, 3)], sessions, PATTERNS)
    found = {row["measure"]: row for row in _overall(query, PATTERNS)}
    values = {
        "dose_mg": (2, [35, 42, 70]),
        "dose_mg_per_kg": (1, [0.5, 0.6]),
        "sessions": (3, [2, 2, 1]),
        "days": (3, [8, 3, 1]),
        "cumulative_dose_mg": (1, [77]),
    }
    assert {name: (row["n_patients"], row["n_values"]) for name, row in found.items()} == {
        name: (n_patients, len(of)) for name, (n_patients, of) in values.items()
    }
    for name, (_, of) in values.items():
        quartiles = [found[name][column] for column in ("lower_quartile", "median", "upper_quartile")]
        assert quartiles == pytest.approx(np.quantile(of, [0.25, 0.5, 0.75]), abs=1e-9)


def test_patients_divide_within_their_indication(warehouse: Warehouse) -> None:
    cohort = [_patient(1), _patient(2, route_code="im"), _patient(3, indication_code="ptsd")]
    rows = _built(warehouse, cohort, [_session(number, 0) for number in (1, 2, 3)], MIX)(
        f"select indication, level, numerator, denominator from {MIX} where dimension = 'route' order by all"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("all", "im", 1, 3),
        ("all", "iv", 2, 3),
        ("ptsd", "iv", 1, 1),
        ("trd", "im", 1, 2),
        ("trd", "iv", 1, 2),
    ]


def _besides(warehouse: Warehouse, cohort: Rows, sessions: Rows, **tables: Rows) -> dict[str, tuple[int, int]]:
    rows = _overall(_built(warehouse, cohort, sessions, BESIDES, **tables), BESIDES)
    return {f"{row['source']} {row['treatment']}": (row["numerator"], row["denominator"]) for row in rows}


def test_what_a_clinic_does_not_send_is_not_absent(warehouse: Warehouse) -> None:
    cohort = [_patient(1), _patient(2), _patient(3, clinic_id="C002")]
    therapy = {"clinic_id": "C001", "patient_id": "p1", "kind": "psychotherapy", "start_day": -30}
    sessions = [_session(row["patient_no"], 0) for row in cohort]
    assert _besides(warehouse, cohort, sessions, co_therapy=[therapy]) == {"co_therapy psychotherapy": (1, 2)}
    assert _besides(warehouse, cohort, sessions) == {}
    assert _besides(warehouse, [], []) == {}


@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [(-30, None, 1), (14, None, 1), (15, None, 0), (-30, 0, 1), (-30, -1, 0), (None, None, 1), (None, -5, 0)],
)
def test_a_medicine_counts_when_taken_at_some_time_of_the_induction(
    warehouse: Warehouse, start: int | None, end: int | None, counts: int
) -> None:
    medicine = {"clinic_id": "C001", "patient_id": "p1", "class": "ssri", "start_day": start, "end_day": end}
    found = _besides(warehouse, [_patient(1)], [_session(1, 0)], conmed=[medicine])
    assert found == {"conmed ssri": (counts, 1)}


def test_premedication_counts_patients_with_it_before_any_session_of_induction(warehouse: Warehouse) -> None:
    sessions = [
        _session(1, 0, premedication="none"),
        _session(1, 3, premedication="both"),
        _session(2, 0, premedication="none"),
        _session(2, 90, premedication="benzodiazepine", phase_derived="maintenance"),
        _session(3, 0),
    ]
    assert _besides(warehouse, [_patient(number) for number in (1, 2, 3)], sessions) == {
        "premedication benzodiazepine": (1, 2),
        "premedication alpha2": (1, 2),
    }


def test_opioids_count_among_those_asked_and_need_no_factor(warehouse: Warehouse) -> None:
    doses = [
        ("p1", "morphine", 10, -3),
        ("p2", "buprenorphine", 8, 0),
        ("p3", "morphine", 0, -1),
        ("p4", "morphine", 9, 1),
    ]
    rows = [
        {
            "clinic_id": "C001",
            "patient_id": patient,
            "opioid": opioid,
            "daily_dose": dose,
            "unit": "mg/day",
            "study_day": day,
        }
        for patient, opioid, dose, day in doses
    ]
    cohort = [_patient(number) for number in (1, 2, 3, 4, 5)]
    sessions = [_session(row["patient_no"], 0) for row in cohort]
    assert _besides(warehouse, cohort, sessions, opioid_day=rows) == {"opioid any": (2, 3)}


def _co_treatment(warehouse: Warehouse, kinds: dict[int, int], given: dict[str, Rows]) -> list[tuple[Any, ...]]:
    parents = ("intermediate.int_session", "intermediate.int_opioid_mme")
    query = warehouse({**{parent: [] for parent in parents}, **main_kinds(kinds), **given}, CO_TREATMENT)
    return [tuple(row.values()) for row in query(f"from {CO_TREATMENT} order by all")]


def test_a_treatment_that_no_patient_of_a_kind_has_is_0_where_its_source_is_sent(warehouse: Warehouse) -> None:
    therapies = [("p1", "psychotherapy", -30), ("p1", "psychotherapy", 5), ("p2", "physio", 15)]
    given = {
        "intermediate.int_cohort": [_patient(1), _patient(2), _patient(3), _patient(4, clinic_id="C002")],
        "staging.stg_co_therapy": [
            {"clinic_id": "C001", "patient_id": patient, "kind": kind, "start_day": day}
            for patient, kind, day in therapies
        ],
        # The p1 of another clinic is another patient, and here one who was never treated.
        "staging.stg_conmed": [
            {"clinic_id": "C002", "patient_id": patient, "class": name}
            for patient, name in (("p4", "ssri"), ("p1", "snri"))
        ],
    }
    assert _co_treatment(warehouse, {1: 1, 2: 1, 3: 2, 4: 2}, given) == [
        (1, "co_therapy", "physio", 2, 0),
        (1, "co_therapy", "psychotherapy", 2, 1),
        (2, "co_therapy", "physio", 1, 0),
        (2, "co_therapy", "psychotherapy", 1, 0),
        (2, "conmed", "snri", 1, 0),
        (2, "conmed", "ssri", 1, 1),
    ]


def test_opioids_are_asked_for_from_two_weeks_before_the_course_to_its_first_day(warehouse: Warehouse) -> None:
    days = [(1, 5, 10), (2, 6, None), (3, 20, 0), (4, 21, 10), (5, 6, 0), (5, 10, 5)]
    given = {
        "intermediate.int_cohort": [
            _patient(number, course_start_day=20, last_induction_day=34) for number in range(1, 6)
        ],
        "intermediate.int_opioid_mme": [
            {"patient_no": number, "study_day": day, "mme_per_day": mme} for number, day, mme in days
        ],
    }
    found = _co_treatment(warehouse, dict.fromkeys(range(1, 6), 1), given)
    assert found == [(1, "opioid", "any", 3, 2)]


def test_an_induction_is_the_sessions_of_its_course_and_its_dose_unknown_when_one_is(warehouse: Warehouse) -> None:
    sessions = [
        _session(1, 1, dose_mg=35, dose_mg_per_kg=0.5),
        _session(1, 8, dose_mg=42),
        _session(1, 90, dose_mg=500, phase_derived="maintenance"),
        _session(1, 3, dose_mg=900, course_id="later"),
        _session(2, 3, dose_mg=70),
        _session(2, 4),
        _session(3, 5, dose_mg=1),
        _session(4, 5, dose_mg=1, phase_derived="maintenance"),
    ]
    cohort = [_patient(number) for number in (1, 2, 3, 4)]
    query = warehouse({"intermediate.int_session": sessions, "intermediate.int_cohort": cohort}, COURSE)
    columns = "patient_no, n_sessions, n_doses, n_doses_per_kg, n_days, cumulative_dose_mg"
    assert [tuple(row.values()) for row in query(f"select {columns} from {COURSE} order by all")] == [
        (1, 2, 2, 1, 8, 77),
        (2, 2, 1, 0, 2, None),
        (3, 1, 1, 0, 1, 1),
    ]


def test_equal_values_of_a_main_kind_are_one_row_and_unknown_ones_none(warehouse: Warehouse) -> None:
    sessions = [
        _session(1, 0, dose_mg=35, dose_mg_per_kg=0.5004),
        _session(1, 7, dose_mg=42, dose_mg_per_kg=0.4996),
        _session(1, 3, dose_mg=900, course_id="later"),
        _session(2, 0, dose_mg=35, dose_mg_per_kg=0.5),
        _session(2, 7),
        _session(2, 90, dose_mg=900, phase_derived="maintenance"),
        _session(3, 0, dose_mg=35),
    ]
    courses = [(1, 2, 8, 77), (2, 2, 8, None), (3, 1, 1, 35)]
    names = ("patient_no", "n_sessions", "n_days", "cumulative_dose_mg")
    given = {
        "intermediate.int_session": sessions,
        "intermediate.int_cohort": [_patient(number) for number in (1, 2, 3)],
        COURSE: [dict(zip(names, course, strict=True)) for course in courses],
        **main_kinds({1: 1, 2: 1, 3: 2}),
    }
    rows = warehouse(given, VALUE)(f"select main_kind_no, measure, value, n_values from {VALUE} order by all")
    assert [tuple(row.values()) for row in rows] == [
        (1, "cumulative_dose_mg", 77, 1),
        (1, "days", 8, 2),
        (1, "dose_mg", 35, 2),
        (1, "dose_mg", 42, 1),
        (1, "dose_mg_per_kg", 0.5, 3),
        (1, "sessions", 2, 2),
        (2, "cumulative_dose_mg", 35, 1),
        (2, "days", 1, 1),
        (2, "dose_mg", 35, 1),
        (2, "sessions", 1, 1),
    ]
