"""What the shipped table contracts and vocabularies say, judged without the compiler that turns them into checks."""

import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import open_data_contract_standard
import polars as pl
import pytest
import yaml

from registry_pipeline.contracts.checks import parse_check
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.contracts.model import (
    Column,
    Compare,
    Expression,
    MaxLength,
    OneOf,
    Pattern,
    Range,
    RangeBy,
    Rule,
    Source,
    TableContract,
)
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.settings import Settings

SETTINGS = Settings()
FILES = sorted(SETTINGS.contracts_dir.glob("*.odcs.yaml"))
TABLES = {
    "clinic", "patient", "diagnosis", "course", "session",
    "outcome_assessment", "adverse_event", "consent_event", "followup_contact",
    "submission", "screening_item", "session_vital", "session_comed",
    "outcome_item", "conmed", "opioid_day", "co_therapy",
}  # fmt: skip
VOCABULARY_KEYS = {
    "instruments": "instrument",
    "ae_terms": "ae_term",
    "screening_items": "item",
    "instrument_items": "instrument",
    "vital_params": "param",
    "mme_factors": "opioid",
    "zip3_restricted": "zip3",
    "deid_patterns": "rule",
}


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(SETTINGS)


def raw_contracts() -> dict[str, Any]:
    return {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES}


def polars_type(column: Column) -> pl.DataType:
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.physical_type):
        return pl.Decimal(int(decimal.group(1)), int(decimal.group(2)))
    return {"VARCHAR": pl.String(), "SMALLINT": pl.Int16(), "INTEGER": pl.Int32(), "BOOLEAN": pl.Boolean()}[
        column.physical_type
    ]


def polars_schema(table: TableContract) -> dict[str, pl.DataType]:
    return {column.name: polars_type(column) for column in table.columns}


def typed(column: Column, text: str | None) -> object:
    if text is None or column.physical_type == "VARCHAR":
        return text
    if column.physical_type == "BOOLEAN":
        return {"true": True, "false": False}[text]
    return Decimal(text) if column.physical_type.startswith("DECIMAL") else int(text)


def example_row(table: TableContract) -> dict[str, object]:
    return {column.name: typed(column, column.example) for column in table.columns}


def expression_holds(table: TableContract, sql: str, row: dict[str, object]) -> bool:
    frame = pl.DataFrame([row], schema=polars_schema(table), orient="row")
    return frame.select(pl.sql_expr(sql).alias("holds"))["holds"].item() is not False


def in_range(value: Any, low: Decimal | None, high: Decimal | None, *, exclusive: bool = False) -> bool:
    above = low is None or (value > low if exclusive else value >= low)
    return above and (high is None or value <= high)


def holds(table: TableContract, rule: Rule, row: dict[str, object]) -> bool:
    """Judge one rule on one row in the plainest way there is."""
    if isinstance(rule.check, Expression):
        return expression_holds(table, rule.check.sql, row)
    if isinstance(rule.check, Compare):
        left, right = row[rule.check.left], row[rule.check.right]
        return left is None or right is None or (rule.check.op == "<=" and left <= right)
    value: Any = row[rule.column] if rule.column else None
    if value is None:
        return True
    match rule.check:
        case Range(low, high, exclusive):
            return in_range(value, low, high, exclusive=exclusive)
        case OneOf(values):
            return value in values
        case Pattern(regex):
            return re.fullmatch(regex, value) is not None
        case MaxLength(n):
            return len(value) <= n
        case RangeBy(key, _, ranges):
            return any(name == row[key] and in_range(value, low, high) for name, low, high in ranges)
    return True


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_contract_is_valid_open_data_contract_standard(file: Path) -> None:
    schema_file = Path(open_data_contract_standard.__file__).with_name("schema.json")
    schema = json.loads(schema_file.read_text(encoding="utf-8"))
    jsonschema.Draft201909Validator(schema).validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_all_tables_are_there_each_in_the_file_of_its_name(contracts: Contracts) -> None:
    assert set(contracts.tables) == TABLES
    assert {file.name for file in FILES} == {f"{name}.odcs.yaml" for name in TABLES}


