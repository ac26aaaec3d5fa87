"""Who meets which definition, and how counts become rates of strata."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from tests.warehouse_harness import Project, Query, Warehouse

Rows = list[dict[str, Any]]


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


def _baseline(score: float, instrument: str = "phq9", number: int = 1) -> dict[str, Any]:
    return {
        "patient_no": number,
        "instrument": instrument,
        "baseline_score": Decimal(str(score)),
        "is_eligible": True,
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


def _responses(warehouse: Warehouse, cohort: Rows, baselines: Rows, scores: Rows) -> Query:
    return warehouse(
        {
            "intermediate.int_cohort": cohort,
            "intermediate.int_baseline": baselines,
            "intermediate.int_score": scores,
        },
        "intermediate.int_response",
        "marts.response_rates",
    )


def _flags(warehouse: Warehouse, instrument: str, baseline: float, score: float) -> dict[str, Any]:
    query = _responses(warehouse, [_patient()], [_baseline(baseline, instrument)], [_score(28, score, instrument)])
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
def test_half_of_a_prorated_baseline_is_a_response(project: Project, baseline: str, score: str) -> None:
    """4/3 and 2/3 are exactly half of each other; their decimals are not."""
    sql = project.expand(
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
    query = _responses(warehouse, [_patient(data_cut_day=cut)], [_baseline(20)], [_score(28, 5)])
    assert query("select is_mature from intermediate.int_response where time_window = 'wk4'") == [{"is_mature": mature}]
    assert bool(query("select * from marts.response_rates where time_window = 'wk4'")) is mature


@pytest.mark.parametrize(
    ("scores", "carried"),
    [([], 20), ([(5, 9)], 9), ([(5, 9), (20, 3)], 3), ([(5, 9), (36, 3)], 9), ([(5, 9), (28, 11), (34, 2)], 11)],
)
def test_the_carried_score_is_the_windows_else_the_last_before_it_else_the_baseline(
    warehouse: Warehouse, scores: list[tuple[int, int]], carried: int
) -> None:
    query = _responses(warehouse, [_patient()], [_baseline(20)], [_score(day, score) for day, score in scores])
    assert query("select carried_score from intermediate.int_response where time_window = 'wk4'") == [
        {"carried_score": Decimal(carried)}
    ]


def _count(kind_no: int, eligible: int, observed: int, response: int) -> dict[str, Any]:
    others = {f"n_{name}": 0 for name in ("substantial", "remission", "deterioration")}
    return {
        "patient_kind_no": kind_no,
        "instrument": "phq9",
        "time_window": "wk4",
        "n_eligible": eligible,
        "n_observed": observed,
        "n_response": response,
        **others,
        "n_response_carried": response + 1,
        **{f"{name}_carried": 0 for name in others},
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
    [("nri", 9, 27), ("observed", 9, 19), ("locf", 12, 27), ("worst_case", 9, 27), ("best_case", 17, 27)],
)
def test_five_estimands_stand_side_by_side(rates: Query, estimand: str, numerator: int, denominator: int) -> None:
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


def test_nri_is_below_observed_and_locf_and_all_are_below_best_case(rates: Query) -> None:
    query = "select * from marts.response_rates where definition = 'response'"
    cells: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rates(query):
        cells.setdefault((row["indication"], row["dimension"], row["level"]), {})[row["estimand"]] = row
    for by_estimand in cells.values():
        nri, observed = by_estimand["nri"]["rate"], by_estimand["observed"]["rate"]
        assert observed is None or nri <= observed
        assert nri <= by_estimand["locf"]["rate"] <= by_estimand["best_case"]["rate"]
        assert by_estimand["worst_case"]["rate"] <= nri
