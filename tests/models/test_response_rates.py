"""Who meets which definition, and how counts become rates of strata."""

from decimal import Decimal
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties import examples
from tests.warehouse_harness import Project, Query, Warehouse, expand

Rows = list[dict[str, Any]]

RESPONSE = "intermediate.int_response"
RATES = "marts.response_rates"
ALL_RATES = "select * from marts.response_rates order by all"


def _patient(number: int = 1, **cells: Any) -> dict[str, Any]:
    return {
        "patient_no": number,
        "clinic_id": "C001",
        "course_id": f"k-{number}",
        "indication_code": "mdd",
        "route_code": "iv",
        "course_start_day": 0,
        "last_induction_day": 14,
        "data_cut_day": 400,
        **cells,
    }


def _score(day: int, score: float, instrument: str = "phq9", number: int = 1) -> dict[str, Any]:
    return {
        "patient_no": number,
        "assessment_id": f"{number}-{instrument}-{day}",
        "instrument": instrument,
        "study_day": day,
        "course_day": day,
        "score": Decimal(str(score)),
        "can_be_baseline": True,
        "can_be_outcome": True,
    }


def _baseline(score: float, instrument: str = "phq9", number: int = 1) -> dict[str, Any]:
    return _score(-1, score, instrument, number)


def _responses(
    warehouse: Warehouse, cohort: Rows, scores: Rows, sessions: Rows = (), targets: tuple[str, ...] = (RATES,)
) -> Query:
    return warehouse(
        {
            "intermediate.int_cohort": cohort,
            "intermediate.int_session": sessions,
            "intermediate.int_score": scores,
        },
        *targets,
    )


def _flags(warehouse: Warehouse, instrument: str, baseline: float, score: float) -> dict[str, Any]:
    scores = [_baseline(baseline, instrument), _score(28, score, instrument)]
    query = _responses(warehouse, [_patient()], scores, targets=(RESPONSE,))
    (found,) = query(
        """
        select is_response, is_substantial, is_remission, is_deterioration
        from intermediate.int_response where time_window = 'wk4'
        """
    )
    return found


@pytest.mark.parametrize(
    ("instrument", "baseline", "score", "flags"),
    [
        ("nrs_avg", 7, 4.9, (True, False, None, False)),
        ("nrs_avg", 7, 4.91, (False, False, None, False)),
        ("nrs_avg", 7, 3.5, (True, True, None, False)),
        ("nrs_avg", 7, 9, (False, False, None, True)),
        ("phq9", 20, 10, (True, None, False, False)),
        ("phq9", 20, 10.125, (False, None, False, False)),
        ("phq9", 20, 4.5, (True, None, True, False)),
        ("phq9", 20, 5, (True, None, False, False)),
        ("phq9", 20, 25, (False, None, False, True)),
        ("madrs", 30, 12, (True, None, True, False)),
        ("pcl5", 50, 40, (True, False, False, False)),
        ("pcl5", 50, 35, (True, True, False, False)),
        ("pcl5", 50, 41, (False, False, False, False)),
        ("pcl5", 50, 60, (False, False, False, True)),
        ("promis_physical_function_t", 30, 35, (True, None, None, None)),
        ("promis_physical_function_t", 30, 34, (False, None, None, None)),
        ("promis_physical_function_t", 30, 20, (False, None, None, None)),
        ("pgic", 4, 2, (True, None, None, None)),
        ("pgic", 4, 3, (False, None, None, None)),
    ],
)
def test_definitions_are_those_of_the_instrument(
    warehouse: Warehouse, instrument: str, baseline: float, score: float, flags: tuple[bool | None, ...]
) -> None:
    """The flags are response, substantial response, remission and deterioration; None is not defined."""
    assert tuple(_flags(warehouse, instrument, baseline, score).values()) == flags


