"""The graph of the SQLMesh project as plain data: keys, dependencies and documentation of every model.

Loading the project costs seconds and a code location loads often, so the graph is kept in the home under a hash of
everything it is derived from. It is never written by hand, so lineage cannot lie.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import BuildError
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.warehouse.project import Sources, open_project, project_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_pipeline.settings import Settings


@dataclass(frozen=True)
class SqlColumn:
    """A column of a model."""

    name: str
    type: str
    description: str
    comes_from: tuple[tuple[str, str, str], ...] = ()
    """(schema, model, column) of what it is computed from; empty for models in Python."""


@dataclass(frozen=True)
class SqlModel:
    """A model as the asset graph needs it."""

    schema: str
    name: str
    description: str
    kind: str
    """`view`, `full`, …"""
    language: str
    """`sql` or `python`."""
    depends_on: tuple[tuple[str, str], ...]
    """(schema, name) of what it reads."""
    columns: tuple[SqlColumn, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Return schema and name, which is the model's asset key and its address in the release."""
        return (self.schema, self.name)


def read_graph(settings: Settings) -> list[SqlModel]:
    """Return the models of the project, parents first, from the home's cache when nothing has changed."""
    cached = settings.layout.work / "sql_graph" / f"{_digest(settings)}.json"
    if cached.is_file():
        return [_from_json(item) for item in json.loads(cached.read_text(encoding="utf-8"))]
    models = _load(settings)
    # Without a home there is nowhere to keep it: loading a code location must not create one.
    if settings.layout.root.is_dir():
        write_text(cached, json.dumps([asdict(model) for model in models]))
    return models


def _digest(settings: Settings) -> str:
    digest = hashlib.sha256(version("sqlmesh").encode())
    project, package = project_path(), Path(__file__).resolve().parents[1]
    # The staging models are generated from the contracts by this code, so both are part of what a graph is made from.
    sources = [*project.rglob("*.sql"), *project.rglob("*.py"), *project.rglob("*.yaml")]
    sources += [*package.glob("warehouse/*.py"), *package.glob("contracts/*.py"), Path(__file__)]
    sources += content_path("data_contracts/marts").glob("*.yaml")
    for file in sorted(sources):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(load_contracts(settings).fingerprint.encode())
    return digest.hexdigest()[:20]


def _load(settings: Settings) -> list[SqlModel]:
    sources = Sources(settings, load_contracts(settings))
    try:
        with TemporaryDirectory() as cache, open_project(sources, None, Path(cache)) as context:
            words = _mart_words(settings)
            models = [
                _describe(model, context, words) for model in context.models.values() if not model.kind.is_symbolic
            ]
    except _project_errors() as error:
        # No data is read while the project loads, so its words are about the models alone.
        raise BuildError(
            f"The SQL project cannot be loaded: {error}", remedy="Mend the model.", file=project_path()
        ) from error
    return _parents_first(sorted(models, key=lambda model: model.key))


def _mart_words(settings: Settings) -> dict[str, dict[str, str]]:
    return {
        f"marts.{contract.name}": {column.name: column.description for column in contract.columns}
        for contract in load_mart_contracts(settings).values()
    }


def _project_errors() -> tuple[type[Exception], ...]:
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - a cached graph needs neither
    from sqlmesh.utils.errors import SQLMeshError  # noqa: PLC0415 - likewise

    return (SQLMeshError, SqlglotError)


def _parents_first(models: list[SqlModel]) -> list[SqlModel]:
    by_key = {model.key: model for model in models}
    order = TopologicalSorter({model.key: model.depends_on for model in models}).static_order()
    return [by_key[key] for key in order if key in by_key]


def _describe(model: Any, context: Any, words: Mapping[str, Mapping[str, str]]) -> SqlModel:
    columns = model.columns_to_types or {}
    # What a mart's columns mean is said once, in its contract.
    described = words.get(model.name, model.column_descriptions)
    return SqlModel(
        schema=model.schema_name,
        name=model.view_name,
        description=model.description or "",
        kind=str(model.kind.name.value).lower(),
        language="python" if model.is_python else "sql",
        depends_on=tuple(sorted(_schema_and_name(fqn) for fqn in model.depends_on)),
        columns=tuple(
            SqlColumn(name, kind.sql("duckdb"), described.get(name, ""), _lineage(model, name, context))
            for name, kind in columns.items()
        ),
    )


def _lineage(model: Any, column: str, context: Any) -> tuple[tuple[str, str, str], ...]:
    from sqlmesh.core.lineage import column_dependencies  # noqa: PLC0415 - SQLMesh takes seconds; a cached graph does not

    if model.is_python:
        return ()
    parents = column_dependencies(context, model.name, column)
    return tuple(sorted((*_schema_and_name(fqn), name) for fqn, names in parents.items() for name in names))


def _schema_and_name(fqn: str) -> tuple[str, str]:
    schema, name = fqn.replace('"', "").split(".")[-2:]
    return schema, name


def _from_json(item: dict[str, Any]) -> SqlModel:
    columns = tuple(_column_from_json(column) for column in item.pop("columns"))
    depends_on = tuple((schema, name) for schema, name in item.pop("depends_on"))
    return SqlModel(**item, columns=columns, depends_on=depends_on)


def _column_from_json(item: dict[str, Any]) -> SqlColumn:
    comes_from = tuple((schema, model, column) for schema, model, column in item.pop("comes_from"))
    return SqlColumn(**item, comes_from=comes_from)
