"""Kept releases lose the rows of a withdrawn patient and nothing else; the next release never counts them."""

import hashlib
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.nightly import run_nightly
from registry_pipeline.release.releases import current_release, is_intact, read_manifest, write_manifest
from registry_pipeline.settings import Settings
from registry_pipeline.withdrawal.night import apply_withdrawals
from registry_pipeline.withdrawal.search import search_home
from registry_pipeline.withdrawal.withdraw import BY_HAND, look, withdraw
from tests.withdrawal_support import Deliveries, busiest, consent, new_home, simulated, take

RELEASE = "20261122-abcdefabcd"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Deliveries:
    return simulated(tmp_path_factory.mktemp("clinic"), 25)


@pytest.fixture(scope="module")
def patient(clinic: Deliveries) -> str:
    return busiest(clinic)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, clinic: Deliveries) -> Path:
    """Return a home with a release that holds the rows of its lake, as far as the tests need them."""
    settings = new_home(tmp_path_factory.mktemp("released") / "home", clinic)
    clinic.drop(settings)
    take(settings)
    folder = settings.layout.releases / RELEASE
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "restricted.duckdb")) as connection:
        connection.execute("create schema staging; create schema intermediate; create schema marts; create schema meta")
        for table in clinic.tables:
            source = f"{settings.layout.lake}/{table}/clinic_id=C001/*.parquet"
            connection.execute(f"create table staging.stg_{table} as from read_parquet('{source}')")
        connection.execute(
            """
            create table intermediate.int_consented_patient as
              select row_number() over (order by patient_id) as patient_no, clinic_id, patient_id
              from staging.stg_patient;
            create table intermediate.int_session as
              select p.patient_no, s.session_id
              from staging.stg_session s
              join staging.stg_course c using (clinic_id, course_id)
              join intermediate.int_consented_patient p using (clinic_id, patient_id);
            create table intermediate.int_event as select clinic_id, session_id, 1 as n from staging.stg_session;
            create table intermediate.int_count as select 'C001' as clinic_id, 25 as n_patients;
            create table marts.response_rates as select 'all' as level, 25 as denominator;
            create view intermediate.everyone as select patient_id from staging.stg_patient;
            comment on table staging.stg_patient is 'Who was treated.';
            comment on column staging.stg_patient.patient_id is 'The random id.';
            """
        )
    with duckdb.connect(str(folder / "registry.duckdb")) as connection:
        connection.execute("create table aggregates as select 25 as denominator")
    about = {"release_id": RELEASE, "inputs_fingerprint": "f" * 64, "published_at": "2026-11-22T02:00:00+00:00"}
    write_manifest(folder, {**about, "releases": [about]})
    return settings.layout.root


@pytest.fixture
def home(tmp_path: Path, released: Path) -> Settings:
    """Return a home of one test, which ingesting anew for each of them would make slow."""
    return Settings(home=shutil.copytree(released, tmp_path / "home"), settle_seconds=0)


def folder(settings: Settings) -> Path:
    return settings.layout.releases / RELEASE


