"""Adverse-event frequencies by more than the session: strata, time, contacts, nothing observed, and what changes nothing."""

import math
from typing import Any

import numpy as np
import pytest

from registry_pipeline.statistics.rates import garwood, normal_quantile, wilson
from tests.models.test_ae import MART, Rows, cell, event, session, tables
from tests.warehouse_harness import Query, Warehouse

MONTH = 30.4375


def counts(row: dict[str, Any]) -> tuple[float, float]:
    return row["numerator"], row["denominator"]


def level(query: Query, dimension: str, name: str, basis: str = "patient") -> tuple[float, float]:
    return counts(cell(query, "nausea", basis, dimension=dimension, level=name))


def contact(patient: str, number: int, day: int, status: str = "complete") -> dict[str, Any]:
    return {
        "clinic_id": "C001",
        "followup_id": f"f-{patient}-{number}",
        "patient_id": patient,
        "study_day": day,
        "ae_form_status": status,
    }


def noted_later(patient: str, number: int, term: str, onset_day: int, **cells: Any) -> dict[str, Any]:
    followup_id = f"f-{patient}-{number}"
    return {**event(followup_id, term, onset_day), "session_id": None, "followup_id": followup_id, **cells}


def treated(patients: int, sessions: int) -> Rows:
    bands = ["first", *["second_to_sixth"] * 5, *["later"] * sessions]
    return [
        session(str(patient), number, number, session_band=bands[number])
        for patient in range(patients)
        for number in range(sessions)
    ]


def test_incidence_is_given_at_the_first_session_and_cumulated_to_the_sixth(warehouse: Warehouse) -> None:
    sessions = treated(4, 8)
    late = [event("0-0", "nausea", 0), event("1-5", "nausea", 5), event("1-4", "nausea", 4), event("2-7", "nausea", 7)]
    query = warehouse(tables(sessions, late), MART)
    assert level(query, "session", "first") == (1, 4)
    assert level(query, "session", "first_six") == (2, 4)
    assert level(query, "session", "first_six", "session") == (3, 24)
    assert level(query, "session", "later") == (1, 4)
    assert level(query, "overall", "all") == (3, 4)


@pytest.mark.slow
def test_every_dimension_of_a_session_counts_each_patient_once_in_each_level(warehouse: Warehouse) -> None:
    sessions = [
        session("a", 1, 0, hour_band="morning", dose_band="under_0_3", setting_code="clinic", premedication="none"),
        session("a", 2, 3, hour_band="night", dose_band="under_0_3", setting_code="hospital", premedication="alpha2"),
        session("a", 3, 7, hour_band="night", dose_band="under_0_3", setting_code="home_supervised", place_code="home"),
        session("b", 1, 0, hour_band="night", dose_band="1_and_over"),
    ]
    query = warehouse(tables(sessions, [event("a-2", "nausea", 3), event("a-3", "nausea", 7)]), MART)
    found = {
        (dimension, name): level(query, dimension, name)
        for dimension, name in [
            ("hour", "morning"),
            ("hour", "night"),
            ("dose", "under_0_3"),
            ("setting", "clinic"),
            ("setting", "hospital"),
            ("place", "on_site"),
            ("place", "home"),
            ("premedication", "alpha2"),
            ("premedication", "none"),
        ]
    }
    assert found == {
        ("hour", "morning"): (0, 1),
        ("hour", "night"): (1, 2),
        ("dose", "under_0_3"): (1, 1),
        ("setting", "clinic"): (0, 2),
        ("setting", "hospital"): (1, 1),
        ("place", "on_site"): (1, 2),
        ("place", "home"): (1, 1),
        ("premedication", "alpha2"): (1, 1),
        ("premedication", "none"): (1, 2),
    }
    assert level(query, "hour", "night", "session") == (2, 3)


def test_strata_of_sessions_have_no_time_at_risk_and_complete_forms_only(warehouse: Warehouse) -> None:
    query = warehouse(tables([session("a", 1, 0), session("a", 2, 1, ae_form_status="not_done")], []), MART)
    found = query(f"select distinct basis, ascertainment, ascertainment_rate from {MART} where dimension = 'hour'")
    assert sorted(row["basis"] for row in found) == ["patient", "session"]
    assert {(row["ascertainment"], row["ascertainment_rate"]) for row in found} == {("complete", 0.5)}


