"""Missing scores imputed: within which cells of patients, and how the imputations become a rate."""

import pytest

from tests.warehouse_harness import Rows, Warehouse

CELL = "intermediate.int_imputation_cell"
RATE = "intermediate.int_imputed_rate"
KEY = {"instrument": "phq9", "time_window": "wk4"}


def cells(warehouse: Warehouse, strata: Rows) -> list[tuple[object, ...]]:
    """Return the cells of an instrument with definitions of response and of deterioration alone."""
    definitions = [{"instrument": "phq9", "definition": name} for name in ("response", "deterioration")]
    query = warehouse({"reference.definitions": definitions, "intermediate.int_response_stratum": strata}, CELL)
    columns = "indication, definition, was_met_before, n_observed, n_met, n_missing"
    return [tuple(row.values()) for row in query(f"select {columns} from {CELL} order by all")]


def stratum(indication: str, **counts: object) -> dict[str, object]:
    return {"indication": indication, "dimension": "overall", "level": "all", **KEY, **counts}


# Of 20 patients 12 were observed. Of these 7 responded: 4 of the 5 who had before, 3 of the 7 who had not. Of the 8
# others 3 had responded before. One patient got worse, who had been so before, and nobody else had been.
MDD = {
    "n_eligible": 20,
    "n_observed": 12,
    "n_response": 7,
    "n_response_before": 5,
    "n_response_kept": 4,
    "n_response_carried": 10,
    "n_remission": 6,
    "n_deterioration": 1,
    "n_deterioration_before": 1,
    "n_deterioration_kept": 1,
    "n_deterioration_carried": 1,
}


def test_patients_are_alike_in_whether_the_score_before_met_the_definition(warehouse: Warehouse) -> None:
    assert cells(warehouse, [stratum("mdd", **MDD)]) == [
        ("mdd", "deterioration", False, 11, 0, 8),
        ("mdd", "deterioration", True, 1, 1, 0),
        ("mdd", "response", False, 7, 3, 5),
        ("mdd", "response", True, 5, 4, 3),
    ]


def test_cells_are_of_one_diagnosis_and_of_all_its_patients(warehouse: Warehouse) -> None:
    others = [stratum("all", **MDD), {**stratum("mdd", **MDD), "dimension": "route", "level": "iv"}]
    assert cells(warehouse, others) == []
    both = cells(warehouse, [*others, stratum("mdd", **MDD), stratum("ptsd", **MDD)])
    assert [row[0] for row in both] == ["mdd"] * 4 + ["ptsd"] * 4


def rates(warehouse: Warehouse, **met: tuple[int, list[int]]) -> dict[str, list[float | None]]:
    """Return rate and limits by diagnosis, given of how many patients how many meet it in each imputation."""
    imputations = [
        {
            "indication": indication,
            **KEY,
            "definition": "response",
            "imputation": number,
            "numerator": numerator,
            "denominator": denominator,
        }
        for indication, (denominator, numerators) in met.items()
        for number, numerator in enumerate(numerators, start=1)
    ]
    query = warehouse({"intermediate.int_imputation": imputations}, RATE)
    rows = query(f"select * from {RATE} order by indication")
    return {row["indication"]: [row[name] for name in ("rate", "ci_low", "ci_high")] for row in rows}


def test_diagnoses_are_added_up_in_each_imputation_before_the_whole_is_pooled(warehouse: Warehouse) -> None:
    found = rates(warehouse, mdd=(20, [10, 10, 10, 10, 10]), ptsd=(20, [12, 14, 11, 13, 15]))
    # The worked example of the specification: 22, 24, 21, 23 and 25 of 40.
    assert found["all"] == pytest.approx([0.575387, 0.386961, 0.744185], abs=1e-6)
    rate, low, high = found["mdd"]
    assert rate == pytest.approx(0.5)
    assert low is not None
    assert high == pytest.approx(1 - low)
    assert set(found) == {"all", "mdd", "ptsd"}


def test_where_nobody_is_eligible_there_is_no_rate(warehouse: Warehouse) -> None:
    found = rates(warehouse, mdd=(20, [10, 11]), ptsd=(0, [0, 0]))
    assert found["ptsd"] == [None, None, None]
    assert found["all"] == found["mdd"]
    assert rates(warehouse) == {}


def test_where_everybody_meets_it_in_every_imputation_the_rate_falls_short_of_one(warehouse: Warehouse) -> None:
    # Half a person is added on both sides: 10.5 of 11.
    rate, low, high = rates(warehouse, mdd=(10, [10, 10]))["mdd"]
    assert rate == pytest.approx(10.5 / 11)
    assert low is not None
    assert high is not None
    assert 0 < low < 10.5 / 11 < high < 1
