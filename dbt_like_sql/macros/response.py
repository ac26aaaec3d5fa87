"""Response, remission and deterioration as SQL conditions, by cross-multiplication on decimals.

Prorated and averaged scores are quotients rounded at the eighth decimal place. Two different quotients of items differ
by far more than SLACK, so with it a comparison comes out as it would in exact arithmetic: a patient at exactly 50 % is
a responder, whatever the division left behind.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

SLACK = "cast(0.00001 as decimal(14, 8))"


def _sql(part: exp.Expr) -> str:
    # An argument may be a whole expression, and it must stay one.
    return f"({part.sql(dialect='duckdb')})"


def _improvement(better: exp.Expr, baseline: exp.Expr, score: exp.Expr) -> str:
    b, s = _sql(baseline), _sql(score)
    # Parentheses inside the branches: SQLMesh folds a case whose condition is constant and drops those around it.
    return f"case when {_sql(better)} = 'higher' then ({s} - {b}) else ({b} - {s}) end"


@macro()
def reaches(
    _evaluator: MacroEvaluator,
    kind: exp.Expr,
    threshold: exp.Expr,
    better: exp.Expr,
    baseline: exp.Expr,
    score: exp.Expr,
) -> str:
    """Tell whether a score reaches a response threshold; null when score or threshold is."""
    improvement, limit = f"({_improvement(better, baseline, score)})", _sql(threshold)
    return f"""
    case {_sql(kind)}
      when 'percent' then 100 * {improvement} >= {limit} * {_sql(baseline)} - {SLACK}
      when 'points' then {improvement} >= {limit} - {SLACK}
      when 'absolute' then
        case
          when {_sql(better)} = 'higher' then {_sql(score)} >= {limit} - {SLACK}
          else {_sql(score)} <= {limit} + {SLACK}
        end
    end
    """


@macro()
def in_remission(_evaluator: MacroEvaluator, operator: exp.Expr, limit: exp.Expr, score: exp.Expr) -> str:
    """Tell whether a score is on the healthy side of the cut; null when score or cut is."""
    s, cut = _sql(score), _sql(limit)
    return f"""
    case {_sql(operator)}
      when '<' then {s} < {cut} - {SLACK}
      when '<=' then {s} <= {cut} + {SLACK}
      when '>' then {s} > {cut} + {SLACK}
      when '>=' then {s} >= {cut} - {SLACK}
    end
    """


@macro()
def deteriorates(
    _evaluator: MacroEvaluator, points: exp.Expr, better: exp.Expr, baseline: exp.Expr, score: exp.Expr
) -> str:
    """Tell whether a score is worse than baseline by at least so many points; null when score or points is."""
    return f"-({_improvement(better, baseline, score)}) >= {_sql(points)} - {SLACK}"
