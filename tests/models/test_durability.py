"""Durability: who is evaluable, when response is lost, and what the marts make of it."""

from typing import Any

import pytest

from registry_pipeline.statistics.survival import LifeTable, aalen_johansen, kaplan_meier
from tests.warehouse_harness import Query, Warehouse

Rows = list[dict[str, Any]]
RELIEF = "marts.durability_of_relief"
CURVES = "marts.durability_curves"
KEY = {"clinic_id": "C001", "patient_id": "p"}
PATIENT = {"patient_no": 1}
BASELINE = 10


def tables(days: dict[int, float], retreatment_day: int | None = None, **follow_up: Any) -> dict[str, Rows]:
    """Make one patient whose induction ended on day 0, with scores on the given days; up to 7 is a response."""
    sessions = [0] if retreatment_day is None else [0, retreatment_day]
    return {
        "intermediate.int_cohort": [
            {
                **PATIENT,
                **KEY,
                "course_id": "k",
                "indication_code": "crps",
                "route_code": "iv",
                "course_start_day": 0,
                "last_induction_day": 0,
                "data_cut_day": 365,
            }
        ],
        "intermediate.int_consented_patient": [{**PATIENT, **KEY, "data_cut_day": 365}],
        "intermediate.int_session": [{**PATIENT, "session_id": f"s{day}", "study_day": day} for day in sessions],
        "intermediate.int_score": [
            {
                **PATIENT,
                "assessment_id": f"o{number}",
                "instrument": "nrs_avg",
                "study_day": day,
                "course_day": day,
                "score": score,
                "can_be_outcome": True,
            }
            for number, (day, score) in enumerate(days.items())
        ]
        + [
            {
                **PATIENT,
                "assessment_id": "baseline",
                "instrument": "nrs_avg",
                "study_day": 0,
                "score": BASELINE,
                "can_be_baseline": True,
                "can_be_outcome": False,
            }
        ],
        "staging.stg_followup_contact": [{"clinic_id": "C001", "patient_id": "p", **follow_up}] if follow_up else [],
    }


def patient(warehouse: Warehouse, given: dict[str, Rows]) -> dict[str, Any]:
    rows = warehouse(given, "intermediate.int_durability_patient")("select * from intermediate.int_durability_patient")
    assert len(rows) == 1
    return rows[0]


def times(row: dict[str, Any]) -> list[tuple[int, int]]:
    return [(row[f"{name}_days"], row[f"{name}_status"]) for name in ("censored", "composite", "competing")]


def test_a_first_assessment_after_fourteen_days_makes_nobody_evaluable(warehouse: Warehouse) -> None:
    assert patient(warehouse, tables({14: 3}))["is_evaluable"]
    late = patient(warehouse, tables({15: 3}))
    assert (late["is_evaluable"], late["not_evaluable_reason"]) == (False, "no_assessment")
    assert times(late) == [(None, None)] * 3


def test_exactly_thirty_percent_is_still_in_response_and_a_hair_less_is_not(warehouse: Warehouse) -> None:
    assert patient(warehouse, tables({7: 7}))["is_evaluable"]
    assert patient(warehouse, tables({7: 7.01}))["not_evaluable_reason"] == "not_in_response"


def test_a_single_assessment_out_of_response_between_two_in_it_is_no_loss(warehouse: Warehouse) -> None:
    assert times(patient(warehouse, tables({7: 3, 14: 9, 21: 3}))) == [(21, 0)] * 3


def test_two_assessments_in_a_row_out_of_response_lose_it_at_the_first(warehouse: Warehouse) -> None:
    row = patient(warehouse, tables({7: 3, 14: 9, 21: 9, 28: 3}))
    assert (row["loss_kind"], times(row)) == ("confirmed", [(14, 1)] * 3)
    assert (row["interval_low_days"], row["interval_high_days"]) == (7, 14)


@pytest.mark.parametrize(("day", "kind"), [(42, "confirmed_by_retreatment"), (43, "unconfirmed_last")])
def test_retreatment_within_28_days_confirms_a_loss(warehouse: Warehouse, day: int, kind: str) -> None:
    row = patient(warehouse, tables({7: 3, 14: 9}, retreatment_day=day))
    assert (row["loss_kind"], times(row)) == (kind, [(14, 1)] * 3)


def test_retreatment_in_response_censors_counts_or_competes(warehouse: Warehouse) -> None:
    row = patient(warehouse, tables({7: 3, 14: 3, 40: 9}, retreatment_day=30))
    assert times(row) == [(14, 0), (30, 1), (30, 2)]


def test_a_session_fourteen_days_after_induction_is_no_retreatment(warehouse: Warehouse) -> None:
    assert patient(warehouse, tables({7: 3}, retreatment_day=14))["retreatment_day"] is None
    assert patient(warehouse, tables({7: 3}, retreatment_day=15))["retreatment_day"] == 15


def test_a_gap_of_more_than_56_days_ends_follow_up_before_it(warehouse: Warehouse) -> None:
    assert times(patient(warehouse, tables({7: 3, 63: 9, 70: 9}))) == [(63, 1)] * 3
    assert times(patient(warehouse, tables({7: 3, 64: 9, 70: 9}))) == [(7, 0)] * 3
    assert times(patient(warehouse, tables({7: 3}, retreatment_day=64))) == [(7, 0)] * 3


