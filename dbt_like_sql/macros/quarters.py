"""Quarters of study time, as SQL."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def quarter_of(evaluator: MacroEvaluator, day: exp.Expr) -> str:
    """Return the quarter that a study day lies in, from 1."""
    return f"cast((floor({day.sql(dialect='duckdb')} / {evaluator.var('quarter_days')}) + 1) as int)"
