"""Every model of the SQL project built once, in order of dependency, into one database, and audited.

SQLMesh loads, types, renders and documents the models and its engine adapter writes them. Its planner is left out: it
compares a build with the one before, which a file that is made fresh each night does not have, and it renders every
model about five times to do so (`docs/adr/0002-sql-layer.md` has the figures).

What belongs here: running models and audits. What does not: their SQL, and where their inputs come from.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import BuildError, RegistryError
from registry_pipeline.progress import Progress
from registry_pipeline.warehouse.project import Sources, open_project

if TYPE_CHECKING:
    from sqlmesh import Context, ExecutionContext

_MEMORY_REMEDY = "Raise REGISTRY_MEMORY_LIMIT and run again; the current release stays as it is."
_REMEDY = "Mend the model, or the rows that it trips over; the current release stays as it is."


def build_models(sources: Sources, database: Path, progress: Progress) -> None:
    """Build and audit every model of the project in `database`.

    Raises:
        BuildError: If the project cannot be loaded or a model fails, naming it; never with a cell value.
    """
    progress.step("Loading the SQL project")
    try:
        with open_project(sources, database, database.parent / "sqlmesh") as context:
            models = list(models_in_order(context))
            progress.step("Building models", len(models))
            for schema in sorted({model.schema_name for model in models}):
                context.engine_adapter.create_schema(schema)
            execution = execution_context(context)
            for model in models:
                _build(model, context.engine_adapter, execution)
                progress.advance()
    except RegistryError:
        raise
    except Exception as error:
        raise BuildError(f"The SQL project cannot be loaded ({type(error).__name__}).", remedy=_REMEDY) from error


def models_in_order(context: "Context") -> Iterator[Any]:
    """Yield the models of a project, each after those it reads."""
    for name in context.dag.sorted:
        model = context.models.get(name)
        if model is not None and not model.kind.is_symbolic:
            yield model


def execution_context(context: "Context") -> "ExecutionContext":
    """Return what Python models read other models through; every model has its own name as its table."""
    from sqlmesh import ExecutionContext  # noqa: PLC0415 - takes seconds, and only a build needs it

    tables = {name: model.name for name, model in context.models.items()}

    class Execution(ExecutionContext):  # type: ignore[misc]  # SQLMesh is untyped here
        _model_tables = tables

        def with_variables(self, variables: Any, blueprint_variables: Any = None) -> "Execution":
            return Execution(
                self.engine_adapter,
                {},
                default_dialect=self.default_dialect,
                default_catalog=self.default_catalog,
                variables=variables,
                blueprint_variables=blueprint_variables,
            )

    return Execution(context.engine_adapter, {}, default_dialect="duckdb", default_catalog=context.default_catalog)


def _build(model: Any, adapter: Any, execution: "ExecutionContext") -> None:
    try:
        # One commit for the table and its comments: each costs a flush of the log to disk.
        with adapter.transaction():
            write_model(model, adapter, execution)
        broken = dict(failing_audits(model, adapter))
    except Exception as error:  # noqa: BLE001 - SQLMesh, DuckDB and scipy raise many types, and DuckDB's quote cells
        kind = type(error).__name__
        remedy = _MEMORY_REMEDY if kind == "OutOfMemoryException" else _REMEDY
        raise BuildError(f"The model {model.name} fails with {kind}.", remedy=remedy) from None
    if broken:
        findings = ", ".join(f"{name} ({n_rows} rows)" for name, n_rows in broken.items())
        raise BuildError(f"The model {model.name} breaks its audits: {findings}.", remedy=_REMEDY)


def write_model(model: Any, adapter: Any, execution: "ExecutionContext") -> None:
    """Write one model as a table or view, with its comments."""
    columns = model.columns_to_types
    comments = {"table_description": model.description, "column_descriptions": model.column_descriptions}
    if model.is_sql and model.kind.is_view:
        adapter.create_view(model.name, model.render_query_or_raise(), columns, **comments)
    elif model.is_sql:
        adapter.ctas(model.name, model.render_query_or_raise(), columns, **comments)
    else:
        frame, *more = model.render(context=execution)
        if more:
            raise BuildError(f"The model {model.name} returns more than one frame.", remedy="Return one.")
        # SQLMesh cannot make a table of a frame without rows, and a young registry has such frames.
        adapter.create_table(model.name, columns, **comments)
        if not frame.empty:
            adapter.insert_append(model.name, frame, columns)


def failing_audits(model: Any, adapter: Any) -> Iterator[tuple[str, int]]:
    """Yield the audits of a built model that find rows, with their number."""
    for audit, arguments in model.audits_with_args:
        query = model.render_audit_query(audit, **arguments).subquery("found")
        count = adapter.fetchone(f"select count(*) from {query.sql(adapter.dialect)}", quote_identifiers=False)[0]
        if count:
            yield audit.name, count
