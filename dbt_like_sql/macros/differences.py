"""Limits of a difference between two groups from the limits of each."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def _square_and_add(sign: str, *parts: exp.Expr) -> str:
    rate, limit, reference_rate, reference_limit = (f"({part.sql(dialect='duckdb')})" for part in parts)
    distance = f"sqrt(power({rate} - {limit}, 2) + power({reference_limit} - {reference_rate}, 2))"
    return f"({rate} - {reference_rate} {sign} {distance})"


@macro()
def difference_low(
    _evaluator: MacroEvaluator, rate: exp.Expr, low: exp.Expr, reference_rate: exp.Expr, reference_high: exp.Expr
) -> str:
    """Lower limit of rate - reference_rate by square-and-add; with Wilson limits Newcombe's method 10 (1998)."""
    return _square_and_add("-", rate, low, reference_rate, reference_high)


@macro()
def difference_high(
    _evaluator: MacroEvaluator, rate: exp.Expr, high: exp.Expr, reference_rate: exp.Expr, reference_low: exp.Expr
) -> str:
    """Upper limit of rate - reference_rate by square-and-add; with Wilson limits Newcombe's method 10 (1998)."""
    return _square_and_add("+", rate, high, reference_rate, reference_low)
