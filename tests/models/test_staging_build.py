"""The build as a whole: a home in, one finished DuckDB file out, and when it is due."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import BuildError, ConfigurationError
from registry_pipeline.feeds.model import Feed
from registry_pipeline.lake.receipts import Counts, Receipt, write_receipt
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse import plan
from registry_pipeline.warehouse.build import build_warehouse, inputs_fingerprint, read_build
from registry_pipeline.warehouse.duck import open_database
from registry_pipeline.warehouse.lake_views import create_lake
from registry_pipeline.warehouse.reference import read_reference, reference_columns

FEED = """
clinic_id: C001
version: 1.0.0
clinic_type: {clinic_type}
deid_method: safe_harbor
files:
  - pattern: "*.csv"
    format: csv
    mode: snapshot
    tables:
      - table: patient
"""
TYPES = {"VARCHAR": pl.String, "SMALLINT": pl.Int16, "INTEGER": pl.Int32, "BOOLEAN": pl.Boolean}
ROWS: dict[str, dict[str, Any]] = {
    "patient": {"patient_id": "p1", "age_band": "25-34", "sex": "female", "data_cut_day": 400},
    "diagnosis": {"patient_id": "p1", "dx_seq": 1, "dx_code": "mdd"},
    "course": {
        "course_id": "k1",
        "patient_id": "p1",
        "course_no": 1,
        "intent": "induction",
        "target_dx_seq": 1,
        "start_day": 0,
    },
    "session": {
        "session_id": "s1",
        "course_id": "k1",
        "session_no": 1,
        "study_day": 0,
        "route": "iv",
        "ae_form_status": "complete",
    },
    "outcome_assessment": {
        "assessment_id": "a1",
        "patient_id": "p1",
        "instrument": "phq9",
        "study_day": -1,
        "timing_rel_dose": "none",
        "total": Decimal("20.00"),
    },
}


def _write_delivery(settings: Settings, delivery_id: str, arrival_no: int = 1, **rows: dict[str, Any]) -> Receipt:
    """Put a delivery with one row per table into the lake, as ingest would."""
    contracts = load_contracts(settings)
    for name, cells in rows.items():
        columns = [column for column in contracts.tables[name].columns if column.name != "clinic_id"]
        schema = {
            column.name: TYPES.get(column.physical_type) or pl.Decimal(*json.loads(f"[{column.physical_type[8:-1]}]"))
            for column in columns
        }
        frame = pl.DataFrame([{column.name: cells.get(column.name) for column in columns}], schema=schema)
        path = settings.layout.lake_file(name, "C001", delivery_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.with_columns(
            clinic_id=pl.lit("C001"),
            delivery_id=pl.lit(delivery_id),
            line=pl.lit(2, pl.Int64),
            warnings=pl.lit(None, pl.String),
        ).write_parquet(path)
    counts = Counts(len(rows), len(rows), 0, 0)
    receipt = Receipt(
        delivery_id=delivery_id,
        clinic_id="C001",
        file_name=f"{delivery_id}.csv",
        source="*.csv",
        mode="incremental",
        sequence=None,
        arrival_no=arrival_no,
        received_at="2026-01-01T00:00:00Z",
        n_bytes=1,
        feed_version="1.0.0",
        contract_version=contracts.version,
        rules_fingerprint="r",
        status="accepted",
        counts=counts,
        tables={name: Counts(1, 1, 0, 0) for name in rows},
    )
    write_receipt(settings.layout, receipt)
    return receipt


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a home with one clinic's feed."""
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "C001.yaml").write_text(FEED.format(clinic_type="pain"), encoding="utf-8")
    return Settings(home=tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, duckdb.DuckDBPyConnection]]:
    """Return a built home of one patient whose outcome was corrected by a second delivery."""
    home = tmp_path_factory.mktemp("built")
    (home / "feeds").mkdir()
    (home / "feeds" / "C001.yaml").write_text(FEED.format(clinic_type="pain"), encoding="utf-8")
    settings = Settings(home=home)
    _write_delivery(settings, "d1", **ROWS)
    corrected = {**ROWS["outcome_assessment"], "total": Decimal("21.00")}
    _write_delivery(settings, "d2", arrival_no=2, outcome_assessment=corrected)
    build = build_warehouse(settings)
    connection = open_database(build.path, read_only=True, settings=settings)
    yield settings, connection
    connection.close()