def ask(file: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def verifies(release: Path) -> bool:
    said = read_manifest(release)["files"]
    return all(hashlib.sha256((release / name).read_bytes()).hexdigest() == said[name]["sha256"] for name in said)


def erase(settings: Settings, patient: str) -> None:
    withdraw(settings, "C001", {patient: BY_HAND})


@pytest.mark.slow
def test_a_kept_release_holds_every_row_but_the_patients(home: Settings, clinic: Deliveries, patient: str) -> None:
    erase(home, patient)
    rest = clinic.without(patient)
    for table, rows in rest.tables.items():
        assert ask(folder(home) / "restricted.duckdb", f"select count(*) from staging.stg_{table}") == [(len(rows),)]
    for table in ("int_session", "int_event"):
        n_rows = ask(folder(home) / "restricted.duckdb", f"select count(*) from intermediate.{table}")
        assert n_rows == [(len(rest.tables["session"]),)]
    assert search_home(home, patient) == []


def test_aggregates_views_and_comments_stay(home: Settings, patient: str) -> None:
    erase(home, patient)
    file = folder(home) / "restricted.duckdb"
    assert ask(file, "select n_patients from intermediate.int_count") == [(25,)]
    assert ask(file, "select denominator from marts.response_rates") == [(25,)]
    assert ask(file, "select count(*) from intermediate.everyone") == [(24,)]
    assert ask(file, "select comment from duckdb_tables() where comment is not null") == [("Who was treated.",)]
    assert ask(file, "select comment from duckdb_columns() where comment is not null") == [("The random id.",)]


@pytest.mark.slow
def test_the_public_file_stays_as_published_and_the_manifest_tells_of_the_erasure(
    home: Settings, clinic: Deliveries, patient: str
) -> None:
    public = (folder(home) / "registry.duckdb").read_bytes()
    erase(home, patient)
    assert (folder(home) / "registry.duckdb").read_bytes() == public
    assert verifies(folder(home))
    manifest = read_manifest(folder(home))
    (erasure,) = manifest["erasures"]
    assert erasure["rows"]["staging.stg_session"] == clinic.of(patient).counts()["session"]
    assert patient not in json.dumps(manifest)
    assert manifest["release_id"] == RELEASE


@pytest.mark.slow
def test_erased_bytes_do_not_survive_in_the_file(home: Settings, patient: str) -> None:
    file = folder(home) / "restricted.duckdb"
    assert patient.encode() in file.read_bytes()
    erase(home, patient)
    assert patient.encode() not in file.read_bytes()


@pytest.mark.slow
def test_who_has_the_old_file_open_keeps_reading_it(home: Settings, patient: str) -> None:
    with duckdb.connect(str(folder(home) / "restricted.duckdb"), read_only=True) as reader:
        before = reader.execute("select count(*) from staging.stg_patient").fetchall()
        erase(home, patient)
        assert reader.execute("select count(*) from staging.stg_patient").fetchall() == before


@pytest.mark.slow
def test_a_release_without_the_patient_is_not_touched(home: Settings, clinic: Deliveries, patient: str) -> None:
    erase(home, patient)
    before = {file.name: file.read_bytes() for file in folder(home).rglob("*.*")}
    other = next(row["patient_id"] for row in clinic.tables["patient"] if row["patient_id"] != patient)
    erase(home, patient)
    assert {file.name: file.read_bytes() for file in folder(home).rglob("*.*")} == before
    erase(home, other)
    assert len(read_manifest(folder(home))["erasures"]) == 2


@pytest.mark.slow
def test_a_crash_between_the_manifest_and_the_file_is_made_good(
    home: Settings, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("registry_pipeline.release.erase.replacing", die)
        with pytest.raises(KeyboardInterrupt):
            erase(home, patient)
    assert search_home(home, patient) == [folder(home) / "restricted.duckdb"]
    assert apply_withdrawals(home) == []
    assert search_home(home, patient) == []
    assert verifies(folder(home))
    assert len(read_manifest(folder(home))["erasures"]) == 1


def test_a_dry_run_says_which_kept_releases_hold_rows(home: Settings, clinic: Deliveries, patient: str) -> None:
    before = {file.name: file.read_bytes() for file in folder(home).rglob("*.*")}
    found = look(home, "C001", patient)
    n_sessions = clinic.of(patient).counts()["session"]
    assert found.releases[RELEASE]["staging.stg_session"] == n_sessions
    assert found.releases[RELEASE]["intermediate.int_event"] == n_sessions
    assert {file.name: file.read_bytes() for file in folder(home).rglob("*.*")} == before


def row_level_and_marts(release: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every table of what is counted and how, but for the one that lists the files that were sent."""
    file = release / "restricted.duckdb"
    tables = ask(
        file,
        "select schema_name, table_name from duckdb_tables() where schema_name in ('staging', 'intermediate', 'marts') "
        "and table_name <> 'stg_submission' order by all",
    )
    return {f"{schema}.{table}": ask(file, f'from {schema}."{table}" order by all') for schema, table in tables}


@pytest.mark.slow
def test_a_withdrawn_patient_leaves_the_same_marts_as_one_who_never_came(
    tmp_path: Path, clinic: Deliveries, patient: str
) -> None:
    settings = new_home(tmp_path / "withdrawn", clinic)
    clinic.drop(settings)
    first = run_nightly(settings).release
    assert first is not None
    public = (first.path / "registry.duckdb").read_bytes()
    event = consent(patient, "withdrawn_delete", seq=99, day=1)
    Deliveries({"consent_event": [*clinic.tables["consent_event"], event]}).drop(settings, "2")
    night = run_nightly(settings)
    assert night.is_new
    assert night.problems == []

    never = new_home(tmp_path / "never", clinic)
    clinic.without(patient).drop(never)
    run_nightly(never)
    assert row_level_and_marts(settings.layout.current) == row_level_and_marts(never.layout.current)

    assert search_home(settings, patient) == []
    assert (first.path / "registry.duckdb").read_bytes() == public
    assert verifies(first.path)
    assert is_intact(first.path)
    assert len(row_level_and_marts(first.path)["staging.stg_patient"]) == len(clinic.tables["patient"]) - 1
    for release in settings.layout.releases.iterdir():
        assert ask(release / "registry.duckdb", "select count(*) from marts.response_rates") > [(0,)]

    current = current_release(settings.layout)
    assert current is not None
    erased = ask(current.path / "restricted.duckdb", "select sum(n_erased), sum(n_superseded) from meta.deliveries")
    n_erased = sum(sum(receipt.erased.values()) for receipt in read_receipts(settings.layout))
    assert erased[0][0] == n_erased
    # The consent that the second delivery replaced, less the withdrawn patient's.
    n_consents = len(clinic.without(patient).tables["consent_event"])
    assert erased[0][1] == n_consents
    assert not run_nightly(settings).is_new
