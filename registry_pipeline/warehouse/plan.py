"""The SQL project as plain data: what every model reads, what SQL makes it, and what audits it.

To compile the project takes half a minute and a build only needs what comes out, so that is kept under a hash of
everything it is made from. The asset graph comes from here too, so lineage cannot lie.

What belongs here: what a model is once compiled, and where that is kept. What does not: SQLMesh (`project.py`), and
running the models (`models.py`).
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from registry_pipeline.content import content_path
from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.settings import Settings

_COMPILERS = ("contracts", "statistics", "warehouse")
"""Packages whose code decides what a model is compiled to: models in Python take their columns from statistics."""
_KEPT = 8
"""Plans that stay: of a home there is one at a time, and several homes may share a folder."""


@dataclass(frozen=True)
class ModelColumn:
    """A column of a model."""

    name: str
    type: str
    description: str
    comes_from: tuple[tuple[str, str, str], ...] = ()
    """(schema, model, column) of what it is computed from; empty for models in Python."""


@dataclass(frozen=True)
class Model:
    """A model, compiled."""

    schema: str
    name: str
    description: str
    depends_on: tuple[tuple[str, str], ...]
    """(schema, name) of what it reads."""
    columns: tuple[ModelColumn, ...]
    grain: tuple[str, ...] = ()
    """The columns that name a row."""
    is_view: bool = False
    query: str = ""
    """The SQL of its rows; empty for a model in Python."""
    file: str = ""
    """The Python file whose `execute` returns its rows, below the project's folder; empty for a model in SQL."""
    variables: tuple[tuple[str, str], ...] = ()
    """What a model in Python may ask for by name."""
    audits: tuple[tuple[str, str], ...] = ()
    """Each audit's name and the SQL of the rows that break it."""

    @property
    def key(self) -> tuple[str, str]:
        """Return schema and name, which is the model's asset key and its address in the release."""
        return (self.schema, self.name)

    @property
    def address(self) -> str:
        """Return the name that SQL knows it by."""
        return f"{self.schema}.{self.name}"

    @property
    def language(self) -> str:
        """Return what it is written in: `sql` or `python`."""
        return "sql" if self.query else "python"

    @property
    def types(self) -> dict[str, str]:
        """Return the DuckDB type of each column."""
        return {column.name: column.type for column in self.columns}


_MODELS = TypeAdapter(list[Model])


def project_path() -> Path:
    """Return the folder of the SQLMesh project."""
    return content_path("dbt_like_sql")


def read_plan(settings: Settings) -> list[Model]:
    """Return the models of the project, parents first, compiled afresh only if something has changed.

    Raises:
        BuildError: If the project cannot be compiled.
    """
    kept = _folder(settings) / f"{_digest(settings)}.json"
    if kept.is_file():
        return _MODELS.validate_json(kept.read_bytes())
    from registry_pipeline.warehouse.project import compile_project  # noqa: PLC0415 - SQLMesh takes seconds

    models = compile_project(settings)
    # Without a home there is nowhere to keep it: loading a code location must not create one.
    if settings.plans or settings.layout.root.is_dir():
        write_text(kept, _MODELS.dump_json(models).decode())
        _forget_old(kept.parent)
    return models


def _forget_old(folder: Path) -> None:
    # Another process may be forgetting the same ones.
    with suppress(FileNotFoundError):
        for plan in sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)[:-_KEPT]:
            plan.unlink()


def _folder(settings: Settings) -> Path:
    return settings.plans or settings.layout.work / "plans"


def _digest(settings: Settings) -> str:
    digest = hashlib.sha256(version("sqlmesh").encode())
    # Paths count as well: a vocabulary is read from where it lies.
    for file in files_behind(settings, ("models", "macros", "audits"), _COMPILERS):
        digest.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(load_contracts(settings).fingerprint.encode())
    return digest.hexdigest()[:20]


def files_behind(settings: Settings, folders: Iterable[str], packages: Iterable[str]) -> Iterator[Path]:
    """Yield the files that decide what models say.

    Args:
        settings: Say where vocabularies lie that replace the shipped ones.
        folders: Which folders of the SQL project.
        packages: Whose code counts.
    """
    project, package = project_path(), Path(__file__).resolve().parents[1]
    yield project / "config.yaml"
    for shipped in files_in(content_path("data_contracts/reference")):
        yield settings.vocabulary_path(shipped.name)
    for folder in (*(project / name for name in folders), *(package / name for name in packages)):
        yield from files_in(folder)


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder and of those in it, in order, without what Python compiles."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
