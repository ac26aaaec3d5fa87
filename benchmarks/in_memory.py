"""The production models over given relations, in a database in memory.

What belongs here: building some models of the SQL project, as a night would, from frames that stand for other models.
What does not: what the frames say.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.models import failing_audits, insert_frame, write_model
from registry_pipeline.warehouse.plan import Model, read_plan


class InMemory:
    """The compiled SQL project over an empty database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, models: Iterable[Model]) -> None:
        self._connection = connection
        self._models = {model.address: model for model in models}

    def build(self, given: Mapping[str, pd.DataFrame], *targets: str) -> None:
        """Build and audit the targets and all they need; a staging table that is not given is empty.

        Args:
            given: Frames by the name of the model that they stand for; columns left out are null.
            targets: Names of models, such as `marts.response_rates`.
        """
        for schema in sorted({model.schema for model in self._models.values()}):
            self._connection.execute(f"drop schema if exists {schema} cascade")
            self._connection.execute(f"create schema {schema}")
        parents = {name: _parents(model) for name, model in self._models.items()}
        needed = needed_for(targets, parents, given)
        for name, model in self._models.items():
            if name in given or (name in needed and model.schema == "staging"):
                self._fill(model, given.get(name, pd.DataFrame()))
            elif name in needed:
                write_model(self._connection, model)
                if broken := failing_audits(self._connection, model):
                    raise SystemExit(f"{name} breaks its audits {broken}")

    def rows(self, sql: str) -> pd.DataFrame:
        """Return what a query finds."""
        return self._connection.execute(sql).df()

    def _fill(self, model: Model, frame: pd.DataFrame) -> None:
        if unknown := sorted(set(frame.columns) - model.types.keys()):
            raise SystemExit(f"{model.address} has no column {', '.join(unknown)}")
        listed = ", ".join(f"{name} {kind}" for name, kind in model.types.items())
        self._connection.execute(f"create table {model.address} ({listed})")
        if not frame.empty:
            insert_frame(self._connection, model, frame)


def needed_for(targets: Iterable[str], parents: Mapping[str, Collection[str]], given: Collection[str]) -> set[str]:
    """Return the targets and their ancestors, without what is given and what only that needs."""
    needed: set[str] = set()
    stack = list(targets)
    while stack:
        name = stack.pop()
        if name not in needed and name not in given:
            needed.add(name)
            stack.extend(parents.get(name, ()))
    return needed


def _parents(model: Model) -> list[str]:
    return [] if model.schema == "staging" else [f"{schema}.{name}" for schema, name in model.depends_on]


@contextmanager
def open_in_memory() -> Iterator[InMemory]:
    """Yield the SQL project over a database in memory."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        yield InMemory(connection, read_plan(Settings(home=Path(folder) / "home")))