def test_every_contract_carries_the_same_version() -> None:
    assert len({contract["version"] for contract in raw_contracts().values()}) == 1


def test_the_contracts_hold_exactly_the_columns_of_the_data_dictionary(contracts: Contracts, shared: Path) -> None:
    with (shared / "reference" / "data_dictionary.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["table"] in TABLES]
    dictionary = [
        (row["table"], row["column"], row["type"], row["nullable"] == "N", row["layer"], "PK" in row["key"].split())
        for row in rows
    ]
    counts = {"n_records", "n_accepted", "n_quarantined", "n_duplicate"}
    written = [
        (table.name, column.name, column.physical_type, column.is_required, column.layer, column.is_key)
        for name in dict.fromkeys(row["table"] for row in rows)
        for table in [contracts.tables[name]]
        for column in table.columns
        # The specification's table has them, its dictionary does not.
        if not (name == "submission" and column.name in counts)
    ]
    assert written == dictionary


def test_the_contracts_allow_exactly_the_values_of_the_data_dictionary(contracts: Contracts, shared: Path) -> None:
    with (shared / "reference" / "data_dictionary.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["table"] in TABLES]
    for row in rows:
        values = [value.strip() for value in row["allowed"].split(";")]
        values = [value for value in values if re.fullmatch(r"[0-9a-z_+-]+", value)]
        if row["type"] == "VARCHAR" and len(values) > 1:
            check = contracts.rules[f"{row['table']}.{row['column']}_allowed"].check
            assert isinstance(check, OneOf)
            assert list(check.values) == values, (row["table"], row["column"])


def test_every_rule_has_an_id_a_sentence_a_severity_and_a_dimension(contracts: Contracts) -> None:
    for rule in contracts.rules.values():
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", rule.id)
        assert rule.id.startswith(f"{rule.table}.")
        assert rule.sentence.endswith((".", "?"))
        assert rule.severity in {"reject", "warn"}
        assert rule.dimension in {"conformance", "completeness", "plausibility"}


def test_every_column_has_a_description_and_an_example_unless_the_example_row_leaves_it_empty(
    contracts: Contracts,
) -> None:
    empty = set()
    for table in contracts.tables.values():
        for column in table.columns:
            assert column.description.endswith("."), column.name
            if column.example is None:
                assert not column.is_required
                empty.add(f"{table.name}.{column.name}")
    assert empty == {
        "outcome_assessment.minutes_post",
        "adverse_event.followup_id",
        "adverse_event.meddra_pt_code",
        "adverse_event.sae_reason",
    }


def test_every_text_column_is_a_closed_list_a_pattern_or_scanned_for_identifiers(contracts: Contracts) -> None:
    closed = {rule.column for rule in contracts.rules.values() if isinstance(rule.check, OneOf | Pattern | MaxLength)}
    for table in contracts.tables.values():
        assert {column.name for column in table.columns if column.physical_type == "VARCHAR"} <= closed


def test_every_foreign_key_of_the_data_model_is_declared(contracts: Contracts) -> None:
    keys = {
        (table.name, key.column, f"{key.parent_table}.{key.parent_column}")
        for table in contracts.tables.values()
        for key in table.foreign_keys
    }
    assert keys == {
        *((name, "patient_id", "patient.patient_id") for name in
          ("diagnosis", "course", "outcome_assessment", "consent_event", "followup_contact",
           "conmed", "opioid_day", "co_therapy")),
        ("course", "target_dx_seq", "diagnosis.dx_seq"),
        ("session", "course_id", "course.course_id"),
        ("screening_item", "course_id", "course.course_id"),
        ("session_vital", "session_id", "session.session_id"),
        ("session_comed", "session_id", "session.session_id"),
        ("outcome_item", "assessment_id", "outcome_assessment.assessment_id"),
        ("outcome_assessment", "course_id", "course.course_id"),
        ("adverse_event", "session_id", "session.session_id"),
        ("adverse_event", "followup_id", "followup_contact.followup_id"),
    }  # fmt: skip


def test_every_expression_gives_a_boolean_on_empty_on_null_and_on_typed_rows(contracts: Contracts) -> None:
    for table in contracts.tables.values():
        schema = polars_schema(table)
        nothing: dict[str, object] = dict.fromkeys(schema)
        filled = pl.DataFrame([example_row(table), nothing], schema=schema, orient="row")
        for rule in table.rules:
            if isinstance(rule.check, Expression):
                for frame in (filled, filled.clear()):
                    result = frame.select(pl.sql_expr(rule.check.sql).alias("holds"))
                    assert result.schema == {"holds": pl.Boolean()}, rule.id
                    assert result.height == frame.height, rule.id


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_example_row_of_a_table_fulfils_its_rules(contracts: Contracts, name: str) -> None:
    table = contracts.tables[name]
    row = example_row(table)
    assert [rule.id for rule in table.rules if not holds(table, rule, row)] == []


BROKEN: list[tuple[str, dict[str, object]]] = [
    ("patient.age_years_range", {"age_years": 17}),
    ("patient.age_years_range", {"age_years": 91}),
    ("patient.age_band_matches_age", {"age_years": 90, "age_band": "75-89"}),
    ("patient.age_band_matches_age", {"age_years": 75, "age_band": "65-74"}),
    ("patient.age_ge_46_matches_age", {"age_years": 45, "age_ge_46": True}),
    ("patient.age_ge_46_matches_age", {"age_years": 46, "age_ge_46": False}),
    ("patient.age_ge_46_matches_band", {"age_years": None, "age_band": "35-44", "age_ge_46": True}),
    ("patient.age_ge_46_matches_band", {"age_years": None, "age_band": "55-64", "age_ge_46": False}),
    ("patient.region_not_restricted", {"region": "036"}),
    ("patient.region_pattern", {"region": "60614"}),
    ("patient.index_year_not_future", {"index_year": 2999}),
    ("patient.weight_kg_unusual", {"weight_kg": Decimal("39.9")}),
    ("patient.patient_id_pattern", {"patient_id": "MRN 00482913"}),
    ("course.end_after_start", {"start_day": 22, "end_day": 21}),
    ("session.implied_weight", {"dose_mg": Decimal("0.50"), "dose_mg_per_kg": Decimal("0.500")}),
    ("session.implied_weight", {"dose_mg": Decimal("26.30"), "dose_mg_per_kg": Decimal("0.100")}),
    ("session.implied_weight", {"dose_mg": Decimal("28.49"), "dose_mg_per_kg": Decimal("1.000")}),
    ("session.dose_mg_per_kg_unusual", {"dose_mg_per_kg": Decimal("2.001"), "duration_min": 120}),
    ("session.esketamine_dose_unusual", {"drug": "esketamine", "route": "intranasal", "dose_mg": Decimal(30)}),
    ("outcome_assessment.score_given", {"total": None, "items_sum": None}),
    ("outcome_assessment.score_given", {"total": None, "n_items_answered": None}),
    ("outcome_assessment.minutes_post_only_post", {"minutes_post": 60, "timing_rel_dose": "pre"}),
    ("outcome_assessment.n_items_answered_fits", {"instrument": "phq9", "n_items_answered": 10}),
    ("outcome_assessment.total_range", {"instrument": "phq9", "total": Decimal("27.01")}),
    ("adverse_event.one_contact", {"followup_id": "F-1"}),
    ("adverse_event.one_contact", {"session_id": None}),
    ("adverse_event.sae_reason_iff_serious", {"serious": True}),
    ("adverse_event.sae_reason_iff_serious", {"sae_reason": "hospital"}),
    ("adverse_event.fatal_iff_grade_5", {"ctcae_grade": 5}),
    ("adverse_event.fatal_iff_grade_5", {"ctcae_grade": 4, "outcome": "fatal"}),
    ("adverse_event.fatal_without_grade", {"ctcae_grade": None, "outcome": "fatal"}),
    ("adverse_event.end_after_onset", {"onset_min": 71}),
    ("adverse_event.no_end_while_ongoing", {"ongoing": True}),
    ("adverse_event.verbatim_length", {"verbatim": "x" * 101}),
    ("screening_item.item_allowed", {"item": "shoe_size"}),
    ("screening_item.result_allowed", {"result": "yes"}),
    ("screening_item.decision_allowed", {"decision": "wait"}),
    *(
        ("session_vital.value_range", {"param": param, "value": Decimal(value)})
        for param, value in (
            ("sbp", "49.9"),
            ("sbp", "260.1"),
            ("dbp", "19.9"),
            ("dbp", "160.1"),
            ("hr", "24.9"),
            ("hr", "220.1"),
            ("spo2", "49.9"),
            ("spo2", "100.1"),
            ("rr", "3.9"),
            ("rr", "60.1"),
            ("etco2", "-0.1"),
            ("etco2", "100.1"),
            ("moaas", "-0.1"),
            ("moaas", "5.1"),
        )
    ),
    ("session_vital.param_allowed", {"param": "map"}),
    ("session_vital.phase_allowed", {"phase": "before"}),
    ("session_vital.minute_range", {"minute": -1441}),
    ("session_vital.minute_range", {"minute": 20001}),
    ("session_comed.drug_class_allowed", {"drug_class": "ondansetron"}),
    ("session_comed.timing_allowed", {"timing": "none"}),
    ("session_comed.reason_allowed", {"reason": "other"}),
    ("outcome_item.item_no_range", {"item_no": 21}),
    ("outcome_item.value_range", {"value": Decimal("4.01")}),
    ("conmed.class_allowed", {"class": "statin"}),
    ("conmed.start_day_range", {"start_day": 20001}),
    ("conmed.end_after_start", {"start_day": 91}),
    ("opioid_day.opioid_allowed", {"opioid": "naloxone"}),
    ("opioid_day.daily_dose_range", {"daily_dose": Decimal("-0.01")}),
    ("opioid_day.daily_dose_range", {"daily_dose": Decimal("5000.01")}),
    ("opioid_day.study_day_range", {"study_day": -366}),
    ("opioid_day.unit_allowed", {"unit": "mg"}),
    ("opioid_day.unit_fits_opioid", {"unit": "mcg/h"}),
    ("opioid_day.unit_fits_opioid", {"opioid": "fentanyl_transdermal_mcg_h"}),
    ("co_therapy.kind_allowed", {"kind": "yoga"}),
    ("co_therapy.start_day_range", {"start_day": -3651}),
    ("co_therapy.end_after_start", {"end_day": -31}),
    ("co_therapy.n_contacts_range", {"n_contacts": 501}),
    ("submission.seq_range", {"seq": 0}),
    ("submission.file_sha256_pattern", {"file_sha256": "abc"}),
    ("submission.schema_version_pattern", {"schema_version": "1.0"}),
    ("submission.deid_method_allowed", {"deid_method": "none"}),
    ("submission.attested_true", {"attested": False}),
    ("submission.records_balance", {"n_records": 216}),
]


@pytest.mark.parametrize(("rule_id", "change"), BROKEN)
def test_a_rule_refuses_what_it_is_there_for(contracts: Contracts, rule_id: str, change: dict[str, object]) -> None:
    rule = contracts.rules[rule_id]
    table = contracts.tables[rule.table]
    assert not holds(table, rule, example_row(table) | change)


SOUND: list[tuple[str, dict[str, object]]] = [
    ("patient.age_band_matches_age", {"age_years": 90, "age_band": "90+"}),
    ("patient.age_band_matches_age", {"age_years": None, "age_band": "18-24"}),
    ("patient.region_not_restricted", {"region": "000"}),
    ("patient.region_pattern", {"region": "IL"}),
    ("patient.region_pattern", {"region": "unknown"}),
    ("course.end_after_start", {"start_day": 21, "end_day": 21}),
    ("session.implied_weight", {"dose_mg": Decimal("28.50"), "dose_mg_per_kg": Decimal("1.000")}),
    ("session.implied_weight", {"dose_mg": Decimal("0.50"), "dose_mg_per_kg": None}),
    ("session.dose_mg_per_kg_unusual", {"dose_mg_per_kg": Decimal(3), "duration_min": 60, "setting": "hospital"}),
    ("session.dose_mg_per_kg_unusual", {"dose_mg_per_kg": Decimal(3), "duration_min": 121}),
    ("session.esketamine_dose_unusual", {"drug": "esketamine", "route": "intranasal", "dose_mg": Decimal(84)}),
    ("outcome_assessment.score_given", {"total": None}),
    ("outcome_assessment.minutes_post_only_post", {"minutes_post": 60, "timing_rel_dose": "post"}),
    ("adverse_event.sae_reason_iff_serious", {"serious": True, "sae_reason": "hospital"}),
    ("adverse_event.fatal_iff_grade_5", {"ctcae_grade": 5, "outcome": "fatal"}),
    ("adverse_event.fatal_iff_grade_5", {"ctcae_grade": None}),
    ("adverse_event.one_contact", {"session_id": None, "followup_id": "F-1"}),
    ("session_vital.value_range", {"param": "sbp", "value": Decimal(50)}),
    ("session_vital.value_range", {"param": "moaas", "value": Decimal(5)}),
    ("conmed.end_after_start", {"start_day": None}),
    ("opioid_day.opioid_allowed", {"opioid": "buprenorphine"}),
    ("opioid_day.unit_fits_opioid", {"opioid": "fentanyl_transdermal_mcg_h", "unit": "mcg/h"}),
]


@pytest.mark.parametrize(("rule_id", "change"), SOUND)
def test_a_rule_leaves_sound_rows_alone(contracts: Contracts, rule_id: str, change: dict[str, object]) -> None:
    rule = contracts.rules[rule_id]
    table = contracts.tables[rule.table]
    assert holds(table, rule, example_row(table) | change)


@pytest.mark.parametrize(("name", "key"), VOCABULARY_KEYS.items())
def test_a_vocabulary_names_each_thing_once(name: str, key: str) -> None:
    values = [row[key] for row in read_vocabulary(SETTINGS.vocabulary_path(f"{name}.csv"))]
    assert all(values)
    assert len(values) == len(set(values))


def test_instruments_are_plain_numbers_and_known_words() -> None:
    numbers = {
        "min_score", "max_score", "n_items", "response_threshold", "substantial_threshold",
        "remission_score", "remission_strict_score", "baseline_floor", "deterioration_points",
    }  # fmt: skip
    for row in read_vocabulary(SETTINGS.vocabulary_path("instruments.csv")):
        assert all(re.fullmatch(r"(\d+(\.\d+)?)?", row[name]) for name in numbers), row["instrument"]
        assert Decimal(row["min_score"]) < Decimal(row["max_score"])
        assert row["better"] in {"lower", "higher"}
        assert row["response_kind"] in {"percent", "points", "absolute", "none"}
        assert (row["response_kind"] == "none") == (row["response_threshold"] == "")
        assert row["remission_op"] in {"", "<", "<="}
        assert (row["remission_op"] == "") == (row["remission_score"] == "")
        assert row["provenance"]


def test_the_contract_counts_the_items_that_the_vocabulary_gives(contracts: Contracts) -> None:
    check = contracts.rules["outcome_assessment.n_items_answered_fits"].check
    assert isinstance(check, Expression)
    vocabulary = read_vocabulary(SETTINGS.vocabulary_path("instruments.csv"))
    assert dict(re.findall(r"when '(\w+)' then (\d+)", check.sql)) == {
        row["instrument"]: row["n_items"] for row in vocabulary if row["n_items"]
    }


def test_single_answers_are_of_instruments_whose_totals_the_vocabulary_knows() -> None:
    instruments = {row["instrument"]: row for row in read_vocabulary(SETTINGS.vocabulary_path("instruments.csv"))}
    for row in read_vocabulary(SETTINGS.vocabulary_path("instrument_items.csv")):
        instrument, n_items = instruments[row["instrument"]], int(row["n_items"])
        assert instrument["n_items"] == row["n_items"]
        assert n_items * int(row["min_value"]) == int(instrument["min_score"])
        assert n_items * int(row["max_value"]) == int(instrument["max_score"])
        assert n_items - int(row["min_answered"]) == (1 if n_items < 10 else n_items // 5)


def test_the_contract_refuses_the_zip_areas_that_the_vocabulary_restricts(contracts: Contracts) -> None:
    check = contracts.rules["patient.region_not_restricted"].check
    assert isinstance(check, Expression)
    vocabulary = read_vocabulary(SETTINGS.vocabulary_path("zip3_restricted.csv"))
    assert re.findall(r"'(\d{3})'", check.sql) == [row["zip3"] for row in vocabulary]


def test_reference_files_hold_what_the_sources_hold(shared: Path) -> None:
    def column(path: Path, name: str) -> list[str]:
        return [row[name] for row in read_vocabulary(path)]

    source = shared / "reference"
    for file, name, origin in (
        ("ae_terms.csv", "ae_term", "ae_terms.csv"),
        ("screening_items.csv", "item", "screening_items.csv"),
        ("instruments.csv", "instrument", "instruments.csv"),
        ("mme_factors.csv", "opioid", "ref_mme_cdc2022.csv"),
    ):
        assert column(SETTINGS.vocabulary_path(file), name) == column(source / origin, name)
    union = json.loads((source / "zip3_restricted.json").read_text(encoding="utf-8"))["union"]
    assert column(SETTINGS.vocabulary_path("zip3_restricted.csv"), "zip3") == union


def test_the_identifier_patterns_flag_what_the_oracle_flags(shared: Path) -> None:
    patterns = read_vocabulary(SETTINGS.vocabulary_path("deid_patterns.csv"))
    strings = pl.read_csv(shared / "oracles" / "deid_strings_expected.csv", infer_schema=False)
    fired = strings.select(
        "text",
        *(
            pl.col("text")
            .str.contains(("" if row["is_case_sensitive"] == "true" else "(?i)") + row["pattern"])
            .alias(row["rule"])
            for row in patterns
        ),
    )
    for expected, row in zip(strings.iter_rows(named=True), fired.iter_rows(named=True), strict=True):
        rules = {name for name, value in row.items() if value is True}
        assert bool(rules) == (expected["must_flag"] == "1"), expected["safe_harbor_item"]
        assert set((expected["rules"] or "").split(";")) - {""} <= rules


def test_a_vocabulary_rule_takes_its_list_from_the_file() -> None:
    check = parse_check(
        {"check": "vocabulary", "name": "ae_terms", "column": "ae_term"},
        Source(Path("x.odcs.yaml"), 1),
        SETTINGS.vocabulary_path,
    )
    assert isinstance(check, OneOf)
    assert "dissociation" in check.values


def test_the_worked_example_of_the_docs_is_a_rule_that_compiles() -> None:
    text = (Path(__file__).parents[2] / "docs" / "explanation" / "contracts.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^- \{id: .*\}$", text, flags=re.MULTILINE)
    (rule,) = yaml.safe_load(line)
    check = parse_check(rule["implementation"], Source(Path("x.odcs.yaml"), 1), SETTINGS.vocabulary_path)
    assert check == Compare("duration_min", "<=", "discharge_min")
    assert rule["severity"] == "warn"
