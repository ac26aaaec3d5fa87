"""Publishing: all of a release or nothing of it, whatever goes wrong and whenever."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from registry_pipeline.errors import (
    BuildError,
    ConfigurationError,
    GateRefusedError,
    ReconciliationError,
    StorageError,
)
from registry_pipeline.lake import atomic
from registry_pipeline.release import databases, publish, releases, write
from registry_pipeline.release.disclosure import suppress
from registry_pipeline.release.gate import gate_marts
from registry_pipeline.release.publish import Release, current_release, publish_release
from registry_pipeline.release.releases import is_intact, published
from registry_pipeline.settings import Settings
from tests.release_support import (
    COLUMNS,
    DELIVERY,
    REFUSED_DELIVERY,
    FakeBuild,
    mart_contract,
    mart_frame,
    small_home,
    write_build,
)

# Every publish runs the whole gate.
pytestmark = pytest.mark.slow

OLD, NEW = "a" * 64, "b" * 64
OLD_MART = mart_frame(("all", 120, 214), ("C001", 110, 150), ("C002", 10, 64), ("C003", 0, 40))
NEW_MART = mart_frame(("all", 140, 280))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a small home; tests that are about Great Expectations ask for `gate`."""
    return small_home(tmp_path, monkeypatch, keep_releases=2)


