"""Who durability is about, the life tables that patients are counted into, and the curves read off them."""

from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

Rows = list[dict[str, Any]]
START = "intermediate.int_durability_start"
DENOMINATOR = "intermediate.int_durability_denominator"
READING = "intermediate.int_durability_reading"
LIFE_TABLE = "intermediate.int_durability_life_table"
SENSITIVITY = "intermediate.int_durability_sensitivity"
INTERVAL = "intermediate.int_durability_interval"
CURVE = "intermediate.int_durability_curve"

PHQ9 = {"instrument": "phq9"}
ESTIMANDS = ("censor_at_retreatment", "composite", "competing")
READINGS = [{**PHQ9, "reading_no": number, "estimand": name} for number, name in enumerate(ESTIMANDS, start=1)]
# Kind 1 is of patients with mdd, kind 2 of patients with ptsd.
STRATA = [
    {"patient_kind_no": kind, "stratum_no": number, "indication": indication, "dimension": dimension, "level": level}
    for kind, number, indication, dimension, level in (
        (1, 1, "all", "overall", "all"),
        (2, 1, "all", "overall", "all"),
        (1, 2, "mdd", "overall", "all"),
        (2, 3, "ptsd", "overall", "all"),
        (1, 4, "all", "route", "iv"),
        (2, 4, "all", "route", "iv"),
    )
]


