"""The data dictionary says what the contracts say, all of it, in a form that a clinic can read."""

import csv
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from registry_pipeline.contracts.docs import allowed_in_words, render_dictionary
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.contracts.model import (
    Check,
    Column,
    Expression,
    ForeignKey,
    OneOf,
    Pattern,
    Range,
    RangeBy,
    Rule,
    Source,
    TableContract,
)
from registry_pipeline.settings import Settings


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


@pytest.fixture(scope="module")
def dictionary(contracts: Contracts) -> str:
    return render_dictionary(contracts)


def rule(name: str, column: str | None, check: Check, sentence: str = "A sentence.") -> Rule:
    return Rule(
        id=f"visit.{name}",
        table="visit",
        column=column,
        severity="reject",
        dimension="conformance",
        sentence=sentence,
        check=check,
        source=Source(Path("visit.odcs.yaml"), 1),
    )


def small_contracts() -> Contracts:
    patient = TableContract(
        name="patient",
        version="2.0.0",
        description="A patient.",
        columns=(Column("patient_id", "VARCHAR", "The id.", "shared", is_key=True, is_required=True, example="p1"),),
        rules=(),
    )
    visit = TableContract(
        name="a_visit",
        version="2.0.0",
        description="A visit.",
        columns=(
            Column("visit_id", "VARCHAR", "The id.", "shared", is_key=True, is_required=True, example="v1"),
            Column("patient_id", "VARCHAR", "The patient | who came.", "shared", is_required=True, example="p1"),
            Column("note", "VARCHAR", "A note.", "shared", example="one, two"),
        ),
        rules=(rule("note_pattern", "note", Pattern("^(?:a|b)$"), "A note is a or b."),),
        foreign_keys=(
            ForeignKey("a_visit.patient_id_orphan", "patient_id", "patient", "patient_id", "Name a patient."),
        ),
    )
    return Contracts({"a_visit": visit, "patient": patient}, "2.0.0", "digest")


def table_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").replace("\\|", "\0").split("|")]


def test_every_table_column_and_rule_is_in_the_dictionary(contracts: Contracts, dictionary: str) -> None:
    lines = dictionary.splitlines()
    for table in contracts.tables.values():
        assert f"## {table.name}" in lines
        for column in table.columns:
            assert any(line.startswith(f"| `{column.name}` |") and column.description in line for line in lines)
        for one in table.rules:
            assert any(line.startswith(f"| `{one.id}` |") and one.sentence in line for line in lines), one.id
        for key in table.foreign_keys:
            assert any(line.startswith(f"| `{key.rule_id}` |") for line in lines)


def test_every_line_of_a_grid_has_as_many_cells_as_its_header(dictionary: str) -> None:
    lines = dictionary.splitlines()
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert len(table_cells(above)) == len(table_cells(line))


def test_a_long_list_stands_below_its_table_and_is_complete(dictionary: str) -> None:
    assert "| one of 53 codes, listed below |" in dictionary
    codes = next(line for line in dictionary.splitlines() if line.startswith("Codes of `ae_term`"))
    assert codes.count("`") == 2 * 53 + 2
    assert "`phq9` 0 to 27" in dictionary


def test_a_parent_table_comes_before_its_children() -> None:
    dictionary = render_dictionary(small_contracts())
    assert dictionary.index("## patient") < dictionary.index("## a_visit")


def test_a_bar_in_a_text_does_not_split_a_cell() -> None:
    dictionary = render_dictionary(small_contracts())
    assert "The patient \\| who came." in dictionary
    assert "`^(?:a\\|b)$`" in dictionary


def test_the_example_row_is_csv_with_one_cell_for_each_column() -> None:
    block = render_dictionary(small_contracts()).split("```csv\n")[2].split("```")[0]
    assert list(csv.reader(block.splitlines())) == [["visit_id", "patient_id", "note"], ["v1", "p1", "one, two"]]


def test_a_foreign_key_is_a_rule_that_refuses() -> None:
    dictionary = render_dictionary(small_contracts())
    assert "| `a_visit.patient_id_orphan` | Name a patient. | row is refused |" in dictionary


def test_a_warning_is_told_apart_from_a_refusal(dictionary: str) -> None:
    line = next(line for line in dictionary.splitlines() if line.startswith("| `patient.weight_kg_unusual` |"))
    assert line.endswith("| row is taken, please check |")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Range(Decimal(1), Decimal(5)), "1 to 5"),
        (Range(Decimal(0), Decimal(5), min_exclusive=True), "above 0, at most 5"),
        (Range(Decimal(0), min_exclusive=True), "above 0"),
        (Range(Decimal(1)), "1 or more"),
        (Range(max=Decimal(5)), "at most 5"),
        (OneOf(("a", "b")), "`a`, `b`"),
        (RangeBy("instrument", "instruments", ()), "the range of its instrument"),
        (Expression("a = b"), ""),
    ],
)
def test_what_is_allowed_reads_as_plain_words(check: Check, words: str) -> None:
    assert allowed_in_words(check) == words


def test_the_dictionary_is_the_same_each_time(contracts: Contracts, dictionary: str) -> None:
    assert render_dictionary(contracts) == dictionary
    assert dictionary.endswith("\n")
    assert not dictionary.endswith("\n\n")
