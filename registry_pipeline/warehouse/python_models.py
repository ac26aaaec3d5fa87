"""What every model written in Python needs: its audits, and the rows of the models it reads.

What belongs here: the few lines that SQLMesh wants said its own way. What does not: any one model.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp, parse_one

if TYPE_CHECKING:
    import pandas as pd
    from sqlmesh import ExecutionContext


def columns(*names: str) -> list[exp.Column]:
    """Return columns as expressions: SQLMesh takes bare strings for text literals, the same in every row."""
    return [exp.column(name) for name in names]


def audits(grain: Sequence[str], *filled: str, rules: Sequence[str] = ()) -> list[tuple[str, dict[str, Any]]]:
    """Return the audits of a table: what is never null, what names a row, and conditions that hold in every row.

    Args:
        grain: The columns that name a row; never null.
        filled: Further columns that are never null.
        rules: SQL conditions; a row for which one is false fails the build.
    """
    found: list[tuple[str, dict[str, Any]]] = [
        ("not_null", {"columns": columns(*grain, *filled)}),
        ("unique_combination_of_columns", {"columns": columns(*grain)}),
    ]
    if rules:
        found.append(("forall", {"criteria": [parse_one(rule, dialect="duckdb") for rule in rules]}))
    return found


def fetch(context: "ExecutionContext", query: str, **relations: str) -> "pd.DataFrame":
    """Return the rows of a query over other models.

    Args:
        context: What SQLMesh passes to the model.
        query: SQL with a {name} for each relation.
        relations: The model behind each name; the model must list it in `depends_on` too.
    """
    tables = {name: context.resolve_table(model) for name, model in relations.items()}
    frame: pd.DataFrame = context.fetchdf(query.format(**tables))
    return frame
