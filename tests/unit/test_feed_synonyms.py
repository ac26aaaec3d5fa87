"""The reviewed lists of synonyms point to columns and words that exist, each once."""

from collections import Counter

import pytest

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.feeds.infer.values import closed_list
from registry_pipeline.settings import Settings


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


def rows(name: str) -> tuple[dict[str, str], ...]:
    return read_vocabulary(Settings().vocabulary_path(name))


def test_every_column_synonym_points_to_a_column_or_a_table(contracts: Contracts) -> None:
    tables = contracts.tables
    everywhere = {column.name for table in tables.values() for column in table.columns}
    for row in rows("column_synonyms.csv"):
        if row["table"]:
            assert row["table"] in tables, row
            assert not row["column"] or tables[row["table"]].column(row["column"]), row
        else:
            assert row["column"] in everywhere, row


def test_every_value_synonym_points_to_a_word_of_a_closed_list(contracts: Contracts) -> None:
    listed: dict[str, set[str]] = {"boolean": {"true", "false"}}
    for table in contracts.tables.values():
        for column in table.columns:
            listed.setdefault(column.name, set()).update(closed_list(table, column))
    anywhere = set().union(*listed.values())
    for row in rows("value_synonyms.csv"):
        assert row["value"] in (listed[row["column"]] if row["column"] else anywhere), row


@pytest.mark.parametrize("name", ["column_synonyms.csv", "value_synonyms.csv"])
def test_no_synonym_stands_twice(name: str) -> None:
    counts = Counter(tuple(row.values()) for row in rows(name))
    assert [row for row, n in counts.items() if n > 1] == []
