"""Definitions, caveats and views: what helps an analyst covers every mart, and says nothing of what is not there."""

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from registry_pipeline.cli import app
from registry_pipeline.errors import ContractError
from registry_pipeline.release.definitions import (
    EVERY_MART,
    insert_caveats,
    insert_definitions,
    load_caveats,
    load_definitions,
)
from registry_pipeline.release.mart_contracts import MartContract, load_mart_contracts
from registry_pipeline.release.views import load_views, write_views
from registry_pipeline.settings import Settings
from tests.docs.example_registry import write_example
from tests.release_support import mart_contract

CAUSAL = {"effective", "effectiveness", "efficacy", "works", "causes", "benefit", "benefits"}
CONTRACTS = load_mart_contracts(Settings())
DEFINITIONS, CAVEATS, VIEWS = load_definitions(), load_caveats(), load_views()
HEADER = "mart,measure,limits,formula,time_window,unit,denominator,source\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "current").mkdir()
    write_example(folder / "current")
    return folder


@pytest.fixture(scope="module")
def database(home: Path) -> duckdb.DuckDBPyConnection:
    # A copy: the commands open the file itself, with options of their own.
    copied = shutil.copy(home / "current/registry.duckdb", home / "copied.duckdb")
    connection = duckdb.connect(copied, read_only=True)
    yield connection
    connection.close()


# Definitions


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)
def test_every_numeric_measure_of_every_mart_is_defined(contract: MartContract) -> None:
    defined = {name for line in DEFINITIONS if line.mart == contract.name for name in line.columns}
    measures = {name for name in contract.with_role("measure") if _column(contract, name).is_numeric}
    assert defined
    assert measures <= defined


@pytest.mark.parametrize("line", DEFINITIONS, ids=lambda line: f"{line.mart}.{line.measure}")
def test_a_definition_names_a_mart_and_columns_that_exist_and_says_all_there_is_to_say(line) -> None:
    assert set(line.columns) <= set(CONTRACTS[line.mart].column_names)
    assert all((line.formula, line.time_window, line.unit, line.source))


def test_every_definition_is_in_the_release_with_the_words_of_the_contract(database) -> None:
    rows = database.execute("select mart, measure, definition from meta.definitions").fetchall()
    assert len(rows) == len(DEFINITIONS)
    assert all(text == _column(CONTRACTS[mart], measure).description for mart, measure, text in rows)


def test_a_definition_of_a_mart_or_column_that_is_not_released_is_left_out(tmp_path: Path) -> None:
    small = mart_contract(tmp_path)
    assert small.name == "response_rates"
    assert "coverage" not in small.column_names
    with duckdb.connect() as connection:
        connection.execute("create schema meta")
        insert_definitions(connection, {small.name: small})
        assert connection.execute("select mart, measure from meta.definitions").fetchall() == [
            ("response_rates", "rate")
        ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("mart,measure\n", 1),
        (HEADER + "a,rate,,x / n,day,share,n,counted,more\n", 2),
        (HEADER + "a,rate,,x / n,day\n", 2),
        (HEADER + 2 * "a,rate,,x / n,day,share,n,counted\n", 3),
    ],
    ids=["columns", "too_many_cells", "too_few_cells", "twice"],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "definitions.csv").write_text(text)
    with pytest.raises(ContractError) as caught:
        load_definitions(tmp_path)
    assert caught.value.line == line


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        load_caveats(tmp_path)


# Caveats


def test_every_mart_has_a_caveat_of_its_own_and_every_caveat_a_mart() -> None:
    assert {caveat.mart for caveat in CAVEATS} == {EVERY_MART, *CONTRACTS}
    assert {caveat.severity for caveat in CAVEATS} == {"must_read", "note"}


