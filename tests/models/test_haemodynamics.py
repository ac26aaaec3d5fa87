"""Measured endpoints of sessions: what counts as measured, each limit at its edge, and patients as clusters."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import wilson
from tests.warehouse_harness import Query, Warehouse

MART = "marts.haemodynamics"
SESSION, PATIENT = "intermediate.int_session_vital", "intermediate.int_patient_vital"
Rows = list[dict[str, Any]]
KIND = {
    "clinic_id": "C001",
    "session_kind_no": 1,
    "course_id": "k",
    "phase_derived": "induction",
    "route_code": "iv",
    "indication_code": "mdd",
    "setting_code": "clinic",
    "place_code": "on_site",
    "hour_band": "morning",
    "dose_band": "0_3_to_0_6",
    "session_band": "first",
    "premedication": "none",
}


def session(patient: int, number: int = 1, **cells: Any) -> dict[str, Any]:
    return {**KIND, "patient_no": patient, "session_id": f"{patient}-{number}", "study_day": number, **cells}


def reading(session_id: str, phase: str, param: str, value: float, minute: int = 0) -> dict[str, Any]:
    cells = {"session_id": session_id, "phase": phase, "param": param, "value": value, "minute": minute}
    return {"clinic_id": "C001", **cells}


def pressures(session_id: str, before: float, peak: float, diastolic: float = 80) -> Rows:
    return [
        reading(session_id, "pre", "sbp", before),
        reading(session_id, "peak", "sbp", peak),
        reading(session_id, "peak", "dbp", diastolic),
    ]


def built(warehouse: Warehouse, sessions: Rows, vitals: Rows, comeds: Rows | None = None) -> Query:
    tables = {"intermediate.int_session": sessions, "staging.stg_session_vital": vitals}
    return warehouse({**tables, "staging.stg_session_comed": comeds or []}, MART)


def row_of(query: Query, endpoint: str, dimension: str = "overall", level: str = "all") -> dict[str, Any]:
    rows = query(
        f"select * from {MART} where endpoint = '{endpoint}' and dimension = '{dimension}' and level = '{level}'"
    )
    assert len(rows) == 1
    return rows[0]


def counts(query: Query, endpoint: str, **stratum: str) -> tuple[int, int, int]:
    row = row_of(query, endpoint, **stratum)
    return row["numerator"], row["denominator"], row["n_sessions"]


def test_a_session_counts_only_with_a_reading_before_the_dose_and_one_during_it_or_at_its_peak(
    warehouse: Warehouse,
) -> None:
    vitals = [
        *pressures("1-1", 120, 190),
        reading("2-1", "peak", "sbp", 190),
        reading("3-1", "pre", "sbp", 120),
        reading("3-1", "discharge", "sbp", 190),
        reading("4-1", "pre", "sbp", 120),
        reading("4-1", "during", "sbp", 130),
        reading("4-1", "discharge", "sbp", 180),
    ]
    query = built(warehouse, [session(patient) for patient in (1, 2, 3, 4, 5)], vitals)
    assert counts(query, "severe_pressure") == (2, 2, 5)
    assert row_of(query, "severe_pressure")["measured_rate"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ((160, 180, 80), (1, 0)),
        ((160, 179.9, 80), (0, 0)),
        ((160, 170, 110), (1, 0)),
        ((160, 190, 80), (1, 1)),
        ((100, 120, 80), (0, 1)),
        ((100, 119.9, 80), (0, 0)),
        ((170, 199.9, 80), (1, 0)),
        ((130, 110, 80), (0, 0)),
    ],
)
def test_each_limit_counts_from_its_edge_on(
    warehouse: Warehouse, readings: tuple[float, float, float], expected: tuple[int, int]
) -> None:
    query = built(warehouse, [session(1)], pressures("1-1", *readings))
    found = tuple(row_of(query, endpoint)["numerator"] for endpoint in ("severe_pressure", "pressure_rise"))
    assert found == expected


def test_the_last_reading_before_the_dose_and_the_highest_after_it_make_the_rise(warehouse: Warehouse) -> None:
    vitals = [
        reading("1-1", "pre", "sbp", 150, -30),
        reading("1-1", "pre", "sbp", 120, -5),
        reading("1-1", "during", "sbp", 141, 10),
        reading("1-1", "peak", "sbp", 138, 20),
        *pressures("2-1", 120, 130),
    ]
    row = row_of(built(warehouse, [session(1), session(2)], vitals), "pressure_rise")
    assert row["mean_rise_mmhg"] == pytest.approx((21 + 10) / 2)
    assert row["sd_rise_mmhg"] == pytest.approx(11 / 2**0.5)


def test_saturation_below_90_after_the_dose_began_is_a_desaturation_wherever_it_was_read(warehouse: Warehouse) -> None:
    vitals = [
        reading("1-1", "post", "spo2", 89.9),
        reading("2-1", "during", "spo2", 90),
        reading("3-1", "pre", "spo2", 80),
    ]
    query = built(warehouse, [session(patient) for patient in (1, 2, 3)], vitals)
    assert counts(query, "desaturation") == (1, 2, 3)
    assert counts(query, "severe_pressure") == (0, 0, 3)


def test_an_antihypertensive_counts_as_rescue_only_where_co_medication_is_sent(warehouse: Warehouse) -> None:
    sessions = [session(1), session(2), session(3, premedication="not_reported", session_kind_no=2), session(4)]
    vitals = [row for patient in (1, 2, 3) for row in pressures(f"{patient}-1", 120, 130)]
    comed = {"clinic_id": "C001", "drug_class": "antihypertensive", "timing": "during", "reason": "rescue"}
    comeds = [
        {**comed, "session_id": "1-1"},
        {**comed, "session_id": "2-1", "timing": "pre"},
        {**comed, "session_id": "4-1"},
    ]
    assert counts(built(warehouse, sessions, vitals, comeds), "antihypertensive") == (1, 2, 4)


def test_patients_are_the_clusters_and_one_treated_at_two_places_counts_in_both(warehouse: Warehouse) -> None:
    home = {"place_code": "home", "session_kind_no": 2}
    sessions = [session(patient, number) for patient in range(10) for number in (1, 2)] + [session(1, 3, **home)]
    vitals = [
        row
        for patient in range(10)
        for number in (1, 2)
        for row in pressures(f"{patient}-{number}", 120, 190 if patient < 3 else 130)
    ]
    query = built(warehouse, sessions, [*vitals, *pressures("1-3", 120, 130)])
    row = row_of(query, "severe_pressure", "place", "on_site")
    assert (row["numerator"], row["denominator"], row["n_patients"], row["n_patients_with"]) == (6, 20, 10, 3)
    # Patients with all or none of their two sessions: the variance is that of ten patients, 10/9 of it.
    low, high = wilson(0.3 * 9, 9)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-12)
    assert counts(query, "severe_pressure", dimension="place", level="home") == (0, 1, 1)
    assert row_of(query, "severe_pressure")["n_patients"] == 10


def test_an_empty_registry_has_no_rows_and_nothing_measured_has_no_rate(warehouse: Warehouse) -> None:
    assert built(warehouse, [], [])(f"select * from {MART}") == []
    row = row_of(built(warehouse, [session(1)], []), "pressure_rise")
    assert (row["denominator"], row["rate"], row["ci_low"], row["mean_rise_mmhg"], row["sd_rise_mmhg"]) == (
        0,
        None,
        None,
        None,
        None,
    )


def test_a_session_is_its_last_reading_before_the_dose_and_its_worst_ones_after(warehouse: Warehouse) -> None:
    vitals = [
        reading("1-1", "pre", "sbp", 150, -30),
        reading("1-1", "pre", "sbp", 120, -5),
        reading("1-1", "during", "sbp", 141, 10),
        reading("1-1", "discharge", "sbp", 160, 90),
        reading("1-1", "pre", "dbp", 99, -5),
        reading("1-1", "post", "dbp", 95, 60),
        reading("1-1", "pre", "spo2", 80, -5),
        reading("1-1", "post", "spo2", 91, 60),
        {**reading("1-1", "peak", "sbp", 250), "clinic_id": "C002"},
        reading("2-1", "pre", "sbp", 120),
        reading("2-1", "discharge", "sbp", 190),
        reading("3-1", "peak", "sbp", 190),
        reading("3-1", "during", "spo2", 97),
        reading("3-1", "peak", "spo2", 96),
    ]
    sessions = [session(patient) for patient in (1, 2, 3, 4)]
    given = {"intermediate.int_session": sessions, "staging.stg_session_vital": vitals}
    columns = "patient_no, session_id, session_kind_no, has_pressure, pre_sbp, peak_sbp, peak_dbp, lowest_spo2"
    rows = warehouse(given, SESSION)(f"select {columns} from {SESSION} order by all")
    assert [tuple(row.values()) for row in rows] == [
        (1, "1-1", 1, True, 120, 160, 95, 91),
        (2, "2-1", 1, False, 120, 190, None, None),
        (3, "3-1", 1, False, None, 190, None, 96),
    ]


@pytest.mark.parametrize(
    ("drug", "timing", "reason", "is_rescue"),
    [
        ("antihypertensive", "pre", "rescue", False),
        ("antihypertensive", "during", "rescue", True),
        ("antihypertensive", "post", "rescue", True),
        ("antihypertensive", "during", "prophylaxis", False),
        ("antiemetic", "during", "rescue", False),
    ],
)
def test_an_antihypertensive_is_a_rescue_from_the_dose_on_and_says_nothing_of_reporting(
    warehouse: Warehouse, drug: str, timing: str, reason: str, is_rescue: bool
) -> None:
    comed = {"clinic_id": "C001", "session_id": "1-1", "drug_class": drug, "timing": timing, "reason": reason}
    given = {
        "intermediate.int_session": [session(1), session(2, premedication="not_reported")],
        "staging.stg_session_vital": [reading(f"{patient}-1", "pre", "spo2", 97) for patient in (1, 2)],
        "staging.stg_session_comed": [comed],
    }
    rows = warehouse(given, SESSION)(
        f"select is_comed_reported, has_antihypertensive from {SESSION} order by patient_no"
    )
    assert [tuple(row.values()) for row in rows] == [(True, is_rescue), (False, False)]


def test_sessions_of_a_patient_and_kind_are_added_up_and_each_endpoint_has_its_own_number(
    warehouse: Warehouse,
) -> None:
    unreported = {"premedication": "not_reported"}
    sessions = [*(session(1, number) for number in (1, 2, 4)), session(1, 3, **unreported)]
    sessions += [session(1, 5, session_kind_no=2), session(2, 1)]
    vitals = [
        *pressures("1-1", 160, 180),
        reading("1-1", "post", "spo2", 89.9),
        *pressures("1-2", 100, 120, 110),
        reading("1-2", "post", "spo2", 90),
        *pressures("1-3", 130, 110),
        # Without a pressure before the dose the session has no rise, and no rescue.
        reading("1-4", "peak", "sbp", 200),
        reading("1-4", "peak", "spo2", 89),
        reading("1-5", "peak", "spo2", 97),
    ]
    rescue = {"clinic_id": "C001", "drug_class": "antihypertensive", "timing": "during", "reason": "rescue"}
    given = {
        "intermediate.int_session": sessions,
        "staging.stg_session_vital": vitals,
        "staging.stg_session_comed": [{**rescue, "session_id": f"1-{number}"} for number in (1, 3, 4)],
    }
    columns = "n_pressure, n_sbp_180, n_severe_pressure, n_pressure_rise, rise_mmhg, squared_rise"
    columns += ", n_spo2, n_desaturation, n_comed, n_antihypertensive"
    rows = warehouse(given, PATIENT)(f"select patient_no, session_kind_no, {columns} from {PATIENT} order by all")
    assert [tuple(row.values()) for row in rows] == [
        (1, 1, 3, 1, 2, 1, 20 + 20 - 20, 3 * 400, 3, 2, 2, 1),
        (1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0),
    ]
