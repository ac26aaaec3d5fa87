"""Which groups are put side by side, in which direction, and what is left where there is nobody."""

from typing import Any

import pytest

from registry_pipeline.statistics.rates import wilson
from tests.warehouse_harness import Query, Warehouse

RESPONSE, ADVERSE = "marts.response_contrasts", "marts.adverse_event_contrasts"
Rows = list[dict[str, Any]]


def rate(level: str, numerator: int, denominator: int, **cells: Any) -> dict[str, Any]:
    return {
        "indication": "all",
        "instrument": "phq9",
        "time_window": "wk4",
        "definition": "response",
        "estimand": "nri",
        "dimension": "place",
        "level": level,
        "numerator": numerator,
        "denominator": denominator,
        "rate": numerator / denominator if denominator else None,
        **cells,
    }


def responses(warehouse: Warehouse, *rates: dict[str, Any]) -> Rows:
    return warehouse({"marts.response_rates": rates}, RESPONSE)(f"select * from {RESPONSE} order by contrast_code")


def test_a_difference_is_the_level_minus_its_reference(warehouse: Warehouse) -> None:
    (row,) = responses(warehouse, rate("home", 30, 60), rate("on_site", 20, 80), rate("unknown", 5, 5))
    assert (row["contrast_code"], row["level"], row["reference_level"]) == ("home", "home", "on_site")
    assert row["difference"] == pytest.approx(0.25)
    assert -1 < row["ci_low"] < row["difference"] < row["ci_high"] < 1
    assert (row["ci_method"], row["caveat"]) == ("newcombe", "observed, uncontrolled")


def test_exchanging_the_groups_turns_the_limits_round(warehouse: Warehouse) -> None:
    (one,) = responses(warehouse, rate("home", 30, 60), rate("on_site", 20, 80))
    (other,) = responses(warehouse, rate("home", 20, 80), rate("on_site", 30, 60))
    assert (one["ci_low"], one["ci_high"]) == pytest.approx((-other["ci_high"], -other["ci_low"]))


@pytest.mark.parametrize(("numerator", "low", "high"), [(0, -0.17, 0.17), (20, -0.17, 0.17)])
def test_nobody_or_everybody_in_both_groups_is_no_difference_with_an_interval(
    warehouse: Warehouse, numerator: int, low: float, high: float
) -> None:
    (row,) = responses(warehouse, rate("home", numerator, 20), rate("on_site", numerator, 20))
    assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx((0, low, high), abs=0.01)


def test_a_group_without_patients_leaves_no_difference(warehouse: Warehouse) -> None:
    (row,) = responses(warehouse, rate("home", 0, 0), rate("on_site", 20, 80))
    assert [row[name] for name in ("difference", "ci_low", "ci_high", "ci_method")] == [None] * 4


def test_a_group_that_the_registry_lacks_is_in_no_contrast(warehouse: Warehouse) -> None:
    assert responses(warehouse, rate("home", 3, 9)) == []
    assert responses(warehouse) == []


def test_groups_are_compared_within_indication_window_and_estimand_only(warehouse: Warehouse) -> None:
    rows = responses(
        warehouse,
        rate("home", 3, 9),
        *(rate("on_site", 3, 9, **{name: "other"}) for name in ("indication", "instrument", "time_window")),
        rate("home", 3, 9, estimand="locf"),
        rate("on_site", 3, 9, estimand="locf"),
    )
    assert rows == []


def test_each_route_is_compared_with_intravenous(warehouse: Warehouse) -> None:
    levels = ("iv", "im", "intranasal", "sublingual", "oral", "rectal")
    rows = responses(warehouse, *(rate(level, 5, 20, dimension="route") for level in levels))
    assert [row["contrast_code"] for row in rows] == [
        "route_im",
        "route_intranasal",
        "route_oral",
        "route_sublingual",
    ]
    assert {row["reference_level"] for row in rows} == {"iv"}


