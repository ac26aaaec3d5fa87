"""The nightly job run through Dagster on simulated clinics: it publishes, it is idle, it is blocked, it leaks nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from registry_pipeline.dagster_home import open_instance, prepare_dagster_home
from registry_pipeline.definitions import build_definitions, run_nightly_in_dagster
from registry_pipeline.defs.resources import Registry
from registry_pipeline.errors import GateRefusedError, LockHeldError, RegistryError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.progress import Silent
from registry_pipeline.release import gate
from registry_pipeline.release.gate import GateFinding
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.releases import current_release
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.run import simulate
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CANARY = "zz-canary-5551234"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a home after its first night, with a canary in a cell that is refused."""
    settings = Settings(home=tmp_path_factory.mktemp("night") / "home", settle_seconds=0)
    simulate(settings, n_clinics=8, n_patients=160, seed=3)
    patients = settings.layout.landing / "C001" / "patient_0001.csv"
    header, first, *rest = patients.read_text().splitlines()
    broken = first.split(",")
    broken[header.split(",").index("age_band")] = CANARY
    patients.write_text("\n".join([header, first, *rest, ",".join(broken)]) + "\n")
    run_nightly_in_dagster(settings, Silent())
    return settings


@pytest.fixture
def home(published: Settings, tmp_path: Path) -> Settings:
    """Return a copy of that home to change."""
    shutil.copytree(published.home, tmp_path / "home", symlinks=True)
    return Settings(home=tmp_path / "home", settle_seconds=0)


def land_something_new(settings: Settings) -> None:
    source = settings.layout.landing / "C001" / "course_0001.csv"
    shutil.copy(source, source.with_name("course_0002.csv"))
    with source.with_name("course_0002.csv").open("a") as handle:
        handle.write("\n")


def runs(settings: Settings) -> list[dg.DagsterRun]:
    with open_instance(settings) as instance:
        return list(instance.get_runs())


def materialized(settings: Settings, run: dg.DagsterRun) -> Iterator[str]:
    with open_instance(settings) as instance:
        for event in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            key = event.get_dagster_event().asset_key
            assert key is not None
            yield key.to_user_string()


def test_a_night_materializes_everything_from_lake_to_release(published: Settings) -> None:
    (run,) = runs(published)
    made = set(materialized(published, run))
    assert {"lake/session", "quarantine", "staging/cur_session", "marts/response_rates", "release/registry"} <= made
    release = current_release(published.layout)
    assert release is not None
    assert (release.path / "registry.duckdb").is_file()


def test_a_night_without_news_skips_build_and_release(home: Settings) -> None:
    before = current_release(home.layout)
    run_nightly_in_dagster(home, Silent())
    made = set(materialized(home, runs(home)[0]))
    assert "lake/session" in made
    assert not any(key.startswith(("marts/", "release/")) for key in made)
    assert current_release(home.layout) == before


def test_a_broken_mart_blocks_the_release_and_the_previous_one_stays(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(contracts: dict[str, MartContract], _: object) -> dict[str, list[GateFinding]]:
        return {name: [GateFinding(name, f"{name}.broken", "reject", 1)] for name in contracts}

    before = current_release(home.layout)
    land_something_new(home)
    # The gate of publishing would pass, so it is the asset check that must keep the release from being made.
    monkeypatch.setattr(gate, "check_marts", broken)
    with pytest.raises(GateRefusedError):
        run_nightly_in_dagster(home, Silent())
    run = runs(home)[0]
    assert run.status == dg.DagsterRunStatus.FAILURE
    made = set(materialized(home, run))
    assert "marts/response_rates" in made
    assert "release/registry" not in made
    assert current_release(home.layout) == before
    monkeypatch.undo()
    run_nightly_in_dagster(home, Silent())
    assert current_release(home.layout) != before


def test_rebuild_makes_the_marts_again_although_nothing_changed(home: Settings) -> None:
    registry = Registry(home, Silent())
    job = build_definitions(registry).resolve_job_def("rebuild")
    with open_instance(home) as instance:
        result = job.execute_in_process(instance=instance)
    assert result.success
    assert "marts/response_rates" in set(materialized(home, runs(home)[0]))


def test_a_held_lock_fails_the_run_with_its_own_error(home: Settings) -> None:
    with exclusive(home.layout.lock), pytest.raises(LockHeldError):
        run_nightly_in_dagster(home, Silent())
    assert runs(home)[0].status == dg.DagsterRunStatus.FAILURE


def test_an_unexpected_error_reaches_dagster_without_its_message(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise RuntimeError(f"could not convert {CANARY}") from error

    monkeypatch.setattr("registry_pipeline.ingest.run.ingest_landing", fail)
    with pytest.raises(RuntimeError):
        run_nightly_in_dagster(home, Silent())
    assert places_of_canary(home.layout.dagster) == []


def test_a_refused_cell_is_nowhere_but_where_it_belongs(published: Settings) -> None:
    assert places_of_canary(published.home / "landing")
    allowed = {"landing", "quarantine", "lake"}
    found = places_of_canary(published.home)
    assert [path for path in found if path.parts[0] not in allowed and path.name != "restricted.duckdb"] == []


def places_of_canary(folder: Path) -> list[Path]:
    """Return the files that hold the canary, compressed Parquet aside."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path.relative_to(folder) for path in files if CANARY.encode() in path.read_bytes()]


def test_the_nightly_job_runs_from_dagsters_own_command_line(home: Settings) -> None:
    folder = prepare_dagster_home(home)
    dagster = str(Path(sys.executable).with_name("dagster"))
    done = subprocess.run(
        [dagster, "job", "execute", "-m", "registry_pipeline.definitions", "-j", "nightly"],
        cwd=ROOT,
        env={
            **os.environ,
            "REGISTRY_HOME": str(home.home),
            "DAGSTER_HOME": str(folder),
            "REGISTRY_SETTLE_SECONDS": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert runs(home)[0].status == dg.DagsterRunStatus.SUCCESS


def test_a_failure_that_dagster_alone_knows_is_still_an_error(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_pipeline.defs.lake_checks._rows", lambda *_: -1)
    with pytest.raises(RegistryError, match="failed in Dagster"):
        run_nightly_in_dagster(home, Silent())
