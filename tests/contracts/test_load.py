"""A contract that cannot be understood is an error at load that names file and line; never a skipped rule."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_pipeline.cli.lint import lint_content
from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import ConfigurationError, ContractError
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.across import check_across

Edit = Callable[[str, str], Settings]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the shipped contracts; a file that stays as it is, is parsed once."""
    return shutil.copytree(content_path("data_contracts/tables"), tmp_path_factory.mktemp("edited") / "contracts")


@pytest.fixture
def edited(folder: Path) -> Iterator[Edit]:
    """Return a function that replaces a text in the session contract and gives settings that use the result."""
    file = folder / "session.odcs.yaml"
    text = file.read_text()

    def edit(old: str, new: str) -> Settings:
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return Settings(contracts=folder)

    yield edit
    file.write_text(text)


def line_of(settings: Settings, text: str) -> int:
    assert settings.contracts is not None
    lines = (settings.contracts / "session.odcs.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_the_shipped_contracts_load_and_share_one_version() -> None:
    contracts = load_contracts(Settings())
    assert len(contracts.tables) == 17
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
        ("version: 2.0.0", "version: 2.0.1", "differs"),
        ("classification: shared", "classification: public", "classification"),
    ],
)
def test_what_cannot_be_compiled_is_an_error(edited: Edit, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_contracts(edited(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("check: across", "check: acros", "not a known check"),
        ("for: course.patient_id", "to: course.patient_id", "has no argument `to`"),
        ("by: patient_id", "by: [patient_id, seq]", "differ in number"),
        ("of: consent_event", "of: reference.nothing", "vocabulary cannot be read"),
    ],
)
def test_a_rule_across_tables_that_cannot_be_read_is_an_error(edited: Edit, old: str, new: str, message: str) -> None:
    with pytest.raises(ContractError, match=message) as error:
        load_contracts(edited(old, new))
    assert error.value.file is not None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("course.patient.weight_kg", "course.patient.weight", "the table patient has no column `weight`"),
        ("course.patient.weight_kg", "patient.weight_kg", "a session does not point to one `patient`"),
        ("<= course.patient.data_cut_day", "<= limit_day", "the table session has no column `limit_day`"),
        ("<= death.day", "<= death.hour", "the summary `death` has no value `hour`"),
        ("of: followup_contact", "of: contact", "there is no table `contact`"),
        ("max(study_day)", "max(day)", "the table consent_event has no column `day`"),
        ("<= course.patient.data_cut_day", "<= <= course.patient.data_cut_day", "not an SQL expression"),
        ("<= course.patient.data_cut_day", "<= (select max(study_day) from session)", "nothing else"),
        ("<= course.patient.data_cut_day", "<= a.course.patient.clinic.data_cut_day", "at most three pointers"),
    ],
)
def test_a_name_in_a_rule_across_tables_that_means_nothing_is_an_error_at_its_line(
    edited: Edit, old: str, new: str, message: str
) -> None:
    settings = edited(old, new)
    tables = load_contracts(settings).tables
    with pytest.raises(ContractError, match=message) as error:
        check_across(tables)
    assert error.value.file is not None
    assert error.value.file.endswith("session.odcs.yaml")
    assert abs((error.value.line or 0) - line_of(settings, new)) < 20


@pytest.mark.slow
def test_lint_tells_of_a_rule_across_tables_that_names_an_unknown_column(edited: Edit) -> None:
    (problem,) = lint_content(edited("course.patient.weight_kg", "course.patient.weight")).problems
    assert "has no column `weight`" in str(problem)


def test_a_rule_across_tables_stands_under_the_column_that_it_judges(edited: Edit) -> None:
    expression = 'check: expression\n          sql: "dose_mg >='
    settings = edited(expression, expression.replace("expression", "across"))
    with pytest.raises(ContractError, match="needs a column"):
        load_contracts(settings)


def test_where_the_rows_of_a_table_come_from_is_one_of_three(edited: Edit) -> None:
    threshold = "- {property: quality_threshold"
    with pytest.raises(ContractError, match="`origin` must be one of"):
        load_contracts(edited(threshold, "- {property: origin, value: nowhere}\n      " + threshold))


@pytest.mark.parametrize("new", ["beauty: 0.1", "conformance: 2", "conformance: x"])
def test_a_quality_threshold_is_a_share_on_a_known_dimension(edited: Edit, new: str) -> None:
    with pytest.raises(ContractError, match="a share from 0 to 1"):
        load_contracts(edited("conformance: 0.02", new))


def test_the_tables_that_clinics_send_have_thresholds_on_every_dimension() -> None:
    tables = load_contracts(Settings()).tables
    assert {name for name, table in tables.items() if not table.is_delivered} == {"clinic", "submission"}
    for table in tables.values():
        assert len(table.quality_thresholds) == (3 if table.is_delivered else 0), table.name
        assert all(0 < share < 1 for share in table.quality_thresholds.values())


def test_every_rule_of_the_warehouse_has_a_sentence_by_its_id() -> None:
    contracts = load_contracts(Settings())
    assert "course.target_dx_seq_orphan" in contracts.cross_table_sentences
    assert (
        contracts.cross_table_sentences["session.study_day_in_course"]
        == contracts.rules["session.study_day_in_course"].sentence
    )
    assert "session.dose_mg_range" not in contracts.cross_table_sentences


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