@pytest.fixture
def gate(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Great Expectations judge, as in production."""
    monkeypatch.setattr(write, "gate_marts", gate_marts)


@pytest.fixture
def publish_build(settings: Settings) -> Callable[..., Release]:
    """Return what builds a warehouse and publishes it."""

    def build_and_publish(fingerprint: str = OLD, **build: Any) -> Release:
        return publish_release(settings, new_build(settings, fingerprint, **build))

    return build_and_publish


def new_build(settings: Settings, fingerprint: str, **build: Any) -> FakeBuild:
    build.setdefault("mart", OLD_MART if fingerprint == OLD else NEW_MART)
    return write_build(settings.layout.work / "build" / "warehouse.duckdb", fingerprint=fingerprint, **build)


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def public(settings: Settings) -> Path:
    return settings.layout.current / "registry.duckdb"


def restricted(settings: Settings) -> Path:
    return settings.layout.current / "restricted.duckdb"


def leftovers(settings: Settings) -> list[str]:
    """Return what is in `releases` and is not a whole release, wherever it is hidden."""
    folder = settings.layout.releases
    odd = [path.name for path in folder.iterdir() if not is_whole(path)] if folder.is_dir() else []
    return sorted([*odd, *(path.name for path in settings.layout.root.rglob("*.wal"))])


def is_whole(path: Path) -> bool:
    try:
        return not path.name.startswith(".") and is_intact(path)
    except ConfigurationError:
        return False


def assert_old_release_is_current(settings: Settings) -> None:
    current = current_release(settings.layout)
    assert current is not None
    assert current.fingerprint == OLD
    assert rows(public(settings), "select numerator from marts.response_rates where level = 'all'") == [(120,)]
    assert leftovers(settings) == []


# What a release holds


def test_a_release_hides_small_cells_in_the_public_file_only(settings, publish_build):
    publish_build()
    sql = (
        "select level, numerator, rate is null, is_suppressed, suppression_reason from marts.response_rates order by 1"
    )
    assert rows(public(settings), sql) == [
        ("C001", 110, False, False, None),
        ("C002", None, True, True, "small_cell"),
        ("C003", 0, False, False, None),
        ("all", 120, False, False, None),
    ]
    assert rows(restricted(settings), "select numerator from marts.response_rates where level = 'C002'") == [(10,)]


def test_the_public_file_has_marts_and_meta_and_nothing_else(settings, publish_build):
    publish_build()
    sql = "select distinct schema_name, table_name from duckdb_tables() order by all"
    assert rows(public(settings), sql) == [
        ("marts", "response_rates"),
        ("meta", "caveats"),
        ("meta", "data_quality"),
        ("meta", "definitions"),
        ("meta", "deliveries"),
        ("meta", "dictionary"),
        ("meta", "releases"),
    ]
    assert rows(public(settings), "select count(*) from duckdb_views() where not internal") == [(0,)]


def test_the_restricted_file_has_the_rows_the_quality_and_the_quarantine(settings, publish_build):
    publish_build()
    sql = "select distinct schema_name || '.' || table_name from duckdb_tables() order by all"
    assert [name for (name,) in rows(restricted(settings), sql)] == [
        "intermediate.int_consented_patient",
        "intermediate.int_stratum_clinics",
        "marts.response_rates",
        "meta.column_completeness",
        "meta.data_quality",
        "meta.deliveries",
        "meta.dictionary",
        "meta.releases",
        "quality.cross_table_findings",
        "quality.delivery_adjustments",
        "quarantine.history",
        "quarantine.records",
        "staging.stg_patient",
    ]
    assert rows(restricted(settings), "select count(*) from staging.stg_patient") == [(214,)]


@pytest.mark.parametrize("file", [public, restricted])
def test_every_table_and_column_carries_its_comment_and_stands_in_the_dictionary(settings, publish_build, file):
    publish_build()
    documented = "select schema_name, table_name, column_name, data_type, description from meta.dictionary"
    columns = "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() where not internal"
    tables = "select schema_name, table_name, null, null, comment from duckdb_tables() where not internal"
    assert sorted(rows(file(settings), documented), key=str) == sorted(
        [*rows(file(settings), columns), *rows(file(settings), tables)], key=str
    )
    undescribed = rows(file(settings), f"select * from ({documented}) where coalesce(description, '') = ''")
    # The test's own build describes one model only; in a real one every model's header does.
    assert {schema for schema, *_ in undescribed} <= {"quality"}


@pytest.mark.parametrize("file", [public, restricted])
def test_a_release_has_no_index_because_duckdb_indexes_have_lost_rows(settings, publish_build, file):
    publish_build()
    assert rows(file(settings), "select count(*) from duckdb_indexes()") == [(0,)]
    assert rows(file(settings), "select count(*) from duckdb_constraints() where constraint_type <> 'NOT NULL'") == [
        (0,)
    ]


def test_deliveries_add_up_with_orphans_counted_as_quarantined(settings, publish_build):
    publish_build()
    sql = """
        select delivery_id, clinic_id, file_name, cast(received_at as varchar), feed_version, contract_version, status,
          n_records, n_accepted, n_quarantined, n_duplicate, n_superseded
        from meta.deliveries order by file_name desc
    """
    assert rows(restricted(settings), sql) == [
        (DELIVERY, "C001", "a/patients.csv", "2026-01-05 23:00:00", "1.0.0", "1.0.0", "partial", 215, 213, 1, 1, 2),
        (REFUSED_DELIVERY, "C001", "a/other.csv", "2026-01-05 23:00:01", "1.0.0", "1.0.0", "refused", 0, 0, 0, 0, 0),
    ]


def test_quarantine_records_hold_file_findings_and_orphans_and_no_raw_record(settings, publish_build):
    publish_build()
    sql = "select file_name, line, rule_id, severity, reason is not null from quarantine.records order by line"
    assert rows(restricted(settings), sql) == [
        ("a/patients.csv", 3, "patient.key_duplicate", "duplicate", True),
        ("a/patients.csv", 7, "session.course_id_orphan", "reject", True),
    ]
    release = settings.layout.current.resolve()
    assert not [file for file in release.rglob("*.*") if b"CANARY-7f3a" in file.read_bytes()]


def test_a_home_without_quarantine_files_has_an_empty_quarantine(settings, publish_build):
    shutil.rmtree(settings.layout.quarantine)
    publish_build()
    assert rows(restricted(settings), "select count(*) from quarantine.records where rule_id like 'patient%'") == [(0,)]


def test_meta_releases_lists_this_release_and_those_before_the_latest_first(settings, publish_build):
    first = publish_build(OLD)
    second = publish_build(NEW)
    sql = "select release_id, inputs_fingerprint, n_deliveries, n_clinics, n_patients, previous_release_id from meta.releases"
    assert rows(public(settings), sql) == [
        (second.release_id, NEW, 2, 1, 214, first.release_id),
        (first.release_id, OLD, 2, 1, 214, None),
    ]


def test_a_small_number_of_patients_is_not_told_anywhere_in_public(settings, publish_build):
    publish_build(n_patients=7)
    assert rows(public(settings), "select n_patients from meta.releases") == [(None,)]
    assert json.loads((settings.layout.current / "manifest.json").read_text())["n_patients"] is None


def test_the_manifest_holds_hash_and_size_of_every_file_and_what_went_in(settings, publish_build):
    release = publish_build()
    manifest = json.loads((release.path / "manifest.json").read_text())
    exported = {f"marts/{name}" for name in ("datapackage.json", "response_rates.csv", "response_rates.parquet")}
    assert set(manifest["files"]) == {
        "registry.duckdb",
        "restricted.duckdb",
        "report.html",
        "data_docs/index.html",
        *exported,
    }
    for name, about in manifest["files"].items():
        content = (release.path / name).read_bytes()
        assert about == {"sha256": hashlib.sha256(content).hexdigest(), "n_bytes": len(content)}
    assert manifest["release_id"] == release.release_id == release.path.name
    assert release.release_id.split("-")[1] == OLD[:10]
    assert manifest["inputs_fingerprint"] == OLD
    assert manifest["feeds"] == {"C001": ["1.0.0"]}
    assert sorted(manifest["deliveries"]) == [DELIVERY, REFUSED_DELIVERY]
    assert manifest["marts"] == {"response_rates": {"n_rows": 4, "n_suppressed": 1, "n_repeated": 0}}
    assert manifest["n_suppressed_rows"] == 1


# Which release is current


def test_a_home_that_never_published_has_no_current_release(settings):
    assert current_release(settings.layout) is None


def test_current_is_the_release_just_published(settings, publish_build):
    release = publish_build()
    assert current_release(settings.layout) == release
    assert settings.layout.current.is_symlink()
    assert not os.readlink(settings.layout.current).startswith("/")  # noqa: PTH115 - the home may be moved


def test_the_same_fingerprint_again_changes_nothing_at_all(settings, publish_build, monkeypatch):
    first = publish_build()
    before = {path: path.stat().st_mtime_ns for path in settings.layout.releases.rglob("*")}
    monkeypatch.setattr(write, "write_restricted", lambda *_: pytest.fail("wrote a second release"))
    assert publish_build() == first
    assert {path: path.stat().st_mtime_ns for path in settings.layout.releases.rglob("*")} == before


def test_going_back_to_earlier_inputs_points_to_the_release_already_made_of_them(settings, publish_build):
    first = publish_build(OLD)
    publish_build(NEW)
    assert publish_build(OLD) == first
    assert_old_release_is_current(settings)


def test_a_link_without_its_target_counts_as_no_release_and_heals(settings, publish_build):
    shutil.rmtree(publish_build().path)
    assert current_release(settings.layout) is None
    publish_build()
    assert_old_release_is_current(settings)


def test_a_damaged_release_is_not_taken_for_the_same_one(settings, publish_build):
    release = publish_build()
    (release.path / "registry.duckdb").write_bytes(b"")
    with pytest.raises(StorageError, match="Move it away"):
        publish_build()


def test_an_unreadable_manifest_of_the_current_release_is_named(settings, publish_build):
    manifest = publish_build().path / "manifest.json"
    manifest.write_text('{"release_id": "x"}')
    with pytest.raises(ConfigurationError, match=r"manifest\.json"):
        current_release(settings.layout)


def fingerprints(settings: Settings) -> str:
    return "".join(sorted(release.fingerprint[0] for release in published(settings.layout)))


def test_only_so_many_releases_stay(settings, publish_build):
    for fingerprint in (OLD, NEW, "c" * 64):
        publish_build(fingerprint)
    assert fingerprints(settings) == "bc"
    assert leftovers(settings) == []


def test_pruning_spares_the_current_release_though_it_is_the_oldest(settings, publish_build):
    for fingerprint in (OLD, NEW, OLD):
        publish_build(fingerprint)
    releases.prune(settings.layout, 1)
    assert fingerprints(settings) == "a"
    assert_old_release_is_current(settings)


def test_a_reader_keeps_its_file_while_newer_releases_come_and_its_own_is_pruned(settings, publish_build):
    old = publish_build(OLD).path
    with duckdb.connect(str(old / "registry.duckdb"), read_only=True) as reader:
        publish_build(NEW)
        publish_build("c" * 64)
        assert not old.exists()
        assert reader.execute("select numerator from marts.response_rates where level = 'all'").fetchall() == [(120,)]


# What must not be published


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize(
    ("cells", "change", "check"),
    [
        ((("all", 120, 214),), "rate = 1.2, ci_high = 1.3", "rate_range"),
        ((("all", 120, 214),), "ci_low = 0.9", "ci_low_below_rate"),
        ((("all", 120, 214), ("all", 120, 214)), "rate = rate", "grain_unique"),
        ((("all", 120, 214),), "level = null", "level_required"),
        ((("all", 2, 3),), "rate = 1.2, ci_high = 1.3", "rate_range"),
    ],
    ids=["rate", "interval", "duplicate", "null key", "wrong where it would be hidden"],
)
def test_a_broken_mart_blocks_and_the_previous_release_stays(settings, publish_build, cells, change, check):
    publish_build(OLD)
    build = new_build(settings, NEW, mart=mart_frame(*cells))
    with duckdb.connect(str(build.path)) as connection:
        connection.execute(f"update marts.response_rates set {change}")
    with pytest.raises(GateRefusedError, match=f"response_rates.{check}"):
        publish_release(settings, build)
    assert_old_release_is_current(settings)


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize(
    "sql",
    ["alter table marts.response_rates add column n_women integer", "create table marts.extra as select 1 as n"],
    ids=["column", "mart"],
)
def test_what_no_contract_declares_blocks(settings, publish_build, sql):
    publish_build(OLD)
    build = new_build(settings, NEW)
    with duckdb.connect(str(build.path)) as connection:
        connection.execute(sql)
    with pytest.raises(GateRefusedError):
        publish_release(settings, build)
    assert_old_release_is_current(settings)


@pytest.mark.usefixtures("gate")
def test_a_failure_of_suppression_itself_blocks(settings, publish_build, monkeypatch):
    publish_build(OLD)
    monkeypatch.setattr(write, "withhold", lambda frames, _contracts, _small_cell: (frames, None))
    with pytest.raises(GateRefusedError, match="left something to see"):
        publish_build(NEW, mart=mart_frame(("C002", 3, 64)))
    assert_old_release_is_current(settings)


def test_a_release_that_shows_a_row_that_gives_a_hidden_one_away_is_blocked(settings, publish_build, monkeypatch):
    publish_build(OLD)
    columns = "- {name: dimension, physicalType: VARCHAR, required: true, description: What divides., role: key}\n"
    contract = mart_contract(
        settings.home / "levels", columns=columns + COLUMNS.lstrip(), grain="[instrument, dimension, level]"
    )
    monkeypatch.setattr(write, "load_mart_contracts", lambda _settings: {contract.name: contract})
    monkeypatch.setattr(
        write,
        "withhold",
        lambda frames, contracts, small_cell: (
            {name: suppress(frame, contracts[name], small_cell) for name, frame in frames.items()},
            None,
        ),
    )
    mart = mart_frame(("all", 120, 214), ("C001", 115, 150), ("C002", 5, 64)).with_columns(
        dimension=pl.when(pl.col("level") == "all").then(pl.lit("overall")).otherwise(pl.lit("clinic_id"))
    )
    with pytest.raises(GateRefusedError, match=r"small cells that they hide: response_rates \(1 rows\)"):
        publish_build(NEW, mart=mart)
    assert_old_release_is_current(settings)


def test_deliveries_that_do_not_add_up_block(settings, publish_build):
    publish_build(OLD)
    build = new_build(settings, NEW)
    with duckdb.connect(str(build.path)) as connection:
        connection.execute("update lake.delivery set n_records = n_records + 1 where clinic_id = 'C001'")
    with pytest.raises(ReconciliationError, match="2 deliveries") as caught:
        publish_release(settings, build)
    assert "C001" in str(caught.value)
    assert_old_release_is_current(settings)


def test_a_value_of_the_wrong_type_is_not_quoted_by_the_error(settings, publish_build):
    publish_build(OLD)
    build = new_build(settings, NEW)
    with duckdb.connect(str(build.path)) as connection:
        connection.execute("update lake.delivery set received_at = 'CANARY-7f3a'")
    with pytest.raises(BuildError) as caught:
        publish_release(settings, build)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert_old_release_is_current(settings)


# Crashes and full disks

STEPS = [
    (write, "write_restricted"),
    (databases, "insert_deliveries"),
    (write, "gate_marts"),
    (write, "write_public"),
    (databases, "write_dictionary"),
    (write, "assert_nothing_small"),
    (write, "write_manifest"),
    (publish, "fsync_directory"),
    (publish, "publish_directory"),
]


def test_a_failure_at_any_step_before_the_rename_leaves_the_old_release(settings, publish_build, monkeypatch):
    publish_build(OLD)
    for module, name in STEPS:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, failing(KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                publish_build(NEW)
        assert_old_release_is_current(settings)


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_a_failure_between_rename_and_swap_leaves_the_old_release_and_the_next_run_only_swaps(
    settings, publish_build, monkeypatch
):
    publish_build(OLD)
    with monkeypatch.context() as patch:
        patch.setattr(publish, "point", failing(OSError(errno.EIO, "broken")))
        with pytest.raises(OSError, match="broken"):
            publish_build(NEW)
    assert_old_release_is_current(settings)
    monkeypatch.setattr(write, "write_restricted", failing(AssertionError("wrote it again")))
    assert publish_build(NEW).fingerprint == NEW
    assert rows(public(settings), "select numerator from marts.response_rates") == [(140,)]


def test_a_failure_while_pruning_leaves_no_half_release_to_be_found(settings, publish_build, monkeypatch):
    publish_build(OLD)
    publish_build(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(releases.shutil, "rmtree", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            releases.prune(settings.layout, 1)
    assert fingerprints(settings) == "b"
    publish_build(NEW)
    assert leftovers(settings) == []


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_full_disk_is_said_plainly_and_leaves_the_old_release(settings, publish_build, monkeypatch, call):
    publish_build(OLD)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(atomic.os, "fsync", failing(full))
        elif call == "replace":
            patch.setattr(Path, "replace", failing(full))
        else:
            message = 'IO Error: Could not write file "restricted.duckdb": No space left on device'
            patch.setattr(databases, "insert_deliveries", failing(duckdb.IOException(message)))
        with pytest.raises(StorageError, match="The disk is full") as caught:
            publish_build(NEW)
    assert "Free space" in caught.value.remedy
    assert_old_release_is_current(settings)


CHILD = """
import os, signal, sys
from pathlib import Path
from registry_pipeline.release import databases, publish, write
from registry_pipeline.settings import Settings
from tests.release_support import mart_contract, mart_frame, write_build


home, step = Path(sys.argv[1]), sys.argv[2]
contract = mart_contract(home.parent / "child")
write.load_mart_contracts = lambda _settings: {contract.name: contract}
write.gate_marts = lambda *_: []  # Great Expectations takes seconds to import and is tested elsewhere
module = databases if step == "write_dictionary" else publish
original = getattr(module, step)

def killed(*arguments):
    if step == "write_dictionary":
        original(*arguments)  # leaves an open transaction log behind
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, step, killed)
settings = Settings(home=home)
build = write_build(home / "work" / "build" / "warehouse.duckdb", mart_frame(("all", 140, 280)), "b" * 64)
publish.publish_release(settings, build)
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write_dictionary", "point"])
def test_a_killed_process_leaves_the_old_release_and_the_next_run_cleans_up(settings, publish_build, step):
    publish_build(OLD)
    command = [sys.executable, "-c", CHILD, str(settings.layout.root), step]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=120, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    current = current_release(settings.layout)
    assert current is not None
    assert current.fingerprint == OLD
    assert rows(public(settings), "select count(*) from marts.response_rates") == [(4,)]
    assert publish_build(NEW).fingerprint == NEW
    assert rows(public(settings), "select numerator from marts.response_rates") == [(140,)]
    assert leftovers(settings) == []


def test_asking_for_the_current_release_imports_nothing_heavy():
    heavy = ["polars", "duckdb", "pandas", "great_expectations", "sqlmesh", "yaml"]
    code = f"import sys, registry_pipeline.release.publish; sys.exit(' '.join(set({heavy}) & set(sys.modules)) or None)"
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (run.returncode, run.stderr.strip()) == (0, "")
