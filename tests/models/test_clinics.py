"""Which clinics are pooled, what is left out, and what few or flat clinics do."""

from typing import Any

import pytest

from tests.warehouse_harness import Query, Warehouse

VARIATION, FUNNEL = "marts.clinic_variation", "marts.clinic_funnel"
EVENTS = "marts.adverse_event_variation"
KEY = {
    "indication": "all",
    "instrument": "phq9",
    "time_window": "wk4",
    "definition": "response",
    "estimand": "nri",
    "dimension": "clinic",
}


def built(warehouse: Warehouse, *counts: tuple[int, int], **cells: Any) -> Query:
    rows = [
        {**KEY, "level": f"C{place:03}", "numerator": x, "denominator": n, **cells}
        for place, (x, n) in enumerate(counts, start=1)
    ]
    return warehouse({"marts.response_rates": rows}, VARIATION, FUNNEL)


def variation(query: Query) -> dict[str, Any]:
    (row,) = query(f"select * from {VARIATION}")
    return row


def test_clinics_with_fewer_than_eleven_patients_are_pooled_as_one(warehouse: Warehouse) -> None:
    row = variation(built(warehouse, (20, 40), (15, 50), (30, 60), (2, 5), (3, 10)))
    merged = variation(built(warehouse, (20, 40), (15, 50), (30, 60), (5, 15)))
    assert (row["numerator"], row["denominator"], row["n_clinics"]) == (70, 165, 4)
    assert (row["rate"], row["tau2"]) == pytest.approx((merged["rate"], merged["tau2"]))


def test_clinics_that_are_alike_have_no_variance_and_pool_to_their_common_rate(warehouse: Warehouse) -> None:
    row = variation(built(warehouse, *[(20, 50)] * 6))
    assert (row["tau2"], row["i2"]) == (0, 0)
    assert row["rate"] == row["dl_rate"] == pytest.approx(0.4)
    assert (row["prediction_low"], row["prediction_high"]) == pytest.approx(
        (0.32, 0.48), abs=0.03
    )  # the t quantile makes it a little wider than the common interval


def test_leaving_a_clinic_out_is_told_only_where_no_clinic_has_a_small_cell(warehouse: Warehouse) -> None:
    shown = variation(built(warehouse, (20, 40), (15, 50), (30, 60), (60, 80)))
    assert 0 < shown["leave_one_out_low"] < shown["rate"] < shown["leave_one_out_high"] < 1
    assert shown["leave_one_out_low"] == round(shown["leave_one_out_low"], 2)
    assert shown["is_influenced"]
    small = variation(built(warehouse, (20, 40), (15, 50), (30, 60), (72, 80)))
    assert (small["leave_one_out_low"], small["leave_one_out_high"], small["is_influenced"]) == (None, None, None)


def test_beyond_a_hundred_clinics_none_is_left_out(warehouse: Warehouse) -> None:
    hundred = variation(built(warehouse, *[(20, 40), (24, 50)] * 50))
    more = variation(built(warehouse, *[(20, 40), (24, 50)] * 50, (20, 40)))
    assert (hundred["leave_one_out_low"], hundred["is_influenced"]) == (0.49, False)
    assert (more["n_clinics"], more["leave_one_out_low"], more["is_influenced"]) == (101, None, None)


def test_questions_do_not_touch_each_other(warehouse: Warehouse) -> None:
    few = [{**KEY, "level": f"C{n:03}", "numerator": n, "denominator": 3 * n} for n in range(11, 16)]
    many = [{**row, "instrument": "gad7", "level": f"{row['level']}{n}"} for row in few for n in range(4)]
    together = warehouse({"marts.response_rates": few + many}, VARIATION, FUNNEL)
    rows = [together(f"select * from {mart} where instrument = 'phq9' order by all") for mart in (VARIATION, FUNNEL)]
    alone = warehouse({"marts.response_rates": few}, VARIATION, FUNNEL)
    assert rows == [alone(f"select * from {mart} order by all") for mart in (VARIATION, FUNNEL)]


def test_the_order_of_rows_changes_nothing(warehouse: Warehouse) -> None:
    rows = [
        {**KEY, "level": f"C{place:03}", "numerator": x, "denominator": n}
        for place, (x, n) in enumerate([(20, 40), (15, 50), (30, 60), (60, 80)])
    ]
    first, second = (
        variation(warehouse({"marts.response_rates": given}, VARIATION)) for given in (rows, list(reversed(rows)))
    )
    assert first == second


def test_where_nobody_responds_there_is_a_limit_and_no_distance(warehouse: Warehouse) -> None:
    query = built(warehouse, (0, 20), (0, 30), (0, 40))
    rows = query(f"select * from {FUNNEL}")
    assert {(row["rate"], row["z"], row["is_outside_95"]) for row in rows} == {(0, None, False)}
    row = variation(query)
    assert 0 < row["rate"] < 0.05
    assert row["ci_low"] < row["rate"] < row["ci_high"]


def test_fewer_than_three_clinics_have_no_funnel(warehouse: Warehouse) -> None:
    assert built(warehouse, (20, 40), (15, 50))(f"select * from {FUNNEL}") == []


def test_other_breakdowns_and_imputed_estimands_are_not_pooled(warehouse: Warehouse) -> None:
    assert built(warehouse, (20, 40), estimand="locf")(f"select * from {VARIATION}") == []
    assert built(warehouse, (20, 40), dimension="route")(f"select * from {VARIATION}") == []
    assert built(warehouse, (0, 0))(f"select * from {VARIATION}") == []


@pytest.mark.parametrize("share", [0, 1])
def test_where_all_clinics_are_flat_the_limits_are_the_rate(warehouse: Warehouse, share: int) -> None:
    query = built(warehouse, *[(share * n, n) for n in (2, 12, 40)])
    rows = query(f"select registry_rate, low_95, high_95, low_998, high_998 from {FUNNEL}")
    assert [set(row.values()) for row in rows] == [{share}] * 3


def noted(warehouse: Warehouse, *counts: tuple[int, int], **cells: Any) -> list[dict[str, Any]]:
    """Return the mart's rows when clinics noted nausea in so many of so many patients."""
    key = {"ae_term": "nausea", "basis": "patient", "ascertainment": "complete", "dimension": "clinic"}
    rows = [
        {**key, "level": f"C{place:03}", "numerator": x, "denominator": float(n), **cells}
        for place, (x, n) in enumerate(counts, start=1)
    ]
    return warehouse({"marts.adverse_event_frequencies": rows}, EVENTS)(f"select * from {EVENTS}")


def test_adverse_events_of_clinics_are_pooled_as_responses_are(warehouse: Warehouse) -> None:
    counts = [(20, 40), (15, 50), (30, 60), (60, 80), (2, 5)]
    (event,) = noted(warehouse, *counts)
    response = variation(built(warehouse, *counts))
    assert event.pop("ae_term") == "nausea"
    assert event == {name: response[name] for name in event}


def test_an_adverse_event_that_most_clinics_never_noted_is_not_pooled(warehouse: Warehouse) -> None:
    assert noted(warehouse, (5, 40), (0, 50), (0, 60)) == []
    (row,) = noted(warehouse, (5, 40), (4, 50), (0, 60), (0, 70))
    assert (row["numerator"], row["denominator"], row["n_clinics"]) == (9, 220, 4)


@pytest.mark.parametrize("other", [{"basis": "session"}, {"ascertainment": "all"}, {"dimension": "route"}])
def test_only_patients_who_were_asked_are_pooled(warehouse: Warehouse, other: dict[str, str]) -> None:
    assert noted(warehouse, (20, 40), (15, 50), (30, 60), **other) == []
