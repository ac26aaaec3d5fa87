"""Intervals of proportions in SQL. Quantiles come from lookup tables; nothing here approximates one."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def _wilson(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr, sign: str) -> str:
    z = float(str(evaluator.var("z")))
    x, n = (f"cast({part.sql()} as double)" for part in (numerator, denominator))
    half = f"{z!r} * sqrt({x} * ({n} - {x}) / nullif({n}, 0) + {z * z / 4!r})"
    return f"(({x} + {z * z / 2!r}) {sign} {half}) / ({n} + {z * z!r})"


@macro()
def wilson_low(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Lower limit of the Wilson interval; null when the denominator is 0."""
    # At x = 0 the limit is 0, which rounding may miss by 1e-17 on either side.
    return f"case when {numerator.sql()} = 0 and {denominator.sql()} > 0 then 0.0e0 else {_wilson(evaluator, numerator, denominator, '-')} end"


@macro()
def wilson_high(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Upper limit of the Wilson interval; null when the denominator is 0."""
    return f"case when {numerator.sql()} = {denominator.sql()} and {denominator.sql()} > 0 then 1.0e0 else {_wilson(evaluator, numerator, denominator, '+')} end"


@macro()
def rate(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Numerator over denominator as a double; null when the denominator is 0."""
    return f"cast({numerator.sql()} as double) / nullif(cast({denominator.sql()} as double), 0)"
