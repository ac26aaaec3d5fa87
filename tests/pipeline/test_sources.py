"""REDCap and FHIR clinics, made up for the purpose, go through ingest; what is accepted and refused is on file."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.lake.receipts import Counts, Receipt
from registry_pipeline.settings import Settings
from tests.conftest import ROOT
from tests.xport import member, transport

GOLDEN = ROOT / "tests/golden"
CLINICS = {"redcap": "C501", "fhir": "C502"}


class Home:
    """A registry home with one clinic of a golden folder."""

    def __init__(self, root: Path, source: str) -> None:
        self.root = root
        self.clinic_id = CLINICS[source]
        self.golden = GOLDEN / source
        self.settings = Settings(home=root, settle_seconds=0)
        (root / "landing" / self.clinic_id).mkdir(parents=True)
        (root / "feeds").mkdir()
        for file in (*self.golden.glob("*.yaml"), *self.golden.glob("dictionary.csv")):
            shutil.copy(file, root / "feeds")

    def drop(self, *files: Path) -> None:
        for file in files:
            shutil.copy(file, self.root / "landing" / self.clinic_id)

    def drop_all(self) -> None:
        self.drop(*self.golden.glob("*.ndjson"), *self.golden.glob("export_*.csv"))

    def ingest(self) -> dict[str, Receipt]:
        summary = ingest_landing(self.settings)
        assert summary.problems == []
        return {receipt.file_name: receipt for receipt in summary.receipts}

    def rows(self, folder: str, columns: list[str]) -> list[tuple[str, ...]]:
        files = sorted((self.root / folder).rglob("*.parquet"))
        frames = [pl.read_parquet(file, hive_partitioning=False).select(columns) for file in files]
        text = pl.concat(frames).select(pl.all().cast(pl.String).fill_null(""))
        return sorted(text.rows())


@pytest.fixture(params=["redcap", "fhir"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return Home(tmp_path / "home", request.param)


@pytest.fixture
def redcap(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", "redcap")


@pytest.fixture
def fhir(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", "fhir")


def expected(file: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    with file.open(newline="") as handle:
        header, *rows = csv.reader(handle)
    return header, sorted(tuple(row) for row in rows)


@pytest.mark.slow
def test_every_accepted_row_is_as_on_file(home: Home) -> None:
    home.drop_all()
    home.ingest()
    files = {file.stem: file for file in (home.golden / "expected").glob("*.csv")}
    findings = files.pop("quarantine")
    assert {folder.name for folder in (home.root / "lake").iterdir()} == set(files)
    for table, file in files.items():
        columns, rows = expected(file)
        assert home.rows(f"lake/{table}", columns) == rows, table
    columns, rows = expected(findings)
    assert home.rows("quarantine", columns) == rows


@pytest.mark.slow
def test_records_add_up_for_every_file_and_table(home: Home) -> None:
    home.drop_all()
    for receipt in home.ingest().values():
        assert all(counts.is_balanced for counts in receipt.tables.values())
        assert sum(receipt.tables.values(), Counts()) == receipt.counts


def files_with(root: Path, needle: str) -> Iterator[Path]:
    return (file for file in root.rglob("*") if file.is_file() and needle.encode() in file.read_bytes())


def test_a_redcap_export_with_identifier_fields_is_refused_whole(redcap: Home, shared: Path) -> None:
    sample = shared / "data/redcap/repeating-instruments"
    shutil.copy(sample / "dictionary.csv", redcap.root / "feeds")
    (redcap.root / "feeds/C501.yaml").write_text("""
clinic_id: C501
version: 1.0.0
clinic_type: pain
deid_method: safe_harbor
files:
  - pattern: "data.csv"
    format: redcap
    mode: snapshot
    redcap: {dictionary: dictionary.csv}
    ignore: [first_name, dob, "date_*", "*_complete"]
    ignore_sheets: [demographics]
    tables: [{table: diagnosis, sheet: bp}]