def tuples(query: Query, model: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = query(f"select {', '.join(columns)} from {model}")
    return sorted((tuple(row.values()) for row in rows), key=str)


def kinds(*of_patients: int) -> dict[str, Rows]:
    """Return patients, numbered from 1, of these kinds, and the strata that the kinds lie in."""
    return {
        "intermediate.int_patient_kind": [
            {"patient_no": number, "patient_kind_no": kind} for number, kind in enumerate(of_patients, start=1)
        ],
        "intermediate.int_patient_stratum": STRATA,
    }


def times(censored: tuple[int, int], composite: tuple[int, int], competing: tuple[int, int]) -> dict[str, int]:
    """Return the columns of (days, status) under each reading of retreatment."""
    read = {"censored": censored, "composite": composite, "competing": competing}
    days = {f"{name}_days": day for name, (day, _) in read.items()}
    return days | {f"{name}_status": status for name, (_, status) in read.items()}


LOST, RETREATED, DIED, CENSORED = (
    times((10, 1), (10, 1), (10, 1)),
    times((10, 0), (30, 1), (30, 2)),
    times((10, 0), (10, 0), (30, 3)),
    times((10, 0), (10, 0), (10, 0)),
)


@pytest.mark.parametrize(
    ("score", "follow_up", "found"),
    [
        ({"window_day": 5, "window_score": 10}, {}, (True, True)),
        ({"window_day": 5, "window_score": 10.01}, {}, (True, False)),
        ({"window_day": 5, "window_score": 10}, {"death_day": 19}, (True, True)),
        ({"window_day": 5, "window_score": 10}, {"death_day": 18}, (False, False)),
        ({"window_day": 28, "window_score": 10, "time_window": "wk4"}, {}, (False, False)),
    ],
    ids=["half", "less than half", "scored on the day of death", "scored after death", "another window"],
)
def test_who_is_assessed_and_in_response_at_the_end_of_induction(
    warehouse: Warehouse, score: dict[str, Any], follow_up: dict[str, int], found: tuple[bool, bool]
) -> None:
    query = warehouse(
        {
            "intermediate.int_baseline": [{"patient_no": 1, **PHQ9, "baseline_score": 20, "is_eligible": True}],
            "intermediate.int_durability_follow_up": [{"patient_no": 1, "last_induction_day": 14, **follow_up}],
            "intermediate.int_window_score": [
                {"patient_no": 1, **PHQ9, "time_window": "end_of_induction", **score},
                {"patient_no": 1, "instrument": "gad7", "time_window": "end_of_induction", **score},
            ],
        },
        START,
    )
    assert tuples(query, START, "patient_no", "instrument", "is_assessed", "is_evaluable") == [(1, "phq9", *found)]


def test_durability_is_about_treated_patients_with_an_eligible_baseline(warehouse: Warehouse) -> None:
    query = warehouse(
        {
            "intermediate.int_baseline": [
                {"patient_no": number, **PHQ9, "baseline_score": 20, "is_eligible": number != 2} for number in (1, 2, 3)
            ],
            "intermediate.int_durability_follow_up": [
                {"patient_no": number, "last_induction_day": 14, "retreatment_day": 40} for number in (1, 2)
            ],
            "intermediate.int_window_score": [],
        },
        START,
    )
    columns = ("patient_no", "last_induction_day", "retreatment_day", "death_day", "is_assessed", "is_evaluable")
    assert tuples(query, START, *columns) == [(1, 14, 40, None, False, False)]


def test_treated_assessed_and_in_response_are_counted_in_every_stratum_of_the_patient(warehouse: Warehouse) -> None:
    states = [(True, True), (True, False), (False, False), (False, False)]
    patients = [
        {"patient_no": number, **PHQ9, "is_assessed": is_assessed, "is_evaluable": is_evaluable}
        for number, (is_assessed, is_evaluable) in enumerate(states, start=1)
    ]
    given = {**kinds(1, 1, 1, 2), "intermediate.int_durability_patient": patients}
    columns = ("stratum_no", "indication", "dimension", "level", "n_treated", "n_assessed", "n_responders")
    assert tuples(warehouse(given, DENOMINATOR), DENOMINATOR, *columns) == [
        (1, "all", "overall", "all", 4, 2, 1),
        (2, "mdd", "overall", "all", 3, 2, 1),
        (3, "ptsd", "overall", "all", 1, 0, 0),
        (4, "all", "route", "iv", 4, 2, 1),
    ]


def test_every_instrument_has_every_reading_under_a_number_of_its_own(warehouse: Warehouse) -> None:
    given = {"reference.instruments": [{"instrument": name} for name in ("phq9", "nrs_avg")]}
    found = tuples(warehouse(given, READING), READING, "instrument", "estimand", "reading_no")
    assert {row[:2] for row in found} == {(name, estimand) for name in ("phq9", "nrs_avg") for estimand in ESTIMANDS}
    assert {row[2] for row in found} == set(range(1, 7))


def test_a_life_table_counts_evaluable_patients_when_and_as_the_reading_says(warehouse: Warehouse) -> None:
    patients = [
        {"patient_no": number, **PHQ9, "is_evaluable": True, **read}
        for number, read in enumerate((LOST, RETREATED, DIED, CENSORED), start=1)
    ]
    query = warehouse(
        {
            **kinds(1, 1, 2, 2, 2),
            READING: [*READINGS, {"reading_no": 4, "instrument": "gad7", "estimand": "composite"}],
            "intermediate.int_durability_patient": [*patients, {"patient_no": 5, **PHQ9, "is_evaluable": False}],
        },
        LIFE_TABLE,
    )
    columns = ("stratum_no", "reading_no", "time_days", "n_event", "n_competing", "n_censored")
    whole = [(1, 10, 1, 0, 3), (2, 10, 1, 0, 2), (2, 30, 1, 0, 0), (3, 10, 1, 0, 1), (3, 30, 0, 2, 0)]
    mdd = [(1, 10, 1, 0, 1), (2, 10, 1, 0, 0), (2, 30, 1, 0, 0), (3, 10, 1, 0, 0), (3, 30, 0, 1, 0)]
    ptsd = [(1, 10, 0, 0, 2), (2, 10, 0, 0, 2), (3, 10, 0, 0, 1), (3, 30, 0, 1, 0)]
    by_stratum = {1: whole, 2: mdd, 3: ptsd, 4: whole}
    expected = [(number, *row) for number, rows in by_stratum.items() for row in rows]
    assert tuples(query, LIFE_TABLE, *columns) == sorted(expected, key=str)


def test_each_definition_of_loss_has_a_life_table_of_the_whole_and_of_each_indication(warehouse: Warehouse) -> None:
    losses = [
        (1, "response_lost", LOST),
        (1, "unconfirmed_censored", CENSORED),
        (2, "response_lost", RETREATED),
        (2, "unconfirmed_censored", RETREATED),
    ]
    query = warehouse(
        {
            **kinds(1, 2),
            READING: READINGS,
            "intermediate.int_durability_loss": [
                {"patient_no": number, **PHQ9, "loss_definition": definition, **read}
                for number, definition, read in losses
            ],
        },
        SENSITIVITY,
    )
    columns = ("indication", "estimand", "time_days", "n_event", "n_competing", "n_censored")
    by_definition = {
        name: tuples(query, f"{SENSITIVITY} where loss_definition = '{name}'", *columns)
        for name in ("response_lost", "unconfirmed_censored", "relapse")
    }
    ptsd = [
        ("ptsd", "censor_at_retreatment", 10, 0, 0, 1),
        ("ptsd", "competing", 30, 0, 1, 0),
        ("ptsd", "composite", 30, 1, 0, 0),
    ]
    assert by_definition == {
        "response_lost": [
            ("all", "censor_at_retreatment", 10, 1, 0, 1),
            ("all", "competing", 10, 1, 0, 0),
            ("all", "competing", 30, 0, 1, 0),
            ("all", "composite", 10, 1, 0, 0),
            ("all", "composite", 30, 1, 0, 0),
            *(("mdd", estimand, 10, 1, 0, 0) for estimand in sorted(ESTIMANDS)),
            *ptsd,
        ],
        "unconfirmed_censored": [
            ("all", "censor_at_retreatment", 10, 0, 0, 2),
            ("all", "competing", 10, 0, 0, 1),
            ("all", "competing", 30, 0, 1, 0),
            ("all", "composite", 10, 0, 0, 1),
            ("all", "composite", 30, 1, 0, 0),
            *(("mdd", estimand, 10, 0, 0, 1) for estimand in sorted(ESTIMANDS)),
            *ptsd,
        ],
        "relapse": [],
    }


def test_evaluable_patients_with_the_same_two_visits_are_one_interval(warehouse: Warehouse) -> None:
    intervals = [(7, 14), (7, 14), (7, None), (7, None), (14, 28)]
    patients = [
        {"patient_no": number, **PHQ9, "is_evaluable": True, "interval_low_days": low, "interval_high_days": high}
        for number, (low, high) in enumerate(intervals, start=1)
    ]
    not_in_response = {"patient_no": 6, **PHQ9, "is_evaluable": False}
    given = {**kinds(1, 2, 1, 1, 1, 1), "intermediate.int_durability_patient": [*patients, not_in_response]}
    columns = ("indication", "instrument", "low_days", "high_days", "n_patients")
    assert tuples(warehouse(given, INTERVAL), INTERVAL, *columns) == [
        ("all", "phq9", 14, 28, 1),
        ("all", "phq9", 7, 14, 2),
        ("all", "phq9", 7, None, 2),
        ("mdd", "phq9", 14, 28, 1),
        ("mdd", "phq9", 7, 14, 1),
        ("mdd", "phq9", 7, None, 2),
        ("ptsd", "phq9", 7, 14, 1),
    ]


def curve(warehouse: Warehouse, reading_no: int, *leaving: tuple[int, int, int, int]) -> dict[int, dict[str, Any]]:
    """Return, by day, the curve of a life table of (day, events, competing events, censored)."""
    names = ("time_days", "n_event", "n_competing", "n_censored")
    life_table = [{"stratum_no": 1, "reading_no": reading_no, **dict(zip(names, row, strict=True))} for row in leaving]
    query = warehouse({LIFE_TABLE: life_table, READING: READINGS}, CURVE)
    rows = query(f"select * from {CURVE} where stratum_no = 1 and reading_no = {reading_no} order by day")
    assert len(rows) == query(f"select count(*) as n from {CURVE}")[0]["n"]
    return {row["day"]: row for row in rows}


def test_the_worked_example_of_kaplan_and_meier_is_read_off_every_week(warehouse: Warehouse) -> None:
    left = [(7, 1, 0), (14, 2, 1), (21, 1, 0), (28, 1, 1), (35, 1, 0), (42, 0, 1), (56, 1, 1), (70, 1, 0), (84, 0, 2)]
    found = curve(warehouse, 1, *((day, n_event, 0, n_censored) for day, n_event, n_censored in left))
    assert list(found) == list(range(0, 183, 7))
    names = ("survival", "ci_low", "ci_high", "rmst_days", "n_at_risk", "n_events")
    worked = {28: (0.628571, 0.322721, 0.826450, 23.950, 9, 5), 56: (0.431020, 0.153380, 0.685376, 39.664, 5, 7)}
    for day, expected in worked.items():
        assert [found[day][name] for name in names] == pytest.approx(expected, abs=5e-4)
    same_everywhere = {
        tuple(row[name] for name in ("n_responders", "n_events_in_all", "median_days", "median_ci_low"))
        for row in found.values()
    }
    assert same_everywhere == {(14, 8, 56, 14)}
    assert {row["median_ci_high"] for row in found.values()} == {None}
    assert (found[0]["survival"], found[0]["ci_low"], found[0]["ci_high"]) == (1, None, None)
    assert (found[84]["rmst_std_err"], found[91]["survival"]) == (pytest.approx(8.168, abs=5e-4), None)
    assert {day for day, row in found.items() if row["rmst_days"] is not None} == {28, 56, 84}


def test_a_competing_event_ends_risk_and_is_no_loss_of_response(warehouse: Warehouse) -> None:
    found = curve(warehouse, 3, (7, 0, 1, 0), (14, 1, 0, 0), (21, 0, 0, 2))
    # Of four one is treated again, and of the three left one loses response: F = 3/4 * 1/3.
    assert [found[day]["survival"] for day in (7, 14, 21)] == pytest.approx([1, 0.75, 0.75])
    assert [(found[day]["n_at_risk"], found[day]["n_events"]) for day in (7, 14, 21)] == [(4, 0), (3, 1), (2, 1)]
    assert (found[14]["n_responders"], found[14]["n_events_in_all"], found[28]["rmst_days"]) == (4, 1, None)
