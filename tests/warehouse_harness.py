"""The harness of model tests: tables in, the models that a test asks for built from them, rows out.

`warehouse({"staging.stg_course": [{...}]}, "intermediate.int_cohort")` builds the named models and what they need, in
dependency order, from the compiled project that production runs. Any relation may be given, at any layer, as a list of
rows; missing columns are null. Staging tables that nothing given feeds are empty. The audits of every model built are
run as well. The project is compiled when it has changed; a build makes only what the one before has not made alike.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
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


@dataclass
class Built:
    """A relation that is there."""

    kind: str
    made_of: int | None = None
    """A number for the rows of what it was made of; as long as its audits have not passed there is none."""
    rows: int | None = None
    """A number for its own rows, once a relation that reads it has asked."""


class Project:
    """The compiled project over a database in memory, where a relation stays while a build would make the same again."""

    def __init__(self, models: Iterable[Model], sources: Sources) -> None:
        # To hand a few rows to a second thread costs more than it saves.
        self.connection = duckdb.connect(config={"threads": 1})
        self.models = {model.address: model for model in models}
        self.lake = {f"lake.{name}": columns for name, columns in lake_schema(sources.contracts).items()}
        self.parents = {
            name: [f"{schema}.{parent}" for schema, parent in model.depends_on] for name, model in self.models.items()
        }
        self.order = [*self.lake, *self.models]
        self.built: dict[str, Built] = {}
        for schema in sorted({name.split(".")[0] for name in self.order}):
            self.connection.execute(f"create schema {schema}")

    def build(self, given: Mapping[str, Rows], targets: Sequence[str]) -> Query:
        for unknown in [name for name in (*given, *targets) if name not in self.models and name not in self.lake]:
            pytest.fail(f"there is no relation {unknown}")
        given = {name: [] for name in self._unfed(given, targets)} | dict(given)
        needed = needed_for(targets, self.parents, given)
        for name in [name for name in self.built if name not in needed and name not in given]:
            self._drop(name)
        for name in self.order:
            if name in needed or name in given:
                self._make(name, given.get(name))
        return self.query

    def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a relation and their DuckDB types."""
        return self.lake[name] if name in self.lake else self.models[name].types

    def _unfed(self, given: Mapping[str, Rows], targets: Sequence[str]) -> list[str]:
        """Return what the targets read and no given relation feeds: sources, and staging tables above them."""
        fed = set(given)
        for name in self.models:
            if fed.intersection(self.parents[name]):
                fed.add(name)
        sources = [name for name in self.order if name not in fed and name.split(".")[0] in {"lake", "staging"}]
        parents = {name: () if name in sources else self.parents.get(name, ()) for name in self.order}
        needed = needed_for(targets, parents, given)
        return [name for name in sources if name in needed]

    def _make(self, name: str, rows: Rows | None) -> None:
        """Make a relation, unless the one that is there was made of the same."""
        made_of = hash(tuple(self._rows(parent) for parent in self.parents[name]) if rows is None else repr(rows))
        if name in self.built and self.built[name].made_of == made_of:
            return
        self._drop(name)
        is_view = rows is None and self.models[name].is_view
        self.built[name] = Built("view" if is_view else "table")
        self._create_model(name) if rows is None else self._create_given(name, rows)
        self.built[name].made_of = made_of
        if is_view:
            # It is as dear to read as to make anew.
            self.built[name].rows = made_of

    def _rows(self, name: str) -> int:
        built = self.built[name]
        if built.rows is None:
            built.rows = hash(repr(self.connection.execute(f"from {name}").fetchall()))
        return built.rows

    def _drop(self, name: str) -> None:
        if name in self.built:
            self.connection.execute(f"drop {self.built.pop(name).kind} if exists {name}")

    def _create_given(self, name: str, rows: Rows) -> None:
        columns = self.columns(name)
        unknown = {column for row in rows for column in row} - columns.keys()
        assert not unknown, f"{name} has no column {sorted(unknown)}"
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.connection.execute(f"create table {name} ({definition})")
        if name in self.lake and "row_no" in columns:
            rows = [{"row_no": row_no, **row} for row_no, row in enumerate(rows)]
        if rows:
            # One list for each column: row by row is slower a hundred times.
            cells = ", ".join(f"unnest(cast(? as {kind}[]))" for kind in columns.values())
            values = [[row.get(column) for row in rows] for column in columns]
            self.connection.execute(f"insert into {name} select {cells}", values)

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
    plans = sources.settings.plans
    assert plans is not None
    plans.mkdir(parents=True, exist_ok=True)
    with (plans / "lock").open("w") as lock:
        # One process compiles what has changed, the others wait for it.
        flock(lock, LOCK_EX)
        return Project(read_plan(sources.settings), sources)


@pytest.fixture
def warehouse(project: Project) -> Warehouse:
    """Return `build(tables, *models) -> query`: see the module's docstring."""

    def build(tables: Mapping[str, Rows], *targets: str) -> Query:
        return project.build(tables, targets)

    return build
