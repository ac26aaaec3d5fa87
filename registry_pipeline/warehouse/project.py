"""The SQLMesh project: its configuration, the contracts that its models are generated from, and what it compiles to.

What belongs here: all that we ask of SQLMesh. What does not: building the compiled models (`models.py`).
"""

import ast
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import BuildError
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.plan import Model, ModelColumn, project_path

if TYPE_CHECKING:
    from sqlglot import exp
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


def compile_project(settings: Settings) -> list[Model]:
    """Return every model of the project, parents first: its SQL, types, words, lineage and audits.

    Raises:
        BuildError: If the project does not load, with the reason: no data is read, so its words are about the models.
    """
    try:
        with (
            TemporaryDirectory() as cache,
            open_project(Sources(settings, load_contracts(settings)), Path(cache)) as context,
        ):
            models = [_compiled(model) for model in context.models.values() if not model.kind.is_symbolic]
    except _project_errors() as error:
        raise BuildError(
            f"The SQL project cannot be loaded: {error}", remedy="Mend the model.", file=project_path()
        ) from error
    return _parents_first(sorted(models, key=lambda model: model.key))


@contextmanager
def open_project(given: Sources, cache: Path) -> Iterator["Context"]:
    """Yield the loaded SQLMesh project over a database in memory; close its connections after.

    Nothing is printed, nothing is sent, and nothing is written outside `cache`.
    """
    import_sqlmesh()
    from sqlmesh import Config, Context  # noqa: PLC0415 - takes seconds, and only a build needs it

    with _quiet():
        token = _sources.set(given)
        context = None
        try:
            static = yaml.safe_load((project_path() / "config.yaml").read_text(encoding="utf-8"))
            config = Config.parse_obj({**static, "cache_dir": str(cache)})
            context = Context(paths=[str(project_path())], config=config, concurrent_tasks=1)
            yield context
        finally:
            _sources.reset(token)
            if context is not None:
                # The context itself closes only what its planner has opened.
                context.engine_adapter.close()
                context.close()


def import_sqlmesh() -> None:
    """Import SQLMesh, which takes seconds and warns about its own use of pydantic."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import sqlmesh  # noqa: F401, PLC0415 - as above


def _project_errors() -> tuple[type[Exception], ...]:
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - a plan that is kept needs neither
    from sqlmesh.utils.errors import SQLMeshError  # noqa: PLC0415 - likewise

    return (SQLMeshError, SqlglotError)


def _parents_first(models: list[Model]) -> list[Model]:
    by_key = {model.key: model for model in models}
    order = TopologicalSorter({model.key: model.depends_on for model in models}).static_order()
    return [by_key[key] for key in order if key in by_key]


def _compiled(model: Any) -> Model:
    from sqlglot import exp  # noqa: PLC0415 - a plan that is kept does not need it

    query = model.render_query_or_raise() if model.is_sql else None
    sources = _lineage(query) if query else {}
    return Model(
        schema=model.schema_name,
        name=model.view_name,
        description=model.description or "",
        depends_on=tuple(sorted(_schema_and_name(fqn) for fqn in model.depends_on)),
        columns=tuple(
            ModelColumn(name, kind.sql("duckdb"), model.column_descriptions.get(name, ""), sources.get(name, ()))
            for name, kind in (model.columns_to_types or {}).items()
        ),
        grain=tuple(column.name for found in model.grains for column in found.find_all(exp.Column)),
        is_view=model.kind.is_view,
        query=_sql(query) if query else "",
        file=str(Path(model._path).relative_to(project_path())) if model.is_python else "",  # noqa: SLF001 - no other way
        variables=_variables(model) if model.is_python else (),
        audits=tuple(
            (audit.name, _sql(model.render_audit_query(audit, **arguments)))
            for audit, arguments in model.audits_with_args
        ),
    )


def _sql(query: "exp.Query") -> str:
    from sqlglot import exp  # noqa: PLC0415 - a plan that is kept does not need it

    # The project compiles over a database in memory and runs in any other.
    for found in query.find_all(exp.Table, exp.Column):
        found.set("catalog", None)
    return str(query.sql("duckdb"))


def _variables(model: Any) -> tuple[tuple[str, str], ...]:
    from sqlmesh.core import constants  # noqa: PLC0415 - imports SQLMesh

    found: dict[str, Any] = {}
    for kind in (constants.SQLMESH_VARS, constants.SQLMESH_BLUEPRINT_VARS):
        if kind in model.python_env:
            found |= ast.literal_eval(model.python_env[kind].payload)
    return tuple(sorted((name, str(value)) for name, value in found.items()))


def _lineage(query: "exp.Query") -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Return (schema, model, column) of what each column of a qualified query is computed from.

    SQLMesh has the same column by column, which takes a fifth of the time that the whole project does.
    """
    from sqlglot import exp  # noqa: PLC0415 - a plan that is kept does not need it
    from sqlglot.lineage import lineage  # noqa: PLC0415 - likewise
    from sqlglot.optimizer import build_scope  # noqa: PLC0415 - likewise

    nodes: Any = lineage(None, query, scope=build_scope(query), dialect="duckdb", trim_selects=False, copy=False)
    found: dict[str, set[tuple[str, str, str]]] = {name: set() for name in nodes}
    for name, node in nodes.items():
        for leaf in node.walk():
            if not leaf.downstream and (table := leaf.expression.find(exp.Table)):
                found[name].add((table.db, table.name, exp.to_column(leaf.name).name))
    return {name: tuple(sorted(parents)) for name, parents in found.items()}


def _schema_and_name(fqn: str) -> tuple[str, str]:
    schema, name = fqn.replace('"', "").split(".")[-2:]
    return schema, name


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
