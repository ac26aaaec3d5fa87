"""What may not be told of groups: figures of single clinics, and that nobody or everybody has something sensitive."""

from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.release.disclosure import assert_nothing_exposed, suppress, withhold
from registry_pipeline.release.groups import Groups, hide_groups, read_groups
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.settings import Settings
from tests.release_support import COLUMNS, mart_contract, mart_frame

DIMENSION = "- {name: dimension, physicalType: VARCHAR, required: true, description: What divides., role: key}\n"


@pytest.fixture
def contract(tmp_path: Path) -> MartContract:
    return mart_contract(tmp_path, columns=DIMENSION + COLUMNS.lstrip(), grain="[instrument, dimension, level]")


def strata(*rows: tuple[str, str, str, str, int, float]) -> pl.DataFrame:
    columns = ["indication", "dimension", "level", "instrument", "n_clinics", "largest_share"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def settings_with(tmp_path: Path, **thresholds: float) -> Settings:
    return Settings(home=tmp_path, **thresholds)


SETTINGS = strata(
    ("all", "overall", "all", "all", 8, 0.2),
    ("all", "setting", "clinic", "all", 5, 0.3),
    ("all", "setting", "hospital", "all", 1, 1.0),
    ("all", "setting", "home", "all", 4, 0.81),
    ("all", "setting", "clinic", "phq9", 2, 0.5),
)


def by_setting(*instruments: str) -> pl.DataFrame:
    frame = mart_frame(("all", 300, 900), ("clinic", 150, 400), ("hospital", 90, 300), ("home", 60, 200)).with_columns(
        dimension=pl.when(pl.col("level") == "all").then(pl.lit("overall")).otherwise(pl.lit("setting"))
    )
    return pl.concat(frame.with_columns(instrument=pl.lit(name)) for name in instruments)


def hidden(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.filter("is_suppressed").select("instrument", "level").iter_rows())


def test_a_stratum_of_few_clinics_or_mostly_of_one_is_hidden_with_the_reason(tmp_path, contract):
    found = hide_groups(by_setting("gad7"), contract, read_groups(SETTINGS, settings_with(tmp_path)))
    assert hidden(found) == {("gad7", "hospital"), ("gad7", "home")}
    assert set(found.filter("is_suppressed")["suppression_reason"]) == {"few_clinics"}


def test_an_instrument_that_few_clinics_use_hides_its_own_rows_alone(tmp_path, contract):
    found = hide_groups(by_setting("gad7", "phq9"), contract, read_groups(SETTINGS, settings_with(tmp_path)))
    assert hidden(found) - {(name, level) for name in ("gad7", "phq9") for level in ("hospital", "home")} == {
        ("phq9", "clinic")
    }


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ({"min_clinics": 1, "max_clinic_share": 1.0}, set()),
        ({"min_clinics": 2, "max_clinic_share": 1.0}, {("gad7", "hospital")}),
        ({"min_clinics": 1, "max_clinic_share": 0.8}, {("gad7", "hospital"), ("gad7", "home")}),
    ],
)
def test_both_thresholds_can_be_turned(tmp_path, contract, thresholds, expected):
    groups = read_groups(SETTINGS, settings_with(tmp_path, **thresholds))
    assert hidden(hide_groups(by_setting("gad7"), contract, groups)) == expected


def test_a_row_without_levels_rests_on_the_whole_registry(tmp_path):
    contract = mart_contract(tmp_path / "whole", grain="[instrument, level]")
    few = strata(("all", "overall", "all", "all", 2, 0.5))
    found = hide_groups(mart_frame(("C001", 50, 100)), contract, read_groups(few, settings_with(tmp_path)))
    assert found["is_suppressed"].to_list() == [True]


def test_a_contrast_is_hidden_where_the_group_it_is_compared_with_rests_on_one_clinic(tmp_path):
    extra = DIMENSION + "- {name: reference_level, physicalType: VARCHAR, description: The other., role: key}\n"
    grain = "[instrument, dimension, level, reference_level]"
    contract = mart_contract(tmp_path / "contrast", columns=extra + COLUMNS.lstrip(), grain=grain)
    frame = by_setting("gad7").filter(pl.col("level") == "clinic").with_columns(reference_level=pl.lit("hospital"))
    found = hide_groups(frame, contract, read_groups(SETTINGS, settings_with(tmp_path)))
    assert found["is_suppressed"].to_list() == [True]


