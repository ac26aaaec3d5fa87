"""The production models over given relations, in a database in memory.

What belongs here: building some models of the SQL project, as a night would, from frames that stand for other models.
What does not: what the frames say.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.models import execution_context, failing_audits, models_in_order, write_model
from registry_pipeline.warehouse.project import Sources, open_project


class InMemory:
    """The loaded SQL project over an empty database."""

    def __init__(self, context: Any) -> None:
        self._adapter = context.engine_adapter
        self._execution = execution_context(context)
        self._models = {model.name: model for model in models_in_order(context)}

    def build(self, given: Mapping[str, pd.DataFrame], *targets: str) -> None:
        """Build and audit the targets and all they need; a staging table that is not given is empty.

        Args:
            given: Frames by the name of the model that they stand for; columns left out are null.
            targets: Names of models, such as `marts.response_rates`.
        """
        for schema in sorted({model.schema_name for model in self._models.values()}):
            self._adapter.execute(f"drop schema if exists {schema} cascade")
            self._adapter.execute(f"create schema {schema}")
        needed = self._needed(given, targets)
        for name, model in self._models.items():
            if name in given or (name in needed and name.startswith("staging.")):
                self._fill(model, given.get(name, pd.DataFrame()))
            elif name in needed:
                write_model(model, self._adapter, self._execution)
                if broken := dict(failing_audits(model, self._adapter)):
                    raise SystemExit(f"{name} breaks its audits {broken}")

    def rows(self, sql: str) -> pd.DataFrame:
        """Return what a query finds."""
        frame: pd.DataFrame = self._adapter.fetchdf(sql)
        return frame

    def _needed(self, given: Mapping[str, pd.DataFrame], targets: tuple[str, ...]) -> set[str]:
        needed: set[str] = set()
        stack = list(targets)
        while stack:
            name = stack.pop()
            if name in self._models and name not in needed and name not in given:
                needed.add(name)
                if not name.startswith("staging."):
                    parents = self._models[name].depends_on
                    stack.extend(".".join(part.strip('"') for part in parent.split(".")[-2:]) for parent in parents)
        return needed

    def _fill(self, model: Any, frame: pd.DataFrame) -> None:
        columns = {name: kind.sql("duckdb") for name, kind in model.columns_to_types.items()}
        if unknown := sorted(set(frame.columns) - columns.keys()):
            raise SystemExit(f"{model.name} has no column {', '.join(unknown)}")
        if frame.empty:
            listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            self._adapter.execute(f"create table {model.name} ({listed})")
            return
        cells = [f"cast({name if name in frame else 'null'} as {kind}) as {name}" for name, kind in columns.items()]
        self._adapter.cursor.register("given_frame", frame)
        self._adapter.execute(f"create table {model.name} as select {', '.join(cells)} from given_frame")
        self._adapter.cursor.unregister("given_frame")


@contextmanager
def open_in_memory() -> Iterator[InMemory]:
    """Yield the SQL project over a database in memory."""
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        with open_project(Sources(settings, load_contracts(settings)), None, Path(folder) / "cache") as context:
            yield InMemory(context)