@pytest.mark.slow
def test_all_events_per_month_have_an_interval_by_the_spread_between_patients(warehouse: Warehouse) -> None:
    sessions = [session(str(n), 1, 0) for n in range(6)]
    noted = [
        event(f"{n}-1", "nausea", 0, ae_id=f"{n}-{number}") for n in range(6) for number in range([9, 0, 0, 1, 0, 0][n])
    ]
    row = cell(warehouse(tables(sessions, noted, data_cut_day=0 + 30), MART), "nausea", "patient_month_events")
    # Nobody was seen after the session, so nobody was at risk for a day; with a contact everybody was for 30.
    assert counts(row) == (10, 0)
    given = tables(sessions, noted)
    given["staging.stg_followup_contact"] = [contact(str(n), 1, 90) for n in range(6)]
    row = cell(warehouse(given, MART), "nausea", "patient_month_events")
    events, months = np.array([9, 0, 0, 1, 0, 0]), np.full(6, 30 / MONTH)
    rate = events.sum() / months.sum()
    variance = 6 / 5 * ((events - rate * months) ** 2).sum() / months.sum() ** 2
    factor = math.exp(normal_quantile() * math.sqrt(variance) / rate)
    assert counts(row) == (10, pytest.approx(months.sum()))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((rate / factor, rate * factor), abs=1e-12)
    assert row["ci_method"] == "log_cluster"


def test_events_spread_evenly_are_not_taken_for_more_certain_than_chance(warehouse: Warehouse) -> None:
    given = tables([session(str(n), 1, 0) for n in range(4)], [event(f"{n}-1", "nausea", 0) for n in range(4)])
    given["staging.stg_followup_contact"] = [contact(str(n), 1, 90) for n in range(4)]
    row = cell(warehouse(given, MART), "nausea", "patient_month_events")
    factor = math.exp(normal_quantile() / math.sqrt(4))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((row["rate"] / factor, row["rate"] * factor))


@pytest.mark.parametrize("n_events", [0, 3])
def test_one_patient_is_one_event_however_often_it_came(warehouse: Warehouse, n_events: int) -> None:
    noted = [event("a-1", "nausea", 0, ae_id=str(number)) for number in range(n_events)]
    given = tables([session("a", 1, 0)], noted)
    given["staging.stg_followup_contact"] = [contact("a", 1, 90)]
    row = cell(warehouse(given, MART), "nausea", "patient_month_events")
    low, high = garwood(min(n_events, 1), 30 / MONTH)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low) * n_events, float(high) * max(n_events, 1)))


def test_contacts_are_counted_by_their_own_form_and_by_the_session_before(warehouse: Warehouse) -> None:
    given = tables(
        [session("a", 1, 0), session("a", 2, 9, route_code="im"), session("b", 1, 0)],
        [noted_later("a", 1, "nausea", 3), noted_later("a", 2, "nausea", 20), noted_later("b", 1, "nausea", 5)],
    )
    given["staging.stg_followup_contact"] = [
        contact("a", 1, 8),
        contact("a", 2, 30),
        contact("b", 1, 30, "not_done"),
        contact("b", 2, 31),
    ]
    query = warehouse(given, MART)
    overall = cell(query, "nausea", "contact")
    assert counts(overall) == (2, 3)
    assert (overall["n_patients"], overall["n_patients_with"], overall["ascertainment_rate"]) == (2, 1, 0.75)
    assert counts(cell(query, "nausea", "contact", "all")) == (3, 4)
    assert level(query, "route", "iv", "contact") == (1, 2)
    assert level(query, "route", "im", "contact") == (1, 1)
    assert counts(cell(query, "nausea", "session")) == (0, 3)