@pytest.mark.slow
def test_a_build_is_one_finished_file(built: tuple[Settings, duckdb.DuckDBPyConnection]) -> None:
    settings, connection = built
    build = read_build(settings)
    assert build is not None
    assert build.fingerprint == inputs_fingerprint(settings)
    assert not build.path.with_name("warehouse.duckdb.wal").exists()
    schemas = {row[0] for row in connection.execute("select distinct schema_name from duckdb_tables()").fetchall()}
    assert schemas == {"intermediate", "lake", "marts", "quality", "reference", "staging"}


@pytest.mark.slow
def test_the_later_delivery_corrects_the_earlier_one(built: tuple[Settings, duckdb.DuckDBPyConnection]) -> None:
    _, connection = built
    assert connection.execute("select baseline_score from intermediate.int_baseline").fetchall() == [(Decimal(21),)]
    assert connection.execute(
        "select delivery_id, n_cross_table_refused, n_current from quality.delivery_adjustments order by 1"
    ).fetchall() == [("d1", 0, 4), ("d2", 0, 1)]


@pytest.mark.slow
def test_tables_and_columns_carry_their_descriptions(built: tuple[Settings, duckdb.DuckDBPyConnection]) -> None:
    # What a mart's columns mean stands in its contract, and in the release.
    _, connection = built
    undocumented = connection.execute(
        """
        select schema_name, table_name, column_name from duckdb_columns()
        where not internal and schema_name not in ('lake', 'marts') and comment is null
        """
    ).fetchall()
    assert undocumented == []


@pytest.mark.slow
def test_a_build_leaves_nothing_but_its_files(built: tuple[Settings, duckdb.DuckDBPyConnection]) -> None:
    assert not [path for path in plan.project_path().rglob("*") if path.name in {".cache", "logs"}]
    settings, _ = built
    assert sorted(path.name for path in (settings.layout.work / "build").iterdir()) == [
        "build.json",
        "warehouse.duckdb",
    ]


@pytest.mark.slow
def test_a_home_without_deliveries_builds_to_empty_marts(settings: Settings) -> None:
    path = build_warehouse(settings).path
    connection = open_database(path, read_only=True, settings=settings)
    assert connection.execute("select count(*) from marts.response_rates").fetchall() == [(0,)]
    assert connection.execute("select * from staging.stg_clinic").fetchall() == [("C001", "pain")]
    connection.close()


@pytest.mark.slow
def test_a_failing_model_is_named_without_its_cells(settings: Settings) -> None:
    canary = "CANARY-7f3a"
    _write_delivery(settings, "d1", **ROWS, consent_event={"patient_id": canary, "seq": 1, "event": "registry_consent"})
    path = settings.layout.lake_file("patient", "C001", "d1")
    doubled = pl.read_parquet(path)
    pl.concat([doubled, doubled.with_columns(data_cut_day=pl.lit(3, pl.Int32))]).write_parquet(path)
    with pytest.raises(BuildError) as caught:
        build_warehouse(settings)
    assert "staging.cur_patient" in str(caught.value)
    assert "unique_combination_of_columns (1 rows)" in str(caught.value)
    assert canary not in str(caught.value)
    assert read_build(settings) is None


def test_a_missing_lake_file_is_an_error_that_says_what_to_do(settings: Settings) -> None:
    _write_delivery(settings, "d1", patient=ROWS["patient"])
    settings.layout.lake_file("patient", "C001", "d1").unlink()
    with pytest.raises(BuildError, match="restore it, or remove its receipt"):
        build_warehouse(settings)


def test_a_clinic_whose_feed_is_gone_keeps_its_data(settings: Settings) -> None:
    _write_delivery(settings, "d1", patient=ROWS["patient"])
    connection = duckdb.connect()
    feed = Feed.model_validate(yaml.safe_load(FEED.format(clinic_type="pain")) | {"clinic_id": "C002"})
    create_lake(connection, settings.layout, load_contracts(settings), {"C002": feed})
    assert connection.execute("select * from lake.clinic order by 1").fetchall() == [("C001", None), ("C002", "pain")]
    assert connection.execute("select patient_id, clinic_id, line from lake.patient").fetchall() == [("p1", "C001", 2)]
    connection.close()


def test_deliveries_are_a_table_made_of_their_receipts_and_feeds(settings: Settings) -> None:
    _write_delivery(settings, "d1", patient=ROWS["patient"])
    connection = duckdb.connect()
    feed = Feed.model_validate(yaml.safe_load(FEED.format(clinic_type="pain")))
    create_lake(connection, settings.layout, load_contracts(settings), {"C001": feed})
    assert connection.execute(
        "select submission_id, clinic_id, seq, deid_method, attested, n_records, n_accepted from lake.submission"
    ).fetchall() == [("d1", "C001", 1, "safe_harbor", True, 1, 1)]
    without_feed = duckdb.connect()
    create_lake(without_feed, settings.layout, load_contracts(settings), {})
    assert without_feed.execute("select deid_method, attested from lake.submission").fetchall() == [(None, False)]