KIND = {
    "indication_code": "mdd",
    "clinic_id": "C001",
    "route_code": "iv",
    "setting_code": "clinic",
    "place_code": "on_site",
    "hour_band": "morning",
    "dose_band": "0_3_to_0_6",
    "cumulative_dose_band": "under_200_mg",
    "age_group": "under_46",
    "psychotherapy": "with",
    "rehabilitation": "without",
}
OTHER = {
    "route_code": "oral",
    "place_code": "home",
    "hour_band": "night",
    "dose_band": "1_and_over",
    "cumulative_dose_band": "400_to_600_mg",
    "age_group": "46_and_over",
    "psychotherapy": "without",
    "rehabilitation": "with",
}


def test_every_contrast_names_levels_that_patients_or_sessions_have(warehouse: Warehouse) -> None:
    """A level spelt otherwise than it is counted would be compared with nobody, and nobody would notice."""
    changes = [
        OTHER,
        {"age_group": "46_and_over"},
        {"cumulative_dose_band": "600_mg_and_over"},
        *({"hour_band": band} for band in ("afternoon", "evening")),
        *({"dose_band": band} for band in ("under_0_3", "0_6_to_1")),
        *({"route_code": route} for route in ("im", "intranasal", "sublingual")),
    ]
    patients = [{**KIND, **change, "patient_no": no, "patient_kind_no": no} for no, change in enumerate([{}, *changes])]
    others = dict.fromkeys(
        ("route_code", "indication_code", "setting_code", "place_code", "hour_band", "dose_band"), "unknown"
    )
    sessions = [
        {**others, "session_kind_no": no, "session_band": session, "premedication": premedication}
        for no, (session, premedication) in enumerate(
            [("first", "none"), ("second_to_sixth", "benzodiazepine"), ("later", "alpha2")]
        )
    ]
    query = warehouse(
        {"intermediate.int_patient_kind": patients, "intermediate.int_session": sessions},
        "intermediate.int_patient_stratum",
        "intermediate.int_session_stratum",
        "reference.contrasts",
    )
    unmatched = query(
        """
        with levels as (
          select dimension, level from intermediate.int_patient_stratum
          union
          select dimension, level from intermediate.int_session_stratum
        )
        select c.contrast_code from reference.contrasts as c
        left join levels as a on c.dimension = a.dimension and c.level = a.level
        left join levels as b on c.dimension = b.dimension and c.reference_level = b.level
        where a.level is null or b.level is null
        """
    )
    assert unmatched == []


def frequency(level: str, basis: str, numerator: int, denominator: float, **cells: Any) -> dict[str, Any]:
    return {
        "ae_term": "nausea",
        "basis": basis,
        "ascertainment": "complete",
        "dimension": "route",
        "level": level,
        "numerator": numerator,
        "denominator": denominator,
        "rate": numerator / denominator if denominator else None,
        "n_patients": 40,
        "n_patients_with": numerator,
        **cells,
    }


def events(warehouse: Warehouse, *frequencies: dict[str, Any]) -> Rows:
    query: Query = warehouse({"marts.adverse_event_frequencies": frequencies}, ADVERSE)
    return query(f"select * from {ADVERSE} order by basis")


def test_patients_have_newcombes_difference(warehouse: Warehouse) -> None:
    (row,) = events(warehouse, frequency("im", "patient", 9, 10), frequency("iv", "patient", 3, 10))
    assert (row["estimand"], row["ci_method"]) == ("risk_difference", "newcombe")
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == pytest.approx((0.6, 0.1705, 0.8090), abs=1e-4)