@pytest.mark.parametrize(("baseline", "score"), [("1.33333333", "0.66666667"), ("14", "7.00000000")])
@pytest.mark.slow
def test_half_of_a_prorated_baseline_is_a_response(project: Project, baseline: str, score: str) -> None:
    """4/3 and 2/3 are exactly half of each other; their decimals are not."""
    sql = expand(
        f"""
        select @reaches('percent', 50, 'lower', b, s) as reached, @reaches('percent', 50, 'lower', b, s + 0.01) as missed
        from (select {baseline}::decimal(14, 8) as b, {score}::decimal(14, 8) as s) as t
        """
    )
    assert project.query(sql) == [{"reached": True, "missed": False}]


@pytest.mark.parametrize(("cut", "mature"), [(34, False), (35, True)])
def test_a_window_is_mature_when_data_could_be_recorded_to_its_end(
    warehouse: Warehouse, cut: int, mature: bool
) -> None:
    query = _responses(
        warehouse, [_patient(data_cut_day=cut)], [_baseline(20), _score(28, 5)], targets=(RESPONSE, RATES)
    )
    assert query("select is_mature from intermediate.int_response where time_window = 'wk4'") == [{"is_mature": mature}]
    assert bool(query("select * from marts.response_rates where time_window = 'wk4'")) is mature


@pytest.mark.parametrize(
    ("scores", "carried"),
    [([], 20), ([(5, 9)], 9), ([(5, 9), (20, 3)], 3), ([(5, 9), (36, 3)], 9), ([(5, 9), (28, 11), (34, 2)], 11)],
)
def test_the_carried_score_is_the_windows_else_the_last_before_it_else_the_baseline(
    warehouse: Warehouse, scores: list[tuple[int, int]], carried: int
) -> None:
    taken = [_baseline(20), *(_score(day, score) for day, score in scores)]
    query = _responses(warehouse, [_patient()], taken, targets=(RESPONSE,))
    assert query("select carried_score from intermediate.int_response where time_window = 'wk4'") == [
        {"carried_score": Decimal(carried)}
    ]


WAYS = ("", "_carried", "_lasting", "_before", "_kept")
DEFINITIONS = ("response", "substantial", "remission", "remission_strict", "deterioration")


def _count(kind_no: int, eligible: int, observed: int, response: int) -> dict[str, Any]:
    return {
        "patient_kind_no": kind_no,
        "instrument": "phq9",
        "time_window": "wk4",
        "n_eligible": eligible,
        "n_observed": observed,
        **{f"n_{name}{way}": 0 for name in DEFINITIONS for way in WAYS},
        "n_response": response,
        "n_response_carried": response + 1,
        "n_response_lasting": max(response - 2, 0),
        "n_response_before": max(response - 1, 0),
        "n_response_kept": max(response - 1, 0),
    }


COUNTS = [_count(1, 20, 16, 8), _count(2, 5, 3, 1), _count(3, 2, 0, 0)]


@pytest.fixture
def rates(warehouse: Warehouse) -> Query:
    patients = [
        _patient(1),
        _patient(2, clinic_id="C002", route_code="im"),
        _patient(3, indication_code="ptsd"),
    ]
    given = {"intermediate.int_cohort": patients, "intermediate.int_response_counts": COUNTS}
    return warehouse(given, "marts.response_rates")


def _cell(rates: Query, estimand: str, *stratum: str) -> dict[str, Any]:
    (found,) = rates(
        f"""
        select * from marts.response_rates
        where definition = 'response' and estimand = '{estimand}'
          and (indication, dimension, level) = ({", ".join(f"'{part}'" for part in stratum)})
        """
    )
    return found


@pytest.mark.parametrize(
    ("estimand", "numerator", "denominator"),
    [
        ("nri", 9, 27),
        ("observed", 9, 19),
        ("locf", 12, 27),
        ("composite", 6, 27),
        ("worst_case", 9, 27),
        ("best_case", 17, 27),
    ],
)
def test_estimands_stand_side_by_side(rates: Query, estimand: str, numerator: int, denominator: int) -> None:
    found = _cell(rates, estimand, "all", "overall", "all")
    assert (found["numerator"], found["denominator"]) == (numerator, denominator)
    assert found["rate"] == pytest.approx(numerator / denominator)
    assert found["ci_method"] == ("wilson" if denominator >= 20 else "clopper_pearson")
    assert found["ci_low"] <= found["rate"] <= found["ci_high"]
    assert found["coverage"] == pytest.approx(19 / 27)


