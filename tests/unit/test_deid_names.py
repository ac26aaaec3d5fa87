"""Names in free text: nearly every mention is seen, and no ordinary wording is taken for one."""

from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.content import content_path
from registry_pipeline.deid.names import dictionaries, load_names

LISTS = Path(__file__).with_name("deid_names")
NAMES = load_names(content_path("data_contracts/reference") / "deid_name_words.csv")


def lines(name: str) -> pl.Series:
    return pl.Series((LISTS / name).read_text(encoding="utf-8").splitlines())


def test_at_least_nine_in_ten_mentions_are_seen() -> None:
    mentions = lines("mentions.txt")
    assert len(mentions) >= 100
    assert NAMES.in_text(mentions).mean() >= 0.9


def test_no_ordinary_wording_is_taken_for_a_name() -> None:
    ordinary = lines("ordinary.txt")
    assert len(ordinary) >= 150
    assert ordinary.filter(NAMES.in_text(ordinary)).to_list() == []


def test_the_strings_that_the_oracle_passes_name_nobody(shared: Path) -> None:
    strings = pl.read_csv(shared / "oracles" / "deid_strings_expected.csv", infer_schema=False)
    assert not NAMES.in_text(strings.filter(pl.col("must_flag") == "0")["text"]).any()


@pytest.mark.parametrize(
    "text",
    [
        "Mary Smith", "mary smith", "MARY SMITH", "Smith, John", "Mary S.", "J. Smith", "Anna-Maria Schmidt",
        "his wife Anna", "wife, Anna, came", "nurse Mark called", "daughter Joy came", "told Jennifer so",
        "Karen reported nausea", "José García", "Piotr Woźniak", "seen by Mark Young",
    ],
)  # fmt: skip
def test_a_name_with_a_neighbour_that_agrees_is_seen(text: str) -> None:
    assert NAMES.in_text(pl.Series([text])).to_list() == [True]


@pytest.mark.parametrize("text", ["Anna", "", "rose", "Rose rapidly", "Mark on arm", "Patient May repeat", "E. coli"])
def test_a_lone_or_everyday_word_is_no_name(text: str) -> None:
    assert NAMES.in_text(pl.Series([text, None])).to_list() == [False, False]


def test_the_last_word_of_one_text_and_the_first_of_the_next_are_no_neighbours() -> None:
    assert not NAMES.in_text(pl.Series(["seen with wife", "Anna happy", "then Mary", "Smith fracture"])).any()


def test_the_dictionaries_hold_the_names_of_several_countries() -> None:
    first, last = dictionaries()
    assert {"mary", "jurgen", "francoise", "giuseppe", "joao", "katarzyna"} <= first
    assert {"smith", "muller", "garcia", "rossi", "kowalski"} <= last