def test_the_fingerprint_does_not_depend_on_when(settings: Settings) -> None:
    receipt = _write_delivery(settings, "d1", patient=ROWS["patient"])
    before = inputs_fingerprint(settings)
    write_receipt(settings.layout, replace(receipt, received_at="2027-01-01T00:00:00Z"))
    assert inputs_fingerprint(settings) == before


def test_the_fingerprint_changes_with_deliveries_feeds_and_settings_that_matter(settings: Settings) -> None:
    seen = {inputs_fingerprint(settings)}
    receipt = _write_delivery(settings, "d1", patient=ROWS["patient"])
    seen.add(inputs_fingerprint(settings))
    write_receipt(settings.layout, replace(receipt, rules_fingerprint="other"))
    seen.add(inputs_fingerprint(settings))
    (settings.layout.root / "feeds" / "C001.yaml").write_text(FEED.format(clinic_type="hospital"), encoding="utf-8")
    seen.add(inputs_fingerprint(settings))
    seen.add(inputs_fingerprint(Settings(home=settings.home, small_cell=5)))
    seen.add(inputs_fingerprint(Settings(home=settings.home, min_clinics=1)))
    seen.add(inputs_fingerprint(Settings(home=settings.home, max_clinic_share=0.9)))
    seen.add(inputs_fingerprint(Settings(home=settings.home, sensitive_below=20)))
    assert len(seen) == 8
    assert inputs_fingerprint(Settings(home=settings.home, threads=1)) in seen


def test_the_fingerprint_changes_with_a_vocabulary_of_the_site(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "reference"
    own.mkdir()
    (own / "ae_terms.csv").write_text("ae_term,body_system,is_aesi\nnausea,digestive,false\n", encoding="utf-8")
    site = Settings(home=settings.home, reference=own)
    assert inputs_fingerprint(site) != inputs_fingerprint(settings)


def test_a_vocabulary_is_typed_by_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("name,zip3,count,rate,flag,empty\na,036,1,0.5,true,\nb,100,,2,false,\n", encoding="utf-8")
    assert reference_columns(path) == {
        "name": "VARCHAR",
        "zip3": "VARCHAR",
        "count": "INTEGER",
        "rate": "DECIMAL(14,6)",
        "flag": "BOOLEAN",
        "empty": "VARCHAR",
    }
    assert read_reference(path).iloc[1].tolist() == ["b", "100", None, Decimal(2), False, None]


def test_a_database_that_is_absent_or_held_is_a_typed_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="registry run"):
        open_database(tmp_path / "none.duckdb", read_only=True, settings=settings)
    (tmp_path / "broken.duckdb").write_text("not a database", encoding="utf-8")
    with pytest.raises(BuildError, match="damaged"):
        open_database(tmp_path / "broken.duckdb", read_only=True, settings=settings)


def test_a_setting_that_duckdb_refuses_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="REGISTRY_MEMORY_LIMIT"):
        open_database(tmp_path / "x.duckdb", read_only=False, settings=Settings(home=tmp_path, memory_limit="lots"))


def test_spills_go_below_the_home(settings: Settings, tmp_path: Path) -> None:
    connection = open_database(tmp_path / "x.duckdb", read_only=False, settings=settings)
    (found,) = connection.execute("select current_setting('temp_directory'), current_setting('threads')").fetchall()
    connection.close()
    assert found == (str(settings.layout.work / "duckdb_tmp"), 2)


@pytest.mark.slow
def test_the_project_loads_from_wherever_it_is_installed(settings: Settings, tmp_path: Path) -> None:
    installed = tmp_path / "site" / "_content" / "dbt_like_sql"
    shutil.copytree(plan.project_path(), installed, ignore=shutil.ignore_patterns("__pycache__"))
    before = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    # In a process of its own: macros that were loaded from elsewhere before would be taken for these.
    code = (
        "import sys; from pathlib import Path; from registry_pipeline.settings import Settings;"
        "from registry_pipeline.warehouse import plan; from registry_pipeline.warehouse.project import compile_project;"
        "plan.content_path = lambda _: Path(sys.argv[1]);"
        "print(*(model.address for model in compile_project(Settings(home=Path(sys.argv[2])))))"
    )
    command = [sys.executable, "-c", code, str(installed), str(settings.home)]
    compiled = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "marts.response_rates" in compiled.stdout.split()
    after = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    assert [path for path in after if path not in before and settings.layout.work not in [path, *path.parents]] == []
