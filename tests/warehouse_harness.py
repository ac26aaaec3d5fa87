"""The harness of model tests: tables in, the models that a test asks for built from them, rows out.

`warehouse({"staging.stg_course": [{...}]}, "intermediate.int_cohort")` builds the named models and what they need, in
dependency order, from the SQLMesh project as production loads it. Any relation may be given, at any layer, as a list of
rows; missing columns are null. Staging tables that nothing given feeds are empty. The audits of every model built are
run as well. The project is loaded once per session; a build takes milliseconds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.lake_views import lake_schema
from registry_pipeline.warehouse.models import execution_context
from registry_pipeline.warehouse.project import Sources, open_project

Rows = Sequence[Mapping[str, Any]]
Query = Callable[[str], list[dict[str, Any]]]
Warehouse = Callable[..., Query]


class Project:
    """The loaded project over a database in memory that is emptied before every build."""

    def __init__(self, context: Any, sources: Sources) -> None:
        self.context = context
        self.adapter = context.engine_adapter
        self.models = {model.name: model for model in context.models.values()}
        self.lake = {f"lake.{name}": columns for name, columns in lake_schema(sources.contracts).items()}
        self.parents = {
            name: sorted(_plain(parent) for parent in model.depends_on) for name, model in self.models.items()
        }
        self.order = [name for name in map(_plain, context.dag.sorted) if name in self.models or name in self.lake]
        self.execution = execution_context(context)
        self.sql: dict[str, str] = {}

    def build(self, given: Mapping[str, Rows], targets: Sequence[str]) -> Query:
        for unknown in [name for name in (*given, *targets) if name not in self.models and name not in self.lake]:
            pytest.fail(f"there is no relation {unknown}")
        self._empty()
        needed = self._needed(given, targets)
        for name in self.order:
            if name in given:
                self._create_given(name, given[name])
            elif name in needed and (name in self.lake or self._is_unfed(name, given)):
                self._create_given(name, [])
            elif name in needed:
                self._create_model(name)
        return self.query

    def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.adapter.cursor
        cursor.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def expand(self, sql: str) -> str:
        """Return SQL with the project's macros expanded, as a model's query would be."""
        from sqlmesh.core.dialect import parse
        from sqlmesh.core.model import load_sql_based_model

        model = load_sql_based_model(
            parse(f"model (name expanded.query, dialect duckdb); {sql}"),
            macros=self.context._macros,
            variables=self.context.config.variables,
            module_path=self.context.path,
        )
        return model.render_query_or_raise().sql("duckdb")

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a relation and their DuckDB types."""
        if name in self.lake:
            return self.lake[name]
        return {column: kind.sql("duckdb") for column, kind in self.models[name].columns_to_types.items()}

    def _empty(self) -> None:
        for schema in sorted({name.split(".")[0] for name in self.order}):
            self.adapter.execute(f"drop schema if exists {schema} cascade")
            self.adapter.execute(f"create schema {schema}")

    def _needed(self, given: Mapping[str, Rows], targets: Sequence[str]) -> set[str]:
        needed: set[str] = set()
        stack = list(targets)
        while stack:
            name = stack.pop()
            if name not in needed and name not in given:
                needed.add(name)
                stack.extend(self.parents.get(name, []))
        return needed

    def _is_unfed(self, name: str, given: Mapping[str, Rows]) -> bool:
        if not name.startswith("staging."):
            return False
        stack, seen = [name], {name}
        while stack:
            for parent in self.parents.get(stack.pop(), []):
                if parent in given:
                    return False
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return True

    def _create_given(self, name: str, rows: Rows) -> None:
        columns = self.columns(name)
        unknown = {column for row in rows for column in row} - columns.keys()
        assert not unknown, f"{name} has no column {sorted(unknown)}"
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.adapter.execute(f"create table {name} ({definition})")
        if name in self.lake and "row_no" in columns:
            rows = [{"row_no": row_no, **row} for row_no, row in enumerate(rows)]
        if rows:
            marks = ", ".join("?" * len(columns))
            values = [tuple(row.get(column) for column in columns) for row in rows]
            self.adapter.cursor.executemany(f"insert into {name} values ({marks})", values)

    def _create_model(self, name: str) -> None:
        model = self.models[name]
        if model.is_sql:
            kind = "view" if model.kind.name == "VIEW" else "table"
            self.adapter.execute(f"create {kind} {name} as {self._rendered(name)}")
        else:
            self._create_python_model(model)
        for audit, arguments in model.audits_with_args:
            key = f"{name}|{audit.name}|{arguments}"
            if key not in self.sql:
                self.sql[key] = model.render_audit_query(audit, **arguments).sql("duckdb")
            failing = self.query(f"select count(*) as n from ({self.sql[key]}) as a")[0]["n"]
            assert failing == 0, f"the audit {audit.name} of {name} finds {failing} rows"

    def _rendered(self, name: str) -> str:
        if name not in self.sql:
            self.sql[name] = self.models[name].render_query_or_raise().sql("duckdb")
        return self.sql[name]

    def _create_python_model(self, model: Any) -> None:
        columns = self.columns(model.name)
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.adapter.execute(f"create table {model.name} ({definition})")
        for frame in model.render(context=self.execution):
            self.adapter.cursor.register("frame", frame)
            selected = ", ".join(f"cast({column} as {kind})" for column, kind in columns.items())
            self.adapter.execute(f"insert into {model.name} select {selected} from frame")
            self.adapter.cursor.unregister("frame")


def _plain(fqn: str) -> str:
    return ".".join(part.strip('"') for part in fqn.split(".")[-2:])


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Return the shipped contracts and settings over an empty home."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    return Sources(settings, load_contracts(settings))


@pytest.fixture(scope="session")
def project(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return the SQLMesh project as production loads it, over a database in memory."""
    with open_project(sources, None, tmp_path_factory.mktemp("cache")) as context:
        yield Project(context, sources)


@pytest.fixture
def warehouse(project: Project) -> Warehouse:
    """Return `build(tables, *models) -> query`: see the module's docstring."""

    def build(tables: Mapping[str, Rows], *targets: str) -> Query:
        return project.build(tables, targets)

    return build
