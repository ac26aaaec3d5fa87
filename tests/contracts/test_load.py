"""A contract that cannot be understood is an error at load that names file and line; never a skipped rule."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import ConfigurationError, ContractError
from registry_pipeline.settings import Settings

Edit = Callable[[str, str], Settings]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """Return a function that replaces a text in the session contract and gives settings that use the result."""

    def edit(old: str, new: str) -> Settings:
        folder = tmp_path / "contracts"
        shutil.copytree(content_path("data_contracts/tables"), folder)
        file = folder / "session.odcs.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return Settings(contracts=folder)

    return edit


def line_of(settings: Settings, text: str) -> int:
    assert settings.contracts is not None
    lines = (settings.contracts / "session.odcs.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_the_shipped_contracts_load_and_share_one_version() -> None:
    contracts = load_contracts(Settings())
    assert len(contracts.tables) == 9
    assert {table.version for table in contracts.tables.values()} == {contracts.version}


def test_every_rule_has_an_id_a_severity_a_dimension_and_a_sentence() -> None:
    for rule in load_contracts(Settings()).rules.values():
        assert rule.id.startswith(f"{rule.table}.")
        assert rule.severity in {"reject", "warn"}
        assert rule.dimension in {"conformance", "completeness", "plausibility"}
        assert len(rule.sentence) > 10


def test_an_unknown_check_is_an_error_at_its_line(edited: Edit) -> None:
    settings = edited("check: range", "check: rnage")
    with pytest.raises(ContractError, match="rnage") as error:
        load_contracts(settings)
    assert error.value.file is not None
    assert error.value.file.endswith("session.odcs.yaml")
    assert abs((error.value.line or 0) - line_of(settings, "rnage")) < 8
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dose_mg >= 28.5 * dose_mg_per_kg", "dose_mg >= 28.5 * no_such_column", "does not fit the columns"),
        ("dose_mg >= 28.5 * dose_mg_per_kg", "dose_mg >= >= dose_mg_per_kg", "not an SQL expression"),
        ("dose_mg >= 28.5 * dose_mg_per_kg and dose_mg <= 262.5 * dose_mg_per_kg", "dose_mg + 1", "not true or false"),
        ("severity: reject", "severity: fatal", "severity"),
        ("dimension: conformity", "dimension: beauty", "dimension"),
        ("engine: registry", "engine: other", "engine registry"),
        ("physicalType: INTEGER", "physicalType: INT", "not a type"),
        ("course.course_id", "course.nothing", "does not exist"),
        ("version: 1.0.0", "version: 1.0.1", "differs"),
        ("classification: shared", "classification: public", "classification"),
    ],
)
def test_what_cannot_be_compiled_is_an_error(edited: Edit, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_contracts(edited(old, new))


def test_a_missing_vocabulary_column_is_an_error(edited: Edit, tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    reference.mkdir()
    (reference / "ae_terms.csv").write_text("term\nnausea\n")
    with pytest.raises(ContractError, match="no column"):
        load_contracts(Settings(reference=reference))


def test_a_site_may_bring_its_own_vocabulary(tmp_path: Path) -> None:
    shipped = Settings()
    (tmp_path / "ae_terms.csv").write_text("ae_term,body_system,is_aesi\nour_term,other,false\n")
    own = load_contracts(Settings(reference=tmp_path))
    assert "our_term" in str(own.rules["adverse_event.ae_term_allowed"].check)
    assert own.fingerprint != load_contracts(shipped).fingerprint


def test_no_contracts_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="REGISTRY_CONTRACTS"):
        load_contracts(Settings(contracts=tmp_path))
