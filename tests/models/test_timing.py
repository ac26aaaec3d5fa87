"""Minutes to onset and duration of adverse events: medians, events still going on, and what is not known."""

from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

MART = "marts.adverse_event_timing"
Rows = list[dict[str, Any]]


def session(number: int, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "session_id": str(number),
        "session_kind_no": 1,
        "route_code": "iv",
        "ae_form_status": "complete",
        "discharge_min": 120,
        **cells,
    }


def event(number: int, onset: int | None, end: int | None, **cells: Any) -> dict[str, Any]:
    keys = {"clinic_id": "C001", "ae_id": f"{number}-{onset}-{end}", "session_id": str(number), "ae_term": "nausea"}
    return {**keys, "onset_min": onset, "end_min": end, "ongoing": False, **cells}


def built(warehouse: Warehouse, sessions: Rows, events: Rows) -> Query:
    patients = {"noted_at": "session", "ascertainment": "complete", "ae_term": "nausea", "n_patients_with": 1}
    strata = [("overall", "all"), ("route", "iv"), ("route", "im")]
    given = {
        "intermediate.int_session": sessions,
        "staging.stg_adverse_event": events,
        "intermediate.int_ae_count": [{**patients, "dimension": name, "level": level} for name, level in strata],
    }
    return warehouse(given, MART)


def row_of(query: Query, measure: str, level: str = "all") -> dict[str, Any]:
    rows = query(f"select * from {MART} where measure = '{measure}' and level = '{level}'")
    assert len(rows) == 1
    return rows[0]


def quartiles(row: dict[str, Any]) -> tuple[float | None, ...]:
    return tuple(row[name] for name in ("lower_quartile_min", "median_min", "upper_quartile_min"))


def test_a_quartile_is_the_first_minute_by_which_so_many_events_have_begun(warehouse: Warehouse) -> None:
    onsets = [5, 10, 10, 20, 30, 40, 60, 90]
    query = built(
        warehouse, [session(n) for n in range(8)], [event(n, minute, None) for n, minute in enumerate(onsets)]
    )
    row = row_of(query, "onset")
    assert quartiles(row) == (10, 20, 40)
    assert (row["n_events"], row["n_timed"], row["n_ongoing"]) == (8, 8, 0)


def test_an_event_still_going_on_at_discharge_is_censored_there_and_not_dropped(warehouse: Warehouse) -> None:
    events = [event(0, 10, 20), event(1, 10, 40), event(2, 100, None, ongoing=True), event(3, 10, None, ongoing=True)]
    query = built(warehouse, [session(n) for n in range(4)], events)
    row = row_of(query, "duration")
    # Ended after 10 and 30 minutes, going on after 20 and 110: survival 3/4 after 10, 3/8 after 30.
    assert quartiles(row) == (10, 30, None)
    assert (row["n_events"], row["n_timed"], row["n_ongoing"]) == (4, 4, 2)
    dropped = row_of(built(warehouse, [session(n) for n in range(4)], events[:2]), "duration")
    assert quartiles(dropped) == (10, 10, 30)


def test_what_is_not_known_is_counted_and_not_guessed(warehouse: Warehouse) -> None:
    sessions = [session(0), session(1), session(2, discharge_min=None), session(3, discharge_min=5)]
    events = [
        event(0, None, None),
        event(1, 10, None),
        event(2, 10, None, ongoing=True),
        event(3, 10, None, ongoing=True),
    ]
    query = built(warehouse, sessions, events)
    onset, duration = row_of(query, "onset"), row_of(query, "duration")
    assert (onset["n_events"], onset["n_timed"]) == (4, 3)
    # The event that began after discharge was watched for no time.
    assert (duration["n_events"], duration["n_timed"], duration["n_ongoing"]) == (4, 1, 1)
    assert quartiles(duration) == (None, None, None)


def test_events_without_any_known_minute_have_no_quartiles(warehouse: Warehouse) -> None:
    row = row_of(built(warehouse, [session(0)], [event(0, None, None)]), "duration")
    assert (row["n_events"], row["n_timed"], *quartiles(row)) == (1, 0, None, None, None)


def test_only_sessions_with_a_complete_form_count_each_by_its_route(warehouse: Warehouse) -> None:
    sessions = [session(0), session(1, route_code="im"), session(2, ae_form_status="not_done")]
    query = built(warehouse, sessions, [event(0, 5, 15), event(1, 8, 28), event(2, 50, 51)])
    found = {level: row_of(query, "duration", level)["median_min"] for level in ("all", "iv", "im")}
    assert found == {"all": 10, "iv": 10, "im": 20}


def test_events_of_contacts_and_an_empty_registry_have_no_minutes(warehouse: Warehouse) -> None:
    contact = {**event(0, 5, 10), "session_id": None, "followup_id": "f1"}
    assert built(warehouse, [session(0)], [contact])(f"select * from {MART}") == []
    assert built(warehouse, [], [])(f"select * from {MART}") == []


@pytest.mark.parametrize("n", [1, 11])
def test_events_that_are_all_alike_have_one_duration(warehouse: Warehouse, n: int) -> None:
    query = built(warehouse, [session(k) for k in range(n)], [event(k, 0, 0) for k in range(n)])
    assert quartiles(row_of(query, "duration")) == (0, 0, 0)


LIFE_TABLE = "intermediate.int_ae_timing"


def life_table(warehouse: Warehouse, events: Rows, measure: str, *sessions: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return what is in the table of each level: minutes, events that began or ended, and events still going on."""
    given = {"intermediate.int_session": sessions or [session(0)], "staging.stg_adverse_event": events}
    rows = warehouse(given, LIFE_TABLE)(
        f"select level, minutes, n_ended, n_ongoing from {LIFE_TABLE} where measure = '{measure}' order by all"
    )
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize(("onset", "minutes"), [(0, 120), (119, 1), (120, 0), (121, 0), (None, None)])
def test_an_event_going_on_was_seen_from_its_onset_to_discharge(
    warehouse: Warehouse, onset: int | None, minutes: int | None
) -> None:
    table = life_table(warehouse, [event(0, onset, None, ongoing=True)], "duration")
    assert table == [("all", minutes, 0, 1), ("iv", minutes, 0, 1)]


def test_an_event_that_is_not_said_to_go_on_has_ended(warehouse: Warehouse) -> None:
    events = [event(0, 10, 20, ongoing=None), event(0, 10, None), event(0, 5, 15), event(0, 15, 25, ongoing=True)]
    assert life_table(warehouse, events, "duration") == [
        ("all", 10, 2, 0),
        ("all", 105, 0, 1),
        ("all", None, 1, 0),
        ("iv", 10, 2, 0),
        ("iv", 105, 0, 1),
        ("iv", None, 1, 0),
    ]


def test_all_events_are_those_of_every_route_by_minute(warehouse: Warehouse) -> None:
    sessions = [session(0), session(1, route_code="im"), session(2, ae_form_status="spontaneous_only")]
    events = [event(0, 10, None), event(0, 10, 30), event(1, 10, None), event(1, None, None), event(2, 10, None)]
    elsewhere = event(0, 10, None, clinic_id="C002")
    assert life_table(warehouse, [*events, elsewhere], "onset", *sessions) == [
        ("all", 10, 3, 0),
        ("all", None, 1, 0),
        ("im", 10, 1, 0),
        ("im", None, 1, 0),
        ("iv", 10, 2, 0),
    ]
