"""A build: the lake's live files through the SQL project into one private DuckDB file.

What belongs here: making the file and knowing that it is finished. What does not: what the models say, and publishing.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import BuildError
from registry_pipeline.lake.atomic import empty_directory, write_text
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import open_database
from registry_pipeline.warehouse.inputs import clinic_feeds, inputs_fingerprint
from registry_pipeline.warehouse.lake_views import create_lake
from registry_pipeline.warehouse.models import build_models
from registry_pipeline.warehouse.plan import read_plan

_AT_ONCE = 2
"""Models built side by side: more would take each other's memory."""

__all__ = ["Build", "build_path", "build_warehouse", "discard_build", "inputs_fingerprint", "read_build"]


@dataclass(frozen=True)
class Build:
    """A finished build file and what it was made from."""

    path: Path
    fingerprint: str


def build_path(settings: Settings) -> Path:
    """Return where the build file lies."""
    return settings.layout.work / "build" / "warehouse.duckdb"


def read_build(settings: Settings) -> Build | None:
    """Return the finished build of this home, or None when there is none."""
    path = build_path(settings)
    try:
        fingerprint = str(json.loads(_commit(path).read_bytes())["fingerprint"])
    except (OSError, ValueError, KeyError):
        return None
    return Build(path, fingerprint) if path.is_file() else None


def discard_build(settings: Settings) -> None:
    """Remove the build once it is published: it holds rows, and the release has all of it that is to stay."""
    shutil.rmtree(build_path(settings).parent, ignore_errors=True)


def build_warehouse(settings: Settings, progress: Progress | None = None) -> Build:
    """Build the warehouse afresh from what is live in the lake.

    Raises:
        BuildError: If a model cannot be built or breaks its audit, naming it.
        StorageError: If the disk is full.
    """
    progress = progress or Silent()
    path = build_path(settings)
    # Taken before the lake is read: a change while the build runs makes the next night build again.
    build = Build(path, inputs_fingerprint(settings))
    contracts = load_contracts(settings)
    progress.step("Loading the SQL project")
    models = read_plan(settings)
    empty_directory(path.parent)
    progress.step("Reading the lake")
    connection = open_database(path, read_only=False, settings=settings)
    try:
        _read_lake(connection, settings, contracts)
        build_models(connection, models, progress, min(_AT_ONCE, settings.threads))
        connection.execute("checkpoint")
    finally:
        connection.close()
    # One file: whatever the models wrote last has been moved from the write-ahead log into it.
    if path.with_name(f"{path.name}.wal").exists():
        raise BuildError("The build file was not closed.", remedy="Run again.", file=path)
    write_text(_commit(path), json.dumps({"fingerprint": build.fingerprint}) + "\n")
    return build


def _read_lake(connection: duckdb.DuckDBPyConnection, settings: Settings, contracts: Contracts) -> None:
    try:
        create_lake(connection, settings.layout, contracts, clinic_feeds(settings))
    except duckdb.Error as error:
        # Its text may quote what is in a file, so it is not chained.
        raise BuildError(
            f"The lake cannot be read ({type(error).__name__}).",
            remedy="A file of lake/ is damaged or missing: restore it, or remove its receipt to ingest it again.",
            file=settings.layout.lake,
        ) from None


def _commit(path: Path) -> Path:
    return path.with_name("build.json")