@pytest.mark.parametrize(
    ("stratum", "denominator"),
    [
        (("all", "clinic", "C001"), 22),
        (("all", "route", "im"), 5),
        (("all", "indication", "mdd"), 25),
        (("mdd", "overall", "all"), 25),
        (("mdd", "clinic", "C002"), 5),
        (("ptsd", "route", "iv"), 2),
    ],
)
def test_strata_are_sums_of_the_counts(rates: Query, stratum: tuple[str, str, str], denominator: int) -> None:
    assert _cell(rates, "nri", *stratum)["denominator"] == denominator


def test_nobody_observed_has_no_rate_and_no_interval(rates: Query) -> None:
    found = _cell(rates, "observed", "ptsd", "overall", "all")
    assert (found["numerator"], found["denominator"]) == (0, 0)
    assert [found[name] for name in ("rate", "ci_low", "ci_high", "ci_method")] == [None] * 4


def test_levels_of_a_dimension_add_up_to_the_whole(rates: Query) -> None:
    for dimension, column in product(("clinic", "indication", "route"), ("numerator", "denominator", "n_observed")):
        sums = rates(
            f"""
            select estimand, definition, sum({column}) as total from marts.response_rates
            where indication = 'all' and dimension in ('overall', '{dimension}')
            group by estimand, definition, dimension
            """
        )
        totals: dict[tuple[str, str], set[int]] = {}
        for row in sums:
            totals.setdefault((row["estimand"], row["definition"]), set()).add(int(row["total"]))
        assert all(len(found) == 1 for found in totals.values())


def test_a_definition_that_the_instrument_lacks_has_no_row(rates: Query) -> None:
    assert rates("select distinct definition from marts.response_rates order by 1") == [
        {"definition": name} for name in ("deterioration", "remission", "response")
    ]


def test_imputed_lies_between_the_worst_and_the_best_case_where_somebody_was_observed(rates: Query) -> None:
    found = {
        row["indication"]: row
        for row in rates(
            """
            select * from marts.response_rates
            where definition = 'response' and estimand = 'imputed' and dimension = 'overall'
            """
        )
    }
    assert found["all"]["ci_method"] == "rubin_logit"
    assert 9 / 27 < found["all"]["rate"] < 17 / 27
    assert found["all"]["ci_low"] < found["all"]["rate"] < found["all"]["ci_high"]
    assert (found["all"]["numerator"], found["all"]["denominator"]) == (9, 27)
    assert [found["ptsd"][name] for name in ("rate", "ci_low", "ci_high", "ci_method")] == [None] * 4


def test_imputed_is_given_for_the_whole_and_for_indications_alone(rates: Query) -> None:
    assert rates("select distinct dimension from marts.response_rates where estimand = 'imputed' order by 1") == [
        {"dimension": "indication"},
        {"dimension": "overall"},
    ]


def test_deterioration_has_no_composite(rates: Query) -> None:
    assert (
        rates("select * from marts.response_rates where estimand = 'composite' and definition = 'deterioration'") == []
    )


def _session(day: int) -> dict[str, Any]:
    return {"patient_no": 1, "clinic_id": "C001", "session_id": f"s{day}", "study_day": day}


@pytest.mark.parametrize(
    ("session_day", "score_day", "numerator"), [(14, 28, 1), (27, 28, 0), (28, 28, 1), (15, None, 0), (30, 28, 1)]
)
def test_composite_counts_a_session_after_induction_and_before_the_score_as_failure(
    warehouse: Warehouse, session_day: int, score_day: int | None, numerator: int
) -> None:
    """The last induction session is on day 14; a score on the day of a session was taken before its dose."""
    scores = [_baseline(20), *([] if score_day is None else [_score(score_day, 5)])]
    query = _responses(warehouse, [_patient()], scores, [_session(0), _session(14), _session(session_day)])
    (found,) = query(
        """
        select numerator, denominator from marts.response_rates
        where estimand = 'composite' and definition = 'response' and time_window = 'wk4'
          and indication = 'all' and dimension = 'overall'
        """
    )
    assert found == {"numerator": numerator, "denominator": 1}


