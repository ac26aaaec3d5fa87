"""Every compiled model run once, after its parents, in one database, and audited.

SQLMesh compiles the models (`plan.py`); DuckDB alone runs them. SQLMesh's planner is left out: it compares a build with
the one before, which a file that is made fresh each night does not have (`docs/adr/0002-sql-layer.md` has the figures).

What belongs here: running models and audits. What does not: their SQL, and where their inputs come from.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import duckdb

from registry_pipeline.errors import BuildError
from registry_pipeline.progress import Progress
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import literal, open_in_memory
from registry_pipeline.warehouse.plan import Model, project_path, read_plan
from registry_pipeline.warehouse.python_models import IS_COMPILED, Tables

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_MEMORY_REMEDY = "Raise REGISTRY_MEMORY_LIMIT and run again; the current release stays as it is."
_REMEDY = "Mend the model, or the rows that it trips over; the current release stays as it is."


def build_models(
    connection: duckdb.DuckDBPyConnection, models: Sequence[Model], progress: Progress, n_at_once: int
) -> None:
    """Build and audit every model.

    Args:
        connection: The open database, which holds what the models read.
        models: In any order.
        progress: Told of each model that is done.
        n_at_once: How many to build side by side. Parts of a query keep one thread busy, and another model the others.

    Raises:
        BuildError: If a model fails or breaks its audits, naming it; never with a cell value.
    """
    progress.step("Building models", len(models))
    for schema in sorted({model.schema for model in models}):
        connection.execute(f"create schema if not exists {schema}")
    by_key = {model.key: model for model in models}
    order = TopologicalSorter({model.key: [key for key in model.depends_on if key in by_key] for model in models})
    order.prepare()
    workers = ThreadPoolExecutor(n_at_once)
    try:
        running: set[Future[tuple[str, str]]] = set()
        while order.is_active():
            running |= {workers.submit(_build_apart, connection, by_key[key]) for key in order.get_ready()}
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for built in done:
                order.done(built.result())
                progress.advance()
    finally:
        workers.shutdown(cancel_futures=True)


def _build_apart(connection: duckdb.DuckDBPyConnection, model: Model) -> tuple[str, str]:
    """Build a model over a connection of its own, and return its key."""
    with connection.cursor() as own:
        build_model(own, model)
    return model.key


def build_model(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Build and audit one model.

    Raises:
        BuildError: If it fails or breaks its audits, naming it; never with a cell value.
    """
    try:
        # One commit for the table and its comments: each costs a flush of the log to disk.
        connection.begin()
        write_model(connection, model)
        connection.execute(";".join(_comments(model)))
        connection.commit()
        broken = failing_audits(connection, model)
    except Exception as error:  # noqa: BLE001 - DuckDB and scipy raise many types, and DuckDB's quote cells
        kind = type(error).__name__
        remedy = _MEMORY_REMEDY if kind == "OutOfMemoryException" else _REMEDY
        raise BuildError(f"The model {model.address} fails with {kind}.", remedy=remedy) from None
    if broken:
        findings = ", ".join(f"{name} ({n_rows} rows)" for name, n_rows in broken.items())
        raise BuildError(f"The model {model.address} breaks its audits: {findings}.", remedy=_REMEDY)


def write_model(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Write one model as a table or view."""
    if model.query:
        connection.execute(f"create {_kind(model)} {model.address} as {model.query}")
        return
    columns = ", ".join(f'"{name}" {kind}' for name, kind in model.types.items())
    connection.execute(f"create table {model.address} ({columns})")
    frame = _module(project_path() / model.file).execute(Tables(connection, dict(model.variables)))
    # A young registry has frames without rows, of which DuckDB cannot tell the types.
    if not frame.empty:
        insert_frame(connection, model, frame)


def build_mart(name: str, given: Mapping[str, "pl.DataFrame"], settings: Settings) -> "pl.DataFrame":
    """Return the rows that the model of a mart makes of given rows instead of those of the build.

    Args:
        name: The mart.
        given: The marts that it reads, by name.
        settings: Say where the compiled project is kept.
    """
    (model,) = (model for model in read_plan(settings) if model.key == ("marts", name))
    with open_in_memory(settings) as connection:
        connection.execute("create schema marts")
        for parent, frame in given.items():
            connection.register("given", frame.to_arrow())
            connection.execute(f"create table marts.{parent} as from given")
        write_model(connection, model)
        rows: pl.DataFrame = connection.execute(f"from {model.address}").pl()
        return rows


def insert_frame(connection: duckdb.DuckDBPyConnection, model: Model, frame: "pd.DataFrame") -> None:
    """Insert rows into the table of a model; columns that they lack are null."""
    connection.register("rows_of_model", frame)
    cells = ", ".join(
        f'cast("{name}" as {kind})' if name in frame else f"cast(null as {kind})" for name, kind in model.types.items()
    )
    connection.execute(f"insert into {model.address} select {cells} from rows_of_model")
    connection.unregister("rows_of_model")


def failing_audits(connection: duckdb.DuckDBPyConnection, model: Model) -> dict[str, int]:
    """Return the audits of a built model that find rows, with their number."""
    if not model.audits:
        return {}
    counts = ", ".join(f"(select count(*) from ({query}) as found)" for _, query in model.audits)
    (found,) = connection.execute(f"select {counts}").fetchall()
    return {name: n_rows for (name, _), n_rows in zip(model.audits, found, strict=True) if n_rows}


def _kind(model: Model) -> str:
    return "view" if model.is_view else "table"


@cache
def _module(file: Path) -> ModuleType:
    spec = spec_from_file_location(f"models.{file.stem}", file)
    if spec is None or spec.loader is None:
        raise BuildError("A model file cannot be read.", remedy="Install the package again.", file=file)
    module = module_from_spec(spec)
    token = IS_COMPILED.set(True)
    try:
        spec.loader.exec_module(module)
    finally:
        IS_COMPILED.reset(token)
    return module


def _comments(model: Model) -> list[str]:
    texts = {f"{_kind(model)} {model.address}": model.description}
    texts |= {f'column {model.address}."{column.name}"': column.description for column in model.columns}
    return [f"comment on {what} is {literal(text)}" for what, text in texts.items() if text]
