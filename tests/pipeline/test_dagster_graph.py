"""The Dagster code location: what depends on what, what is checked, what runs when. A change must be meant."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.dagster_home import open_instance, prepare_dagster_home
from registry_pipeline.definitions import build_definitions
from registry_pipeline.defs.resources import Registry
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.settings import Settings
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SNAPSHOT = Path(__file__).with_name("dagster_graph.json")
MARTS = sorted(load_mart_contracts(Settings()))
TABLES = sorted(table.name for table in load_contracts(Settings()).tables.values() if table.is_delivered)


@pytest.fixture(scope="module")
def absent_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graph") / "home"


@pytest.fixture(scope="module")
def repository(absent_home: Path) -> dg.RepositoryDefinition:
    return build_definitions(Registry(Settings(home=absent_home))).get_repository_def()


def described(repository: dg.RepositoryDefinition) -> dict[str, Any]:
    """Return everything about the graph that other people come to rely on."""
    graph = repository.asset_graph
    return {
        "assets": {
            key.to_user_string(): {
                "group": graph.get(key).group_name,
                "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            }
            for key in sorted(graph.get_all_asset_keys())
        },
        "checks": sorted(
            f"{key.asset_key.to_user_string()}:{key.name}{' (blocking)' if graph.get(key).blocking else ''}"
            for key in graph.asset_check_keys
        ),
        "jobs": sorted(name for name in repository.job_names if not name.startswith("__")),
        "schedules": {item.name: [item.job_name, item.cron_schedule] for item in repository.schedule_defs},
        "sensors": {item.name: item.job_name for item in repository.sensor_defs},
    }


def test_the_graph_is_the_one_on_record(repository: dg.RepositoryDefinition, tmp_path: Path) -> None:
    found = described(repository)
    actual = tmp_path / SNAPSHOT.name
    actual.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(SNAPSHOT.read_text()), f"if the change is meant: cp {actual} {SNAPSHOT}"


def test_lineage_goes_from_landing_to_release(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    landing, release = dg.AssetKey("landing"), dg.AssetKey(["release", "registry"])
    ancestors, stack = set(), [release]
    while stack:
        for parent in graph.get(stack.pop()).parent_keys - ancestors:
            ancestors.add(parent)
            stack.append(parent)
    assert landing in ancestors
    assert {dg.AssetKey(["lake", table]) for table in TABLES} <= ancestors
    assert {dg.AssetKey(["marts", mart]) for mart in MARTS} <= ancestors


def test_every_asset_is_described_and_owned(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    for key in graph.materializable_asset_keys:
        assert graph.get(key).description, key
        assert graph.get(key).owners, key


def test_every_sql_asset_documents_its_columns(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    for key in graph.materializable_asset_keys:
        if key.path[0] in {"marts", "intermediate", "staging"}:
            schema = graph.get(key).metadata["dagster/column_schema"]
            assert schema.columns, key
            assert all(column.description for column in schema.columns), key


def test_every_lake_table_has_a_blocking_reconciliation_and_stays_below_fifty_checks(
    repository: dg.RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    for table in TABLES:
        keys = [key for key in graph.asset_check_keys if key.asset_key == dg.AssetKey(["lake", table])]
        assert [key.name for key in keys if graph.get(key).blocking] == ["reconciliation"]
        assert len(keys) < 50


def test_every_mart_has_a_check_that_blocks_the_release(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    blocking = {
        key.asset_key.path[-1] for key in graph.asset_check_keys if key.name == "contract" and graph.get(key).blocking
    }
    assert blocking == set(MARTS)


def test_nightly_does_everything_in_one_process(repository: dg.RepositoryDefinition) -> None:
    job = repository.get_job("nightly")
    assert {node.name for node in job.nodes} == {"ingest", "lake_checks", "build", "mart_checks", "publish"}
    assert job.executor_def.name == "in_process"


def test_the_instance_of_a_home_sends_nothing_and_has_one_writer(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = prepare_dagster_home(settings)
    (folder / "dagster.yaml").write_text((folder / "dagster.yaml").read_text() + "\n# ours\n")
    prepare_dagster_home(settings)
    assert (folder / "dagster.yaml").read_text().endswith("# ours\n"), "a site's own configuration is kept"
    with open_instance(settings) as instance:
        assert instance.telemetry_enabled is False
        assert instance.run_monitoring_enabled
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1


def test_loading_the_code_location_creates_no_home(repository: dg.RepositoryDefinition, absent_home: Path) -> None:
    assert not absent_home.exists()


def test_the_code_location_is_valid_and_loads_without_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Dagster's own notice that `dg check defs` will follow this command is not about us.
    warnings = [line for line in (done.stdout + done.stderr).splitlines() if "Warning" in line]
    assert [line for line in warnings if "SupersessionWarning" not in line] == []
