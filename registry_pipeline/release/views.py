"""Views with plain names over the marts, so that a first question needs neither dimension nor estimand.

What belongs here: reading `dbt_like_sql/views/*.sql` and making the views. What does not: numbers. A view picks rows
and columns of marts that disclosure control has left, hidden rows included, and computes nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry_pipeline.content import content_path
from registry_pipeline.errors import ContractError
from registry_pipeline.release.dictionary import ColumnDoc, TableDoc
from registry_pipeline.release.mart_contracts import MartContract

if TYPE_CHECKING:
    import duckdb

_RENAMED = re.compile(r"--\s+(\w+):\s+(.+)")
_MART = re.compile(r"\bmarts\.(\w+)")


@dataclass(frozen=True)
class View:
    """One file of `dbt_like_sql/views`: its comments say what the view is, the rest is its SELECT."""

    name: str
    description: str
    renamed: Mapping[str, str]
    """What columns mean that have another name than in the mart."""
    sql: str

    @property
    def marts(self) -> tuple[str, ...]:
        """Return the marts that it reads, in the order in which it names them."""
        return tuple(dict.fromkeys(_MART.findall(self.sql)))


def load_views(folder: Path | None = None) -> list[View]:
    """Read every view, by name.

    Args:
        folder: Where the files lie; the shipped ones when None.

    Raises:
        ContractError: If a file does not begin with a comment that says what the view is.
    """
    folder = folder or content_path("dbt_like_sql/views")
    return [_view(file) for file in sorted(folder.glob("*.sql"))]


def write_views(
    connection: "duckdb.DuckDBPyConnection", views: Iterable[View], marts: Mapping[str, MartContract]
) -> list[TableDoc]:
    """Make the views in schema `main` and return what each of them means.

    A column means what it means in the mart that the view reads, unless the file says something else of it. A view is a
    convenience and stops no release: one that reads a mart or column which is not there is left out.

    Args:
        connection: Open on the new public database, with the marts in it.
        views: The views to make.
        marts: The contracts of the marts in the database.

    Raises:
        ContractError: If nobody has said what a column means.
    """
    return [_doc(connection, view, marts) for view in views if _is_made(connection, view)]


def _is_made(connection: "duckdb.DuckDBPyConnection", view: View) -> bool:
    import duckdb  # noqa: PLC0415 - half a second, only where a database is written

    try:
        connection.execute(f'create view main."{view.name}" as {view.sql}')
    except (duckdb.BinderException, duckdb.CatalogException):
        return False
    return True


def _doc(connection: "duckdb.DuckDBPyConnection", view: View, marts: Mapping[str, MartContract]) -> TableDoc:
    meaning = {column.name: column.description for mart in view.marts for column in marts[mart].columns}
    meaning |= view.renamed
    found = connection.execute(f'describe main."{view.name}"').fetchall()
    if unknown := [name for name, *_ in found if name not in meaning]:
        raise ContractError(
            f"Nobody says what the column `{unknown[0]}` of the view {view.name} means.",
            remedy=f"Add a line `-- {unknown[0]}: …` below the first one of the view's file.",
        )
    columns = tuple(ColumnDoc(name, data_type, meaning[name]) for name, data_type, *_ in found)
    return TableDoc("main", view.name, view.description, columns, is_view=True)


def _view(file: Path) -> View:
    lines = file.read_text(encoding="utf-8").splitlines()
    head, *comments = [line for line in lines if line.startswith("--")] or [""]
    if not lines or lines[0] != head or not head.removeprefix("--").strip():
        raise ContractError(
            "A view begins with a comment that says what it is.", remedy="Write one.", file=file, line=1
        )
    renamed = {match[1]: match[2].strip() for line in comments if (match := _RENAMED.fullmatch(line))}
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    return View(file.stem, head.removeprefix("--").strip(), renamed, sql)
