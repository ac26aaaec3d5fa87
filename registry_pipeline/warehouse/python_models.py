"""What every model written in Python needs: its declaration, and the rows of the models it reads.

What belongs here: the few lines that SQLMesh wants said its own way, and only where it compiles the project: a build
runs compiled models and loads no SQLMesh. What does not: any one model.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from sqlglot import exp

IS_COMPILED: ContextVar[bool] = ContextVar("is_compiled", default=False)
"""Whether the project has been compiled, so that a model's file is imported for its function alone."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Tables:
    """What a model in Python reads through, with the methods of SQLMesh's own context."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", variables: dict[str, str]) -> None:
        """Serve a model from an open database."""
        self._connection = connection
        self._variables = variables

    def resolve_table(self, name: str) -> str:
        """Return the name of a model's table, which is its own."""
        return name

    def fetchdf(self, query: str) -> "pd.DataFrame":
        """Return the rows of a query."""
        frame: pd.DataFrame = self._connection.execute(query).df()
        return frame

    def var(self, name: str) -> str:
        """Return a variable of the project."""
        return self._variables[name]

    blueprint_var = var


def python_model(
    name: str, grain: Sequence[str], *, filled: Sequence[str] = (), rules: Sequence[str] = (), **about: Any
) -> Callable[[Function], Function]:
    """Declare that a function makes the rows of a model; its audits follow from what is said here.

    Args:
        name: Schema and name.
        grain: The columns that name a row; never null.
        filled: Further columns that are never null.
        rules: SQL conditions; a row for which one is false fails the build.
        about: The rest as SQLMesh has it: columns, description, depends_on, ….
    """
    if IS_COMPILED.get():
        return lambda function: function
    from sqlmesh import model  # noqa: PLC0415 - takes seconds, and only compiling needs it

    grains = [f"({', '.join(grain)})"]
    audits = _audits(grain, filled, rules)
    declared: Callable[[Function], Function] = model(name, kind="full", grains=grains, audits=audits, **about)
    return declared


def columns(*names: str) -> "list[exp.Column]":
    """Return columns as expressions: SQLMesh takes bare strings for text literals, the same in every row."""
    from sqlglot import exp  # noqa: PLC0415 - as above

    return [exp.column(name) for name in names]


def fetch(context: Tables, query: str, **relations: str) -> "pd.DataFrame":
    """Return the rows of a query over other models.

    Args:
        context: What the model is called with.
        query: SQL with a {name} for each relation.
        relations: The model behind each name; the model must list it in `depends_on` too.
    """
    return context.fetchdf(query.format(**{name: context.resolve_table(model) for name, model in relations.items()}))


def _audits(grain: Sequence[str], filled: Sequence[str], rules: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    from sqlglot import parse_one  # noqa: PLC0415 - as above

    found: list[tuple[str, dict[str, Any]]] = [
        ("not_null", {"columns": columns(*grain, *filled)}),
        ("unique_combination_of_columns", {"columns": columns(*grain)}),
    ]
    if rules:
        found.append(("forall", {"criteria": [parse_one(rule, dialect="duckdb") for rule in rules]}))
    return found
