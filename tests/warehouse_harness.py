"""The harness of model tests: tables in, the models that a test asks for built from them, rows out.

`warehouse({"staging.stg_course": [{...}]}, "intermediate.int_cohort")` builds the named models and what they need, in
dependency order, from the compiled project that production runs. Any relation may be given, at any layer, as a list of
rows; missing columns are null. Staging tables that nothing given feeds are empty. The audits of every model built are
run as well. The project is compiled when it has changed; a build takes milliseconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pytest
import yaml

from benchmarks.in_memory import needed_for
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.lake_views import lake_schema
from registry_pipeline.warehouse.models import failing_audits, write_model
from registry_pipeline.warehouse.plan import Model, project_path, read_plan
from registry_pipeline.warehouse.project import Sources, import_sqlmesh

Rows = Sequence[Mapping[str, Any]]
Query = Callable[[str], list[dict[str, Any]]]
Warehouse = Callable[..., Query]


class Project:
    """The compiled project over a database in memory that is emptied before every build."""

    def __init__(self, models: Iterable[Model], sources: Sources) -> None:
        self.connection = duckdb.connect()
        self.models = {model.address: model for model in models}
        self.lake = {f"lake.{name}": columns for name, columns in lake_schema(sources.contracts).items()}
        self.parents = {
            name: [f"{schema}.{parent}" for schema, parent in model.depends_on] for name, model in self.models.items()
        }
        self.order = [*self.lake, *self.models]

    def build(self, given: Mapping[str, Rows], targets: Sequence[str]) -> Query:
        for unknown in [name for name in (*given, *targets) if name not in self.models and name not in self.lake]:
            pytest.fail(f"there is no relation {unknown}")
        self._empty()
        needed = needed_for(targets, self.parents, given)
        for name in self.order:
            if name in given:
                self._create_given(name, given[name])
            elif name in needed and (name in self.lake or self._is_unfed(name, given)):
                self._create_given(name, [])
            elif name in needed:
                self._create_model(name)
        return self.query

    def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a relation and their DuckDB types."""
        return self.lake[name] if name in self.lake else self.models[name].types

    def _empty(self) -> None:
        for schema in sorted({name.split(".")[0] for name in self.order}):
            self.connection.execute(f"drop schema if exists {schema} cascade")
            self.connection.execute(f"create schema {schema}")

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
        self.connection.execute(f"create table {name} ({definition})")
        if name in self.lake and "row_no" in columns:
            rows = [{"row_no": row_no, **row} for row_no, row in enumerate(rows)]
        if rows:
            marks = ", ".join("?" * len(columns))
            values = [tuple(row.get(column) for column in columns) for row in rows]
            self.connection.executemany(f"insert into {name} values ({marks})", values)

    def _create_model(self, name: str) -> None:
        write_model(self.connection, self.models[name])
        assert failing_audits(self.connection, self.models[name]) == {}, f"audits of {name} find rows"


def expand(sql: str) -> str:
    """Return SQL with the project's macros expanded, as a model's query would be."""
    import_sqlmesh()
    from sqlmesh import macro
    from sqlmesh.core.dialect import parse
    from sqlmesh.core.model import load_sql_based_model
    from sqlmesh.utils.metaprogramming import import_python_file

    for file in sorted((project_path() / "macros").glob("*.py")):
        import_python_file(file.relative_to(project_path().parent), project_path().parent)
    model = load_sql_based_model(
        parse(f"model (name expanded.query, dialect duckdb); {sql}"),
        macros=macro.get_registry(),
        variables=yaml.safe_load((project_path() / "config.yaml").read_text(encoding="utf-8"))["variables"],
        module_path=project_path(),
    )
    return model.render_query_or_raise().sql("duckdb")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Return the shipped contracts and settings over an empty home."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    return Sources(settings, load_contracts(settings))


@pytest.fixture(scope="session")
def project(sources: Sources) -> Project:
    """Return the SQL project as production runs it, over a database in memory."""
    return Project(read_plan(sources.settings), sources)


@pytest.fixture
def warehouse(project: Project) -> Warehouse:
    """Return `build(tables, *models) -> query`: see the module's docstring."""

    def build(tables: Mapping[str, Rows], *targets: str) -> Query:
        return project.build(tables, targets)

    return build
