"""The SQLMesh project as a Python object: its configuration, and the contracts that its models are generated from.

What belongs here: loading the project. What does not: building its models (`models.py`).
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import duckdb_options

if TYPE_CHECKING:
    from sqlmesh import Context


@dataclass(frozen=True)
class Sources:
    """What the generated models are generated from."""

    settings: Settings
    contracts: Contracts


_sources: ContextVar[Sources | None] = ContextVar("sources", default=None)


def sources() -> Sources:
    """Return what the models being loaded are generated from; by default what the environment says.

    SQLMesh imports model files without arguments, so this is how a Python model file gets at the run's settings. The
    default serves people who open the project with SQLMesh's own command line.
    """
    if (given := _sources.get()) is not None:
        return given
    settings = Settings()
    return Sources(settings, load_contracts(settings))


def project_path() -> Path:
    """Return the folder of the SQLMesh project."""
    return content_path("dbt_like_sql")


@contextmanager
def open_project(given: Sources, database: Path | None, cache: Path) -> Iterator["Context"]:
    """Yield the loaded SQLMesh project over `database` (in memory when None); close its connections after.

    Nothing is printed, nothing is sent, and nothing is written outside `database` and `cache`.
    """
    _import_sqlmesh()
    from sqlmesh import Config, Context  # noqa: PLC0415 - takes seconds, and only a build needs it

    with _quiet():
        token = _sources.set(given)
        context = None
        try:
            config = Config.parse_obj(_configuration(given.settings, database, cache))
            context = Context(paths=[str(project_path())], config=config, concurrent_tasks=1)
            yield context
        finally:
            _sources.reset(token)
            if context is not None:
                # The context itself closes only what its planner has opened.
                context.engine_adapter.close()
                context.close()
            _forget(database)


def _configuration(settings: Settings, database: Path | None, cache: Path) -> dict[str, Any]:
    static: dict[str, Any] = yaml.safe_load((project_path() / "config.yaml").read_text(encoding="utf-8"))
    connection = {
        "type": "duckdb",
        "database": None if database is None else str(database),
        "connector_config": duckdb_options(settings),
    }
    # State in memory: the file is built fresh each time, and the release must not carry SQLMesh's bookkeeping.
    gateway = {"connection": connection, "state_connection": {"type": "duckdb"}}
    return {**static, "gateways": {static["default_gateway"]: gateway}, "cache_dir": str(cache)}


def _import_sqlmesh() -> None:
    """Import SQLMesh, which takes seconds and warns about its own use of pydantic."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import sqlmesh  # noqa: F401, PLC0415 - as above


def _forget(database: Path | None) -> None:
    """Drop SQLMesh's own cache of connections, which would serve a closed one for the next file of this name."""
    from sqlmesh.core.config.connection import BaseDuckDBConnectionConfig  # noqa: PLC0415 - imports SQLMesh

    BaseDuckDBConnectionConfig._data_file_to_adapter.pop(str(database), None)  # noqa: SLF001 - there is no other way


@contextmanager
def _quiet() -> Iterator[None]:
    from sqlmesh.core import constants  # noqa: PLC0415 - imports SQLMesh
    from sqlmesh.core.console import NoopConsole, get_console, set_console  # noqa: PLC0415 - likewise

    logger, previous = logging.getLogger("sqlmesh"), get_console()
    level, workers = logger.level, constants.MAX_FORK_WORKERS
    set_console(NoopConsole())
    logger.setLevel(logging.CRITICAL)
    # Forked loaders inherit DuckDB's and polars' threads in an unknown state, and the project is small.
    constants.MAX_FORK_WORKERS = 1
    try:
        yield
    finally:
        constants.MAX_FORK_WORKERS = workers
        logger.setLevel(level)
        set_console(previous)