def test_both_cuts_of_remission_stand_side_by_side(warehouse: Warehouse) -> None:
    query = _responses(warehouse, [_patient()], [_baseline(30, "madrs"), _score(28, 11, "madrs")])
    found = query(
        """
        select definition, numerator from marts.response_rates
        where estimand = 'nri' and time_window = 'wk4' and indication = 'all' and dimension = 'overall'
          and definition like 'remission%'
        order by 1
        """
    )
    assert [tuple(row.values()) for row in found] == [("remission", 1), ("remission_strict", 0)]


SCORES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 27)), max_size=6)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patients=st.lists(st.tuples(st.integers(5, 27), SCORES, st.integers(15, 60)), min_size=1, max_size=6),
    order=st.randoms(),
)
@pytest.mark.slow
def test_estimands_keep_their_order_and_rows_may_come_in_any(
    warehouse: Warehouse, patients: list[tuple[int, list[tuple[int, int]], int]], order: Random
) -> None:
    scores, sessions = [], []
    for number, (baseline, days, session_day) in enumerate(patients, start=1):
        scores.append(_baseline(baseline, number=number))
        scores += [_score(day, score, number=number) for day, score in days]
        sessions.append({**_session(session_day), "patient_no": number, "session_id": f"s{number}"})
    cohort = [_patient(number) for number in range(1, len(patients) + 1)]
    rows = _responses(warehouse, cohort, scores, sessions)(ALL_RATES)
    for given_rows in (cohort, scores, sessions):
        order.shuffle(given_rows)
    assert _responses(warehouse, cohort, scores, sessions)(ALL_RATES) == rows
    cells: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        keys = ("indication", "dimension", "level", "time_window", "definition")
        cells.setdefault(tuple(row[key] for key in keys), {})[row["estimand"]] = row
    for found in cells.values():
        _assert_ordered(found)


def _assert_ordered(found: dict[str, dict[str, Any]]) -> None:
    nri, observed = found["nri"]["rate"], found["observed"]["rate"]
    assert observed is None or nri <= observed
    assert found["worst_case"]["rate"] <= nri <= found["locf"]["rate"] <= found["best_case"]["rate"]
    if "composite" in found:
        assert found["composite"]["rate"] <= nri


@pytest.mark.slow
def test_the_same_records_delivered_twice_change_nothing(warehouse: Warehouse) -> None:
    once, twice = (warehouse(_deliveries(n), "marts.response_rates")(ALL_RATES) for n in (1, 2))
    assert once == twice
    assert len(once) > 0


def _deliveries(n_deliveries: int) -> dict[str, Rows]:
    patient = {"clinic_id": "C001", "patient_id": "p1"}
    records: dict[str, Rows] = {
        "patient": [{**patient, "data_cut_day": 60}],
        "course": [{**patient, "course_id": "k1", "course_no": 1, "intent": "induction", "start_day": 0}],
        "session": [
            {
                "clinic_id": "C001",
                "session_id": "s1",
                "course_id": "k1",
                "session_no": 1,
                "study_day": 0,
                "route": "iv",
                "ae_form_status": "complete",
            }
        ],
        "outcome_assessment": [
            {
                **patient,
                "assessment_id": f"a{day}",
                "instrument": "phq9",
                "study_day": day,
                "timing_rel_dose": "none",
                "total": Decimal(20 - day),
            }
            for day in (-3, 5, 14)
        ],
    }
    sent = {
        f"lake.{table}": [
            {"delivery_id": f"d{delivery}", "delivery_order": delivery, "line": line, **row}
            for delivery in range(1, n_deliveries + 1)
            for line, row in enumerate(rows, start=2)
        ]
        for table, rows in records.items()
    }
    return {"lake.clinic": [{"clinic_id": "C001"}], **sent}