def test_what_is_hidden_for_few_clinics_cannot_be_worked_out_of_the_rest(tmp_path, contract):
    one = strata(("all", "setting", "hospital", "all", 1, 1.0))
    veiled = hide_groups(by_setting("gad7"), contract, read_groups(one, settings_with(tmp_path)))
    found = withhold({contract.name: veiled}, {contract.name: contract}, 10)[0][contract.name]
    reasons = dict(found.select("level", "suppression_reason").iter_rows())
    assert reasons == {"all": None, "clinic": None, "hospital": "few_clinics", "home": "small_cell"}


@pytest.fixture
def sensitive(contract: MartContract) -> Groups:
    return Groups(
        strata().select("indication", "dimension", "level", "instrument"),
        is_all=False,
        sensitive={"instrument": {"si"}},
        sensitive_below=30,
    )


@pytest.mark.parametrize(
    ("numerator", "denominator", "is_hidden"),
    [(0, 29, True), (29, 29, True), (0, 30, False), (30, 30, False), (14, 29, False), (0, 0, False)],
)
def test_that_nobody_or_everybody_of_a_small_group_has_something_sensitive_is_hidden(
    contract, sensitive, numerator, denominator, is_hidden
):
    frame = mart_frame(("hospital", numerator, denominator)).with_columns(
        instrument=pl.lit("si"), dimension=pl.lit("setting")
    )
    found = suppress(hide_groups(frame, contract, sensitive), contract, 10)
    assert found["is_suppressed"].to_list() == [is_hidden]
    assert found["suppression_reason"].to_list() == ["small_cell" if is_hidden else None]


def test_nobody_of_a_small_group_is_shown_where_the_matter_is_not_sensitive(contract, sensitive):
    frame = mart_frame(("hospital", 0, 20)).with_columns(dimension=pl.lit("setting"))
    assert hide_groups(frame, contract, sensitive)["is_suppressed"].to_list() == [False]


def test_what_the_list_calls_sensitive_are_columns_and_marts_that_there_are():
    marts = load_mart_contracts(Settings())
    keys = {name for contract in marts.values() for name in contract.grain}
    for row in read_vocabulary(Settings().vocabulary_path("sensitive_values.csv")):
        assert row["column"] in keys | {"mart"}
        assert row["column"] != "mart" or row["value"] in marts


def test_what_nobody_has_is_protected_where_somebody_else_has_it(contract):
    of_two = Groups(
        strata().select("indication", "dimension", "level", "instrument"),
        is_all=False,
        sensitive={"instrument": {"si"}},
        sensitive_below=30,
    )
    frame = mart_frame(("all", 60, 240), ("clinic", 30, 100), ("hospital", 0, 25), ("home", 30, 115)).with_columns(
        instrument=pl.lit("si"),
        dimension=pl.when(pl.col("level") == "all").then(pl.lit("overall")).otherwise(pl.lit("setting")),
    )
    veiled = {contract.name: hide_groups(frame, contract, of_two)}
    contracts = {contract.name: contract}
    found, _ = withhold(veiled, contracts, 10)
    assert hidden(found[contract.name]) == {("si", "hospital"), ("si", "clinic")}
    assert_nothing_exposed(veiled, found, contracts, 10)


def test_a_registry_of_two_clinics_shows_nothing_of_either(tmp_path, contract):
    two = strata(("all", "overall", "all", "all", 2, 0.5))
    frame = mart_frame(("all", 120, 300), ("C001", 60, 150), ("C002", 60, 150)).with_columns(
        dimension=pl.when(pl.col("level") == "all").then(pl.lit("overall")).otherwise(pl.lit("clinic"))
    )
    found = hide_groups(frame, contract, read_groups(two, settings_with(tmp_path)))
    assert found["is_suppressed"].all()
    mostly_one = strata(("all", "overall", "all", "all", 9, 0.9))
    found = hide_groups(frame, contract, read_groups(mostly_one, settings_with(tmp_path)))
    assert dict(found.select("level", "is_suppressed").iter_rows()) == {"all": True, "C001": False, "C002": False}
