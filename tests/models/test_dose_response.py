"""Which levels of dose there are, and how a trend over them is described."""

from typing import Any

import pytest

from tests.warehouse_harness import Warehouse

MART = "marts.dose_response"
LEVELS = ["under_200_mg", "200_to_400_mg", "400_to_600_mg", "600_mg_and_over"]
Rows = list[dict[str, Any]]


def rates(counts: list[tuple[int, int]], **cells: Any) -> Rows:
    return [
        {
            "indication": "all",
            "instrument": "phq9",
            "time_window": "wk4",
            "definition": "response",
            "estimand": "nri",
            "dimension": "cumulative_dose_band",
            "level": level,
            "numerator": x,
            "denominator": n,
            "n_eligible": n,
            "n_observed": n,
            **cells,
        }
        for level, (x, n) in zip(LEVELS, counts, strict=False)
    ]


def built(warehouse: Warehouse, given: Rows) -> Rows:
    return warehouse({"marts.response_rates": given}, MART)(f"select * from {MART} order by dimension, position")


def test_levels_come_in_their_order_and_unknown_ones_not_at_all(warehouse: Warehouse) -> None:
    given = rates([(20, 50)] * 4)
    others = [{**given[0], "level": level} for level in ("not_iv", "unknown")]
    rows = built(warehouse, [*others, *reversed(given)])
    assert [(row["level"], row["position"]) for row in rows] == list(zip(LEVELS, range(1, 5), strict=True))


def test_the_trend_is_cochran_and_armitages(warehouse: Warehouse) -> None:
    """By hand: 15/50, 20/50, 25/50 with scores 1, 2, 3.

    The mean rate is 0.4, the slope 1 * -5 + 2 * 0 + 3 * 5 = 10, its variance 0.24 * (700 - 300^2 / 150) = 24.
    """
    rows = built(warehouse, rates([(15, 50), (20, 50), (25, 50)]))
    assert [row["trend_z"] for row in rows] == pytest.approx([10 / 24**0.5] * 3)


def test_turning_response_round_turns_the_trend_round(warehouse: Warehouse) -> None:
    up = built(warehouse, rates([(15, 50), (20, 60), (35, 70)]))[0]["trend_z"]
    down = built(warehouse, rates([(35, 50), (40, 60), (35, 70)]))[0]["trend_z"]
    assert up == pytest.approx(-down)


@pytest.mark.parametrize(
    "counts",
    [
        [(0, 50), (0, 50)],
        [(50, 50), (50, 50)],
        [(20, 50)],
        [(0, 0), (0, 0)],
    ],
)
def test_without_spread_there_is_no_trend(warehouse: Warehouse, counts: list[tuple[int, int]]) -> None:
    assert {row["trend_z"] for row in built(warehouse, rates(counts))} == {None}


@pytest.mark.parametrize("small", [(5, 50), (45, 50), (0, 4)])
def test_a_trend_does_not_give_a_small_cell_away(warehouse: Warehouse, small: tuple[int, int]) -> None:
    assert {row["trend_z"] for row in built(warehouse, rates([(20, 50), small, (30, 60)]))} == {None}


def test_trends_of_different_questions_are_apart(warehouse: Warehouse) -> None:
    rows = built(warehouse, rates([(15, 50), (25, 50)]) + rates([(25, 50), (15, 50)], indication="mdd"))
    assert [row["trend_z"] > 0 for row in rows if row["indication"] == "all"] == [True, True]
    assert [row["trend_z"] < 0 for row in rows if row["indication"] == "mdd"] == [True, True]


def test_imputed_estimands_and_other_breakdowns_have_no_dose_response(warehouse: Warehouse) -> None:
    assert built(warehouse, rates([(15, 50)], estimand="locf") + rates([(15, 50)], dimension="route")) == []
    assert built(warehouse, []) == []


def test_doses_of_an_induction_add_up_to_a_band(warehouse: Warehouse) -> None:
    doses = {1: [100, 99.99], 2: [200], 3: [250, 150], 4: [600], 5: [100, None], 6: [100, 100]}
    sessions = [
        {
            "patient_no": patient,
            "clinic_id": "C001",
            "course_id": f"k{patient}",
            "session_id": f"{patient}-{number}",
            "phase_derived": "induction",
            "route_code": "oral" if (patient, number) == (6, 1) else "iv",
            "dose_mg": dose,
        }
        for patient, given in doses.items()
        for number, dose in enumerate(given)
    ]
    cohort = [
        {
            "patient_no": patient,
            "clinic_id": "C001",
            "patient_id": f"p{patient}",
            "course_id": f"k{patient}",
            "indication_code": "mdd",
            "route_code": "iv",
            "course_start_day": 0,
            "last_induction_day": 7,
        }
        for patient in doses
    ]
    query = warehouse(
        {
            "intermediate.int_session": sessions,
            "intermediate.int_cohort": cohort,
            "intermediate.int_consented_patient": [
                {"patient_no": patient, "age_group": "under_46"} for patient in doses
            ],
        },
        "intermediate.int_patient_kind",
        "intermediate.int_patient_stratum",
    )
    found = query(
        """
        select k.cumulative_dose_band as band, s.level, a.level as with_age from intermediate.int_patient_kind as k
        inner join intermediate.int_patient_stratum as s
          on k.patient_kind_no = s.patient_kind_no and s.indication = 'all' and s.dimension = 'cumulative_dose'
        inner join intermediate.int_patient_stratum as a
          on k.patient_kind_no = a.patient_kind_no and a.indication = 'all' and a.dimension = 'dose_and_age'
        order by k.patient_no
        """
    )
    assert [tuple(row.values()) for row in found] == [
        ("under_200_mg", "under_400_mg", "under_46/under_400_mg"),
        ("200_to_400_mg", "under_400_mg", "under_46/under_400_mg"),
        ("400_to_600_mg", "400_mg_and_over", "under_46/400_mg_and_over"),
        ("600_mg_and_over", "400_mg_and_over", "under_46/400_mg_and_over"),
        ("unknown", "unknown", "unknown"),
        ("not_iv", "not_iv", "not_iv"),
    ]