def test_sessions_keep_the_cluster_adjusted_limits_of_each_group(warehouse: Warehouse) -> None:
    """Wide limits of the groups, as when few patients have many sessions, make a wide difference."""
    im = frequency("im", "session", 30, 100, ci_low=0.2, ci_high=0.42)
    iv = frequency("iv", "session", 10, 100, ci_low=0.03, ci_high=0.25)
    (row,) = events(warehouse, im, iv)
    assert row["ci_method"] == "newcombe_cluster"
    assert row["ci_low"] == pytest.approx(0.2 - (0.1**2 + 0.15**2) ** 0.5)
    assert row["ci_high"] == pytest.approx(0.2 + (0.12**2 + 0.07**2) ** 0.5)
    independent = wilson(10, 100)
    assert row["ci_low"] < 0.2 - float(independent.high - 0.1)


def test_patient_months_have_a_rate_ratio_without_a_limit_above_when_the_reference_has_no_event(
    warehouse: Warehouse,
) -> None:
    (row,) = events(warehouse, frequency("im", "patient_month", 5, 50.0), frequency("iv", "patient_month", 0, 100.0))
    assert (row["estimand"], row["estimate"], row["ci_high"]) == ("rate_ratio", None, None)
    assert row["ci_low"] > 1


@pytest.mark.parametrize("basis", ["contact", "patient_month_events"])
def test_a_basis_without_limits_of_a_difference_has_no_contrast(warehouse: Warehouse, basis: str) -> None:
    assert events(warehouse, *(frequency(level, basis, 4, 40) for level in ("im", "iv"))) == []


@pytest.mark.parametrize("basis", ["session", "patient", "patient_month"])
@pytest.mark.parametrize("empty", ["im", "iv"])
def test_without_a_denominator_there_is_no_estimate(warehouse: Warehouse, basis: str, empty: str) -> None:
    rows = [frequency(level, basis, *((0, 0) if level == empty else (4, 40))) for level in ("im", "iv")]
    (row,) = events(warehouse, *rows)
    assert [row[name] for name in ("estimate", "ci_low", "ci_high", "ci_method")] == [None] * 4


SIDES, LIMITS = "intermediate.int_ae_contrast", "intermediate.int_ae_odds_limits"


def test_the_frequency_of_a_group_stands_beside_that_of_its_reference(warehouse: Warehouse) -> None:
    pair = {"contrast_code": "route_im", "dimension": "route", "level": "im", "reference_level": "iv"}
    im = frequency("im", "patient", 9, 10, ci_low=0.6, ci_high=0.98)
    iv = frequency("iv", "patient", 3, 20, ci_low=0.05, ci_high=0.36, n_patients=20)
    others = [frequency("iv", "session", 1, 9), *({**iv, name: "other"} for name in ("ae_term", "ascertainment"))]
    given = {"reference.contrasts": [pair], "marts.adverse_event_frequencies": [im, iv, *others]}
    (row,) = warehouse(given, SIDES)(f"select * from {SIDES}")
    keys = ("numerator", "denominator", "rate", "ci_low", "ci_high", "n_patients", "n_patients_with")
    assert row == {
        **{name: im[name] for name in ("ae_term", "basis", "ascertainment")},
        **pair,
        **{name: im[name] for name in keys},
        **{f"reference_{name}": iv[name] for name in keys},
    }


def test_every_pair_of_counts_per_month_has_its_exact_limits_once(warehouse: Warehouse) -> None:
    """Of one event the share of the first group has the limits 0 and 0.975, or 0.025 and 1: odds of 39 and 1 to 39."""
    pairs = [("patient_month", 0, 0), ("patient_month", 0, 1), ("patient_month", 1, 0), ("patient", 7, 7)]
    given = [{"basis": basis, "numerator": one, "reference_numerator": other} for basis, one, other in pairs]
    rows = warehouse({SIDES: given * 2}, LIMITS)(f"select * from {LIMITS} order by n_events, reference_n_events")
    assert [tuple(row.values()) for row in rows] == [
        (0, 0, 0, None),
        (0, 1, 0, pytest.approx(39)),
        (1, 0, pytest.approx(1 / 39), None),
    ]