def test_nothing_observed_has_a_bound_and_no_class_of_frequency(warehouse: Warehouse) -> None:
    given = tables([session(str(n), number, number) for n in range(30) for number in range(2)], [])
    given["staging.stg_followup_contact"] = [contact(str(n), 1, 90) for n in range(30)]
    query = warehouse(given, MART)
    row = cell(query, "nausea", "patient")
    assert row["zero_upper"] == pytest.approx(1 - 0.05 ** (1 / 30), abs=1e-12)
    classes = (row["cioms_class"], row["cioms_class_low"], row["cioms_class_high"], row["is_imprecise"])
    assert classes == ("not_observed", "very_rare", "very_common", True)
    # Sessions of one patient are not independent: the bound of sessions is the bound of their patients.
    assert cell(query, "nausea", "session")["zero_upper"] == row["zero_upper"]
    timed = cell(query, "nausea", "patient_month")
    assert timed["zero_upper"] == pytest.approx(-math.log(0.05) / timed["denominator"], abs=1e-12)
    assert timed["cioms_class"] is None


@pytest.mark.parametrize(
    ("n_with", "n_patients", "name", "is_imprecise"),
    [
        (100, 1000, "very_common", False),
        (99, 1000, "common", False),
        (1, 1000, "uncommon", False),
        (1, 25, "common", True),
        (50, 50, "very_common", False),
    ],
)
def test_classes_of_frequency_include_their_lower_cut(
    warehouse: Warehouse, n_with: int, n_patients: int, name: str, *, is_imprecise: bool
) -> None:
    count = {
        "noted_at": "session",
        "dimension": "overall",
        "level": "all",
        "ascertainment": "complete",
        "ae_term": "nausea",
        "n_patients": n_patients,
        "n_occasions": n_patients,
        "n_patients_with": n_with,
        "n_occasions_with": n_with,
        "n_events": n_with,
        "sum_yy": n_with,
        "sum_ym": n_with,
        "sum_mm": n_patients,
        "ascertainment_rate": 0.9,
    }
    row = cell(warehouse({"intermediate.int_ae_count": [count]}, MART), "nausea", "patient")
    assert (row["cioms_class"], row["is_imprecise"], row["zero_upper"]) == (name, is_imprecise, None)
    low, high = wilson(n_with, n_patients)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)))


def test_a_complete_form_without_an_event_lowers_incidence_and_no_form_does_not(warehouse: Warehouse) -> None:
    sessions = [session(str(n), 1, 0) for n in range(5)]
    noted = [event("0-1", "nausea", 0)]
    before = {
        basis: cell(warehouse(tables(sessions, noted), MART), "nausea", basis)["rate"]
        for basis in ("session", "patient")
    }
    for status, is_lower in (("complete", True), ("not_done", False), ("spontaneous_only", False)):
        query = warehouse(tables([*sessions, session("new", 1, 0, ae_form_status=status)], noted), MART)
        for basis, rate in before.items():
            assert (cell(query, "nausea", basis)["rate"] < rate) is is_lower, (status, basis)


@pytest.mark.slow
def test_noting_an_event_twice_changes_no_share(warehouse: Warehouse) -> None:
    sessions = [session(str(n), number, number) for n in range(5) for number in range(3)]
    noted = [event("0-1", "nausea", 1), event("1-2", "dissociation", 2)]
    twice = [*noted, *({**row, "ae_id": f"{row['ae_id']}-again"} for row in noted)]
    sql = f"select * from {MART} where basis <> 'patient_month_events' order by all"
    assert warehouse(tables(sessions, noted), MART)(sql) == warehouse(tables(sessions, twice), MART)(sql)


@pytest.mark.slow
def test_the_order_of_rows_changes_nothing(warehouse: Warehouse) -> None:
    sessions = [
        session(str(n), number, number, hour_band=("night", "morning")[number % 2])
        for n in range(5)
        for number in range(3)
    ]
    noted = [event("0-1", "nausea", 1), event("1-2", "nausea", 2), event("0-2", "dissociation", 2)]
    sql = f"select * from {MART} order by all"
    assert warehouse(tables(sessions, noted), MART)(sql) == warehouse(tables(sessions[::-1], noted[::-1]), MART)(sql)


def test_an_empty_registry_has_no_rows(warehouse: Warehouse) -> None:
    assert warehouse(tables([], []), MART)(f"select * from {MART}") == []
