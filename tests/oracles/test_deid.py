"""The strings of the oracle, each decided as listed, by the very scan that production runs."""

from pathlib import Path

import polars as pl

from registry_pipeline.content import content_path
from registry_pipeline.deid.guard import load_identifiers

IDENTIFIERS = load_identifiers(content_path("data_contracts/reference") / "deid_patterns.csv")


def test_free_text_is_decided_as_the_oracle_decides_it(shared: Path) -> None:
    strings = pl.read_csv(shared / "oracles" / "deid_strings_expected.csv", infer_schema=False)
    assert strings.height == 71
    found = IDENTIFIERS.in_free_text(strings["text"])
    expected = "deid." + strings["rules"].str.split(";").list.first()
    assert found.to_list() == expected.to_list()
    assert (strings["must_flag"] == "1").to_list() == found.is_not_null().to_list()


def test_refused_cells_are_decided_as_the_oracle_decides_free_text(shared: Path) -> None:
    strings = pl.read_csv(shared / "oracles" / "deid_strings_expected.csv", infer_schema=False)
    found = IDENTIFIERS.in_refused_cells(strings["text"], "any_column", is_key=False)
    assert found.is_not_null().to_list() == (strings["must_flag"] == "1").to_list()