def test_death_competes_and_otherwise_censors(warehouse: Warehouse) -> None:
    given = tables({7: 3, 14: 3}, followup_id="f", study_day=30, vital_status="dead")
    assert times(patient(warehouse, given)) == [(14, 0), (14, 0), (30, 3)]


def test_scores_of_one_day_are_averaged(warehouse: Warehouse) -> None:
    given = tables({7: 3})
    given["intermediate.int_score"].append({**given["intermediate.int_score"][0], "assessment_id": "x", "score": 10})
    assert patient(warehouse, given)["is_evaluable"]


def life_tables(statuses: list[tuple[int, int]]) -> dict[str, Rows]:
    """Make a mart's inputs in which every patient has the same time and status under all three estimands."""
    cohort = {"clinic_id": "C001", "indication_code": "crps", "route_code": "iv"}
    return {
        "intermediate.int_cohort": [{"patient_no": number, **cohort} for number in range(len(statuses))],
        "intermediate.int_durability_patient": [
            {
                "patient_no": number,
                "instrument": "nrs_avg",
                "is_assessed": True,
                "is_evaluable": True,
                **{
                    f"{name}_{part}": value
                    for name, highest in (("censored", 1), ("composite", 1), ("competing", 3))
                    for part, value in (("days", days), ("status", status if status <= highest else 0))
                },
            }
            for number, (days, status) in enumerate(statuses)
        ],
    }


def overall(query: Query, mart: str, estimand: str, extra: str = "true") -> Rows:
    return query(
        f"select * from {mart} where indication = 'all' and dimension = 'overall' and estimand = '{estimand}' and {extra}"
    )


STATUSES = [(10 + 3 * number, number % 4) for number in range(60)]


def test_the_curve_is_the_estimator_on_the_weekly_grid(warehouse: Warehouse) -> None:
    query = warehouse(life_tables(STATUSES), CURVES)
    days, status = zip(*STATUSES, strict=True)
    simple = kaplan_meier(LifeTable.from_patients(days, [code if code == 1 else 0 for code in status]))
    competing = aalen_johansen(LifeTable.from_patients(days, status))
    rows = overall(query, CURVES, "censor_at_retreatment")
    assert [row["day"] for row in rows] == list(range(0, 183, 7))
    assert [row["survival"] for row in rows] == pytest.approx(simple.at(range(0, 183, 7)).estimate.tolist())
    low = {row["day"]: (row["survival"], row["ci_low"]) for row in overall(query, CURVES, "competing")}
    point = competing.at(84)
    assert low[84] == pytest.approx((1 - float(point.estimate), 1 - float(point.ci_high)))


def test_a_curve_says_who_is_at_risk_and_stops_with_the_last_follow_up(warehouse: Warehouse) -> None:
    query = warehouse(life_tables([(14, 1), (20, 0)]), CURVES)
    rows = {row["day"]: row for row in overall(query, CURVES, "composite")}
    counts = {day: (row["n_at_risk"], row["numerator"], row["denominator"]) for day, row in rows.items()}
    assert (counts[0], counts[14], counts[21]) == ((2, 0, 2), (2, 1, 2), (0, 1, 2))
    assert (rows[0]["survival"], rows[14]["survival"], rows[21]["survival"]) == (1, 0.5, None)
    assert rows[0]["ci_low"] is None


def test_a_landmark_with_fewer_than_eleven_at_risk_is_not_shown(warehouse: Warehouse) -> None:
    query = warehouse(life_tables([(20, 1)] * 10 + [(56, 0)] * 10 + [(60, 0)]), RELIEF)
    row = overall(query, RELIEF, "composite")[0]
    assert row["survival_28d"] == pytest.approx(11 / 21)
    assert row["survival_56d"] == pytest.approx(11 / 21)
    assert (row["survival_84d"], row["survival_182d"], row["landmark_day"]) == (None, None, 56)
    assert row["rate"] == pytest.approx(10 / 21)
    assert row["ci_low"] == pytest.approx(1 - row["survival_56d_ci_high"])
    assert (row["median_days"], row["numerator"], row["denominator"]) == (None, 10, 21)


def test_a_stratum_without_a_responder_shows_whom_it_lacks(warehouse: Warehouse) -> None:
    given = life_tables([(7, 1)])
    given["intermediate.int_durability_patient"][0].update(is_evaluable=False)
    query = warehouse(given, RELIEF, CURVES)
    row = overall(query, RELIEF, "competing")[0]
    assert (row["numerator"], row["denominator"], row["n_treated"], row["coverage"]) == (0, 0, 1, 1)
    assert (row["rate"], row["median_days"]) == (None, None)
    assert query(f"select * from {CURVES}") == []


def test_every_stratum_has_its_own_life_table(warehouse: Warehouse) -> None:
    given = life_tables([(10, 1), (20, 0)])
    given["intermediate.int_cohort"][1].update(clinic_id="C002", route_code="im", indication_code="mdd")
    query = warehouse(given, RELIEF)
    rows = query(
        f"select dimension, level, numerator, denominator from {RELIEF}"
        " where indication = 'all' and estimand = 'composite'"
        " and dimension in ('clinic', 'indication', 'overall', 'route') order by dimension, level"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("clinic", "C001", 1, 1),
        ("clinic", "C002", 0, 1),
        ("indication", "crps", 1, 1),
        ("indication", "mdd", 0, 1),
        ("overall", "all", 1, 2),
        ("route", "im", 0, 1),
        ("route", "iv", 1, 1),
    ]
