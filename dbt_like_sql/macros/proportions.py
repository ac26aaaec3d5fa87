"""Intervals of proportions in SQL. Quantiles come from lookup tables; nothing here approximates one."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def _sql(part: exp.Expr) -> str:
    # An argument may be a whole expression, and it must stay one.
    return f"({part.sql(dialect='duckdb')})"


def _wilson(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr, sign: str) -> str:
    z = float(str(evaluator.var("z")))
    x, n = (f"cast({_sql(part)} as double)" for part in (numerator, denominator))
    half = f"{z!r} * sqrt({x} * ({n} - {x}) / nullif({n}, 0) + {z * z / 4!r})"
    return f"(({x} + {z * z / 2!r}) {sign} {half}) / ({n} + {z * z!r})"


@macro()
def wilson_low(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Lower limit of the Wilson interval; null when the denominator is 0."""
    # At x = 0 the limit is 0, which rounding may miss by 1e-17 on either side.
    is_zero = f"{_sql(numerator)} = 0 and {_sql(denominator)} > 0"
    return f"case when {is_zero} then 0.0e0 else {_wilson(evaluator, numerator, denominator, '-')} end"


@macro()
def wilson_high(evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Upper limit of the Wilson interval; null when the denominator is 0."""
    is_one = f"{_sql(numerator)} = {_sql(denominator)} and {_sql(denominator)} > 0"
    return f"case when {is_one} then 1.0e0 else {_wilson(evaluator, numerator, denominator, '+')} end"


@macro()
def proportion_low(evaluator: MacroEvaluator, exact: exp.Expr, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Lower limit of a proportion: exact where `reference.clopper_pearson`, joined as `exact`, has it, else Wilson."""
    return f"coalesce({exact.name}.ci_low, {wilson_low(evaluator, numerator, denominator)})"


@macro()
def proportion_high(evaluator: MacroEvaluator, exact: exp.Expr, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Upper limit of a proportion, as `proportion_low`."""
    return f"coalesce({exact.name}.ci_high, {wilson_high(evaluator, numerator, denominator)})"


@macro()
def proportion_method(evaluator: MacroEvaluator, denominator: exp.Expr) -> str:
    """Name of the interval that those two give; null when the denominator is 0."""
    n, below = _sql(denominator), int(str(evaluator.var("exact_below")))
    return f"case when {n} = 0 then null when {n} < {below} then 'clopper_pearson' else 'wilson' end"


@macro()
def rate(_evaluator: MacroEvaluator, numerator: exp.Expr, denominator: exp.Expr) -> str:
    """Numerator over denominator as a double; null when the denominator is 0."""
    return f"cast({_sql(numerator)} as double) / nullif(cast({_sql(denominator)} as double), 0)"
