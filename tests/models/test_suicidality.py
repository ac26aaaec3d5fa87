"""Suicidal ideation: who can improve, who can get worse, and what is severe and new."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import clopper_pearson
from tests.models.test_safety import TRAITS
from tests.warehouse_harness import Query, Warehouse

MART = "marts.suicidality"
PATIENTS = "intermediate.int_suicidality"


def registry(scores: dict[int, tuple[float, float | None]], attempts: dict[int, int] | None = None) -> dict[str, Any]:
    """Return patients by number, each with ideation before and in week 4, and days of attempts."""
    cssrs = {"instrument": "cssrs_ideation"}
    return {
        "intermediate.int_patient_kind": [
            {"patient_no": patient, "patient_kind_no": 1, **TRAITS} for patient in scores
        ],
        "intermediate.int_patient_window": [
            {
                "patient_no": patient,
                "time_window": "wk4",
                "window_start_day": 21,
                "window_end_day": 35,
                "is_mature": True,
            }
            for patient in scores
        ],
        "intermediate.int_baseline": [
            {"patient_no": patient, **cssrs, "baseline_score": before, "is_eligible": before >= 1}
            for patient, (before, _) in scores.items()
        ],
        "intermediate.int_window_score": [
            {"patient_no": patient, **cssrs, "time_window": "wk4", "window_score": after}
            for patient, (_, after) in scores.items()
            if after is not None
        ],
        "intermediate.int_safety_event": [
            {"patient_no": patient, "signal": "suicidality", "ae_term": "suicide_attempt", "first_onset_day": day}
            for patient, day in (attempts or {}).items()
        ],
    }


def row_of(query: Query, definition: str) -> dict[str, Any]:
    rows = query(
        f"select * from {MART} where definition = '{definition}' and indication = 'all' and dimension = 'overall'"
    )
    assert len(rows) == 1
    return rows[0]


def counts(query: Query, definition: str) -> tuple[int, ...]:
    row = row_of(query, definition)
    return tuple(row[name] for name in ("numerator", "denominator", "n_eligible"))


SCORES = {1: (3.0, 1.0), 2: (2.0, 0.0), 3: (0.0, 0.0), 4: (0.0, 1.0), 5: (5.0, 5.0), 6: (3.0, 4.0), 7: (4.0, None)}


def test_whoever_starts_at_0_can_get_worse_but_not_better(warehouse: Warehouse) -> None:
    query = warehouse(registry(SCORES), MART)
    assert counts(query, "improved") == (2, 4, 5)
    assert counts(query, "to_zero") == (1, 4, 5)
    assert counts(query, "worsened") == (2, 6, 7)
    assert row_of(query, "worsened")["coverage"] == pytest.approx(6 / 7)


def test_the_states_between_are_counted_so_that_no_row_gives_a_small_one_away(warehouse: Warehouse) -> None:
    query = warehouse(registry(SCORES), MART)
    between = {
        name: (row["n_milder"], row["n_rest"])
        for name in ("improved", "to_zero", "worsened", "new_severe")
        for row in [row_of(query, name)]
    }
    assert between == {
        "improved": (None, None),
        "to_zero": (1, 2),
        "worsened": (2, 2),
        "new_severe": (None, None),
    }


def test_severe_ideation_or_an_attempt_is_new_only_for_patients_below_4_before(warehouse: Warehouse) -> None:
    query = warehouse(registry(SCORES, attempts={1: 35, 2: 36, 5: 10}), MART)
    # Patient 6 by score, patient 1 by an attempt in time; that of patient 2 came after the window.
    assert counts(query, "new_severe") == (2, 5, 5)


def test_an_unscored_patient_is_in_no_rate(warehouse: Warehouse) -> None:
    query = warehouse(registry({1: (2.0, None)}, attempts={1: 3}), MART)
    row = row_of(query, "new_severe")
    assert (row["numerator"], row["denominator"], row["n_eligible"], row["rate"], row["ci_low"]) == (
        0,
        0,
        1,
        None,
        None,
    )


def test_less_than_a_point_is_no_change_and_few_patients_have_the_exact_interval(warehouse: Warehouse) -> None:
    query = warehouse(registry({1: (1.5, 1.0), 2: (1.0, 1.5), 3: (3.0, 2.0)}), MART)
    row = row_of(query, "improved")
    low, high = clopper_pearson(1, 3)
    assert (row["ci_method"], row["ci_low"], row["ci_high"]) == (
        "clopper_pearson",
        pytest.approx(float(low), abs=1e-12),
        pytest.approx(float(high), abs=1e-12),
    )
    assert counts(query, "worsened") == (0, 3, 3)


def test_other_instruments_and_windows_that_are_not_over_are_left_out(warehouse: Warehouse) -> None:
    given = registry({1: (2.0, 1.0), 2: (2.0, 1.0)})
    given["intermediate.int_baseline"][0]["instrument"] = "phq9"
    given["intermediate.int_patient_window"][1]["is_mature"] = False
    assert warehouse(given, MART)(f"select * from {MART}") == []


def test_everybody_with_a_baseline_is_there_in_every_mature_window_scored_or_not(warehouse: Warehouse) -> None:
    given = registry({1: (3.0, 1.0), 2: (0.0, None), 3: (4.0, 4.0)})
    given["intermediate.int_patient_window"] += [
        {"patient_no": 1, "time_window": "wk8", "window_end_day": 63, "is_mature": True},
        {"patient_no": 3, "time_window": "wk8", "window_end_day": 63, "is_mature": False},
        {"patient_no": 4, "time_window": "wk4", "window_end_day": 35, "is_mature": True},
    ]
    given["intermediate.int_baseline"].append({"patient_no": 4, "instrument": "phq9", "baseline_score": 20})
    given["intermediate.int_window_score"].append(
        {"patient_no": 2, "instrument": "phq9", "time_window": "wk4", "window_score": 20}
    )
    columns = "patient_no, time_window, baseline_score, window_score, has_attempt"
    rows = warehouse(given, PATIENTS)(f"select {columns} from {PATIENTS} order by all")
    assert [tuple(row.values()) for row in rows] == [
        (1, "wk4", 3, 1, False),
        (1, "wk8", 3, None, False),
        (2, "wk4", 0, None, False),
        (3, "wk4", 4, 4, False),
    ]


@pytest.mark.parametrize(
    ("day", "cells", "has_attempt"),
    [
        (0, {}, True),
        (35, {}, True),
        (36, {}, False),
        (5, {"ae_term": "suicidal_ideation"}, False),
        (5, {"signal": "death"}, False),
    ],
)
def test_an_attempt_counts_once_noted_by_the_last_day_of_the_window(
    warehouse: Warehouse, day: int, cells: dict[str, str], has_attempt: bool
) -> None:
    given = registry({1: (3.0, None)}, {1: day})
    given["intermediate.int_safety_event"][0].update(cells)
    assert warehouse(given, PATIENTS)(f"select has_attempt from {PATIENTS}") == [{"has_attempt": has_attempt}]
