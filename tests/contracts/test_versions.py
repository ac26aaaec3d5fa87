"""The version number of the contracts keeps its promise: nothing breaks without a new major version."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from registry_pipeline.cli.lint import lint_content
from registry_pipeline.contracts.diff import Change
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.contracts.versions import check_version, least_version, released_contracts
from registry_pipeline.errors import ContractError
from registry_pipeline.settings import Settings

BREAKING = Change("breaking", "session", "dose_mg", "The rule changed.")
COMPATIBLE = Change("compatible", "session", "dose_mg", "The rule is gone.")


@pytest.fixture(scope="module")
def released() -> Contracts:
    return released_contracts(Settings())


def without_rule(contracts: Contracts, rule_id: str) -> Contracts:
    table = contracts.tables[rule_id.partition(".")[0]]
    changed = replace(table, rules=tuple(rule for rule in table.rules if rule.id != rule_id))
    return replace(contracts, tables={**contracts.tables, table.name: changed})


@pytest.mark.parametrize(
    ("changes", "version"),
    [([], "1.2.3"), ([COMPATIBLE], "1.3.0"), ([BREAKING], "2.0.0"), ([COMPATIBLE, BREAKING], "2.0.0")],
)
def test_a_breaking_change_asks_for_a_major_version_and_any_other_for_a_minor_one(
    changes: list[Change], version: str
) -> None:
    assert least_version("1.2.3", changes) == version


def test_the_shipped_contracts_have_the_version_that_their_changes_ask_for(released: Contracts) -> None:
    check_version(released, load_contracts(Settings()))


def test_unchanged_contracts_may_keep_their_version(released: Contracts) -> None:
    check_version(released, released)


def test_a_breaking_change_under_the_old_version_is_an_error_that_names_both_versions(released: Contracts) -> None:
    looser = without_rule(released, "session.dose_mg_range")

    with pytest.raises(ContractError, match=r"1 breaking and 0 compatible changes since 1\.0\.0 ask for 2\.0\.0"):
        check_version(looser, released)


def test_a_new_minor_version_is_enough_for_a_compatible_change_and_too_little_for_a_breaking_one(
    released: Contracts,
) -> None:
    looser = without_rule(released, "session.dose_mg_range")

    check_version(released, replace(looser, version="1.1.0"))
    with pytest.raises(ContractError, match=r"ask for 2\.0\.0"):
        check_version(looser, replace(released, version="1.1.0"))


@pytest.mark.slow
def test_lint_fails_when_contracts_break_clinics_without_a_major_version(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    shutil.copytree(Settings().contracts_dir, folder)
    for file in folder.glob("*.yaml"):
        file.write_text(re.sub(r"(?m)^version: .*$", "version: 1.0.1", file.read_text(encoding="utf-8")))
    session = folder / "session.odcs.yaml"
    text = session.read_text(encoding="utf-8")
    assert "max: 2000}" in text
    session.write_text(text.replace("max: 2000}", "max: 1000}"), encoding="utf-8")

    problems = [str(problem) for problem in lint_content(Settings(contracts=folder)).problems]

    assert any("ask for 2.0.0" in problem for problem in problems)