""")
    redcap.drop(sample / "data.csv")
    receipt = redcap.ingest()["data.csv"]
    assert receipt.refusal is not None
    assert (receipt.status, receipt.refusal.rule_id) == ("refused", "delivery.identifier_field")
    assert receipt.counts == Counts()
    assert not list((redcap.root / "lake").rglob("*.parquet"))
    assert not list((redcap.root / "quarantine").rglob("*.parquet"))


def test_an_identifier_in_a_form_that_the_feed_ignores_still_refuses_the_export(redcap: Home) -> None:
    dictionary = redcap.root / "feeds/dictionary.csv"
    dictionary.write_text(dictionary.read_text().replace("office_note,office", "contact_name,office"))
    export = redcap.root / "landing/C501/export_001.csv"
    export.write_text((redcap.golden / export.name).read_text().replace("office_note", "contact_name"))
    refusal = redcap.ingest()[export.name].refusal
    assert refusal is not None
    assert refusal.rule_id == "delivery.identifier_column"
    assert "Column 50" in refusal.reason


def test_a_new_dictionary_lets_an_export_in_that_the_old_one_refused(redcap: Home) -> None:
    dictionary = redcap.root / "feeds/dictionary.csv"
    right = dictionary.read_text()
    dictionary.write_text(right.replace("\nroute,", "\nroute_of_old,"))
    redcap.drop_all()
    (old,) = redcap.ingest().values()
    dictionary.write_text(right)
    (new,) = redcap.ingest().values()
    assert old.refusal is not None
    assert (old.refusal.rule_id, new.status) == ("delivery.dictionary", "partial")


@pytest.mark.parametrize(
    ("left_out", "rule"),
    [
        ((), "delivery.identifier_field"),
        (("identifier", "text"), "delivery.identifier_column"),
    ],
)
def test_fhir_patients_with_identifiers_are_refused_though_the_feed_ignores_them(
    fhir: Home, shared: Path, left_out: tuple[str, ...], rule: str
) -> None:
    feed = fhir.root / "feeds/C502.yaml"
    ignored = '["meta.*", "text.*", "extension.*", "ident*", "name.*", "tele*", "birth*", "addr*", "m*", "comm*"]'
    feed.write_text(feed.read_text().replace('["meta.*", active]', ignored))
    patient = json.loads((shared / "data/fhir/patient/patient1.ndjson").read_text())
    kept = {key: value for key, value in patient.items() if key not in left_out}
    (fhir.root / "landing/C502/Patient1.ndjson").write_text(json.dumps(kept))
    receipt = fhir.ingest()["Patient1.ndjson"]
    assert receipt.refusal is not None
    assert (receipt.status, receipt.refusal.rule_id) == ("refused", rule)
    assert not list((fhir.root / "lake").rglob("*.parquet"))
    assert [file.name for file in files_with(fhir.root, "Kerluke267")] == ["Patient1.ndjson"]


def test_fhir_dates_of_a_real_export_are_not_taken_for_study_days(fhir: Home, shared: Path) -> None:
    feed = fhir.root / "feeds/C502.yaml"
    kept = '"component.*.code.loinc", code.clinic, status'
    feed.write_text(
        feed.read_text()
        .replace(kept, kept + ', "meta.*", "category.*", code.text, encounter.reference, issued, "component.*"')
        .replace(
            "study_day: extension.study-day\n          timing_rel_dose: {constant: none}\n          mode: "
            "{constant: self}\n          recall: {constant: 24h}",
            "study_day: effectiveDateTime\n          timing_rel_dose: {constant: none}\n          mode: "
            "{constant: self}\n          recall: {constant: 24h}",
        )
    )
    shutil.copy(shared / "data/fhir/observation/vitals.ndjson", fhir.root / "landing/C502/Observation1.ndjson")
    receipt = fhir.ingest()["Observation1.ndjson"]
    assert receipt.refusal is not None
    assert receipt.counts == Counts()


def test_a_resource_that_comes_again_as_entered_in_error_is_taken_back(fhir: Home) -> None:
    feed = fhir.root / "feeds/C502.yaml"
    feed.write_text(feed.read_text().replace("mode: snapshot", "mode: incremental"))
    first = json.loads((fhir.golden / "Observation.ndjson").read_text().splitlines()[0])
    for number, status in ((1, "final"), (2, "entered-in-error")):
        file = fhir.root / f"landing/C502/Observation{number}.ndjson"
        file.write_text(json.dumps({**first, "status": status}) + "\n")
        assert fhir.ingest()[file.name].tables["outcome_assessment"] == Counts(1, 1)
    assert fhir.rows("lake/outcome_assessment", ["assessment_id", "is_retracted"]) == [
        ("ob-1", "false"),
        ("ob-1", "true"),
    ]


COURSE: dict[str, str | float] = {
    "course_id": "c1",
    "patient_id": "p_4m8x2c6v0b1n5z9q3w7e2r6t8y",
    "course_no": 1,
    "intent": "induction",
    "target_dx_seq": 1,
    "start_day": 0,
    "end_reason": "completed",
    "payer_type": "self",
}
COURSES = [COURSE, {**COURSE, "course_id": "c2", "start_day": -1}]


def ingested_courses(home: Home, file: str, content: bytes, columns: dict[str, str]) -> list[tuple[str, ...]]:
    """Ingest a good course and one that starts too early, and return those accepted."""
    form = file.partition(".")[2]
    mapping = {"table": "course", "columns": columns}
    entry = {"pattern": file, "format": form, "mode": "snapshot", "tables": [mapping]}
    feed = {"clinic_id": "C501", "version": "1.0.0", "clinic_type": "pain", "deid_method": "safe_harbor"}
    (home.root / "feeds/C501.yaml").write_text(json.dumps({**feed, "files": [entry]}))
    (home.root / "landing/C501" / file).write_bytes(content)
    receipt = home.ingest()[file]
    assert (receipt.tables, receipt.rules) == ({"course": Counts(2, 1, 1)}, {"course.start_day_range": 1})
    return home.rows("lake/course", ["course_id", "start_day", "line"])


def test_a_json_array_is_judged_like_any_other_file(redcap: Home) -> None:
    nested = [
        {**{name: cell for name, cell in course.items() if name != "start_day"}, "when": {"start": course["start_day"]}}
        for course in COURSES
    ]
    content = json.dumps(nested).encode()
    assert ingested_courses(redcap, "course.json", content, {"start_day": "when.start"}) == [("c1", "0", "1")]


def test_a_sas_transport_file_is_judged_like_any_other_file(redcap: Home) -> None:
    short = {name: f"V{number}" for number, name in enumerate(COURSE)}  # SAS allowed eight letters then
    columns = [(short[name], 30 if isinstance(cell, str) else 0, "") for name, cell in COURSE.items()]
    content = transport(member(columns, [list(course.values()) for course in COURSES]))
    assert ingested_courses(redcap, "course.xpt", content, short) == [("c1", "0", "1")]


@pytest.mark.parametrize(
    ("source", "page", "file", "tables"),
    [
        ("redcap", "redcap.md", "export_001.csv", {"session": 3, "adverse_event": 2}),
        ("fhir", "fhir.md", "QuestionnaireResponse.ndjson", {"outcome_assessment": 3}),
        ("fhir", "fhir.md", "Observation.ndjson", {"session_vital": 4}),
    ],
)
def test_the_feed_of_the_how_to_takes_the_golden_files(
    tmp_path: Path, source: str, page: str, file: str, tables: dict[str, int]
) -> None:
    home = Home(tmp_path / "home", source)
    (feed,) = re.findall(r"```yaml\n(clinic_id: .*?)```", (ROOT / "docs/how-to" / page).read_text(), re.DOTALL)
    (home.root / "feeds" / f"{home.clinic_id}.yaml").write_text(feed)
    home.drop(home.golden / file)
    receipt = home.ingest()[file]
    assert receipt.refusal is None
    assert {name: receipt.tables[name].n_accepted for name in tables} == tables