def test_what_is_uncontrolled_comes_before_everything_a_mart_has_to_add(database) -> None:
    marts = [mart for (mart,) in database.execute("select mart from meta.caveats").fetchall()]
    assert marts == sorted(marts, key=lambda mart: (mart != EVERY_MART, mart))
    uncontrolled = next(caveat for caveat in CAVEATS if caveat.code == "uncontrolled")
    assert (uncontrolled.mart, uncontrolled.severity) == (EVERY_MART, "must_read")


def test_a_caveat_about_a_mart_that_is_not_released_is_left_out() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema meta")
        insert_caveats(connection, {})
        assert connection.execute("select distinct mart from meta.caveats").fetchall() == [(EVERY_MART,)]


def test_the_command_shows_what_holds_for_all_and_for_the_mart_asked_for(home: Path) -> None:
    said = CliRunner().invoke(app, ["caveats", "--mart", "suicidality", "--home", str(home)])
    assert said.exit_code == 0
    assert "marts.suicidality" in said.stdout
    assert "READ: Observed in registry, uncontrolled" in said.stdout
    assert "marts.response_rates" not in said.stdout


def test_the_command_names_the_marts_when_there_is_no_such_one(home: Path) -> None:
    said = CliRunner().invoke(app, ["caveats", "--mart", "nothing", "--home", str(home)])
    assert said.exit_code == 2
    assert "response_rates" in said.stderr


# Views


def test_every_view_is_made_from_the_marts_that_there_are(database) -> None:
    made = database.execute(
        "select view_name from duckdb_views() where not internal and schema_name = 'main'"
    ).fetchall()
    assert {name for (name,) in made} == {view.name for view in VIEWS}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_hides_no_row_silently_and_computes_nothing(database, view) -> None:
    (mart,) = view.marts
    columns = {name for name, *_ in database.execute(f"describe {view.name}").fetchall()}
    assert {"is_suppressed", "suppression_reason"} <= columns
    assert columns - view.renamed.keys() <= set(CONTRACTS[mart].column_names)
    where = view.sql.partition("where")[2]
    keys = {*CONTRACTS[mart].with_role("key")}
    assert set(re.findall(r"(\w+) =", where)) <= keys
    # What the view does not fix it shows, so that each of its rows can be told apart.
    assert keys - set(re.findall(r"(\w+) =", where)) <= columns | {"level", "dimension"}
    assert not database.execute(f"select count(*) from {view.name} where is_suppressed is null").fetchone()[0]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_and_each_of_its_columns_are_described_in_the_dictionary_and_the_comments(database, view) -> None:
    rows = database.execute(
        "select column_name, description from meta.dictionary where schema_name = 'main' and table_name = $name",
        {"name": view.name},
    ).fetchall()
    comments = database.execute(
        "select column_name, comment from duckdb_columns() where schema_name = 'main' and table_name = $name",
        {"name": view.name},
    ).fetchall()
    assert {(name, text) for name, text in rows if name} == set(comments)
    assert (None, view.description) in rows
    assert "Observed in registry, uncontrolled." in view.description


def test_a_view_that_reads_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "absent.sql").write_text("-- Nothing.\nselect rate, from marts.absent\n")
    with duckdb.connect() as connection:
        assert write_views(connection, load_views(tmp_path), {}) == []


def test_a_view_with_a_column_that_nobody_explains_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.sql").write_text("-- One number.\nselect 1 as number\n")
    with duckdb.connect() as connection, pytest.raises(ContractError, match="number"):
        write_views(connection, load_views(tmp_path), {})


def test_a_view_without_a_comment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "silent.sql").write_text("select 1 as number\n")
    with pytest.raises(ContractError, match="comment"):
        load_views(tmp_path)


def test_no_word_of_it_is_causal() -> None:
    words = [view.description for view in VIEWS] + [caveat.sentence for caveat in CAVEATS]
    words += [f"{line.formula} {line.time_window} {line.denominator}" for line in DEFINITIONS]
    assert not CAUSAL & set(re.findall(r"[a-z]+", " ".join(words).lower()))


def _column(contract: MartContract, name: str):
    return next(column for column in contract.columns if column.name == name)
