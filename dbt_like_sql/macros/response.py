"""Response, remission and deterioration as SQL conditions, by cross-multiplication on decimals.

Prorated and averaged scores are quotients rounded at the eighth decimal place. Two different quotients of items differ
by far more than SLACK, so with it a comparison comes out as it would in exact arithmetic: a patient at exactly 50 % is
a responder, whatever the division left behind.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

SLACK = "cast(0.00001 as decimal(14, 8))"


def _improvement(better: exp.Expr, baseline: exp.Expr, score: exp.Expr) -> str:
    b, s = baseline.sql(), score.sql()
    return f"case when {better.sql()} = 'higher' then {s} - {b} else {b} - {s} end"


@macro()
def reaches(
    evaluator: MacroEvaluator,
    kind: exp.Expr,
    threshold: exp.Expr,
    better: exp.Expr,
    baseline: exp.Expr,
    score: exp.Expr,
) -> str:
    """Tell whether a score reaches a response threshold; null when score or threshold is."""
    improvement, limit = f"({_improvement(better, baseline, score)})", threshold.sql()
    return f"""
    case {kind.sql()}
      when 'percent' then 100 * {improvement} >= {limit} * {baseline.sql()} - {SLACK}
      when 'points' then {improvement} >= {limit} - {SLACK}
      when 'absolute' then
        case
          when {better.sql()} = 'higher' then {score.sql()} >= {limit} - {SLACK}
          else {score.sql()} <= {limit} + {SLACK}
        end
    end
    """


@macro()
def in_remission(evaluator: MacroEvaluator, operator: exp.Expr, limit: exp.Expr, score: exp.Expr) -> str:
    """Tell whether a score is on the healthy side of the cut; null when score or cut is."""
    s, cut = score.sql(), limit.sql()
    return f"""
    case {operator.sql()}
      when '<' then {s} < {cut} - {SLACK}
      when '<=' then {s} <= {cut} + {SLACK}
      when '>' then {s} > {cut} + {SLACK}
      when '>=' then {s} >= {cut} - {SLACK}
    end
    """


@macro()
def deteriorates(
    evaluator: MacroEvaluator, points: exp.Expr, better: exp.Expr, baseline: exp.Expr, score: exp.Expr
) -> str:
    """Tell whether a score is worse than baseline by at least so many points; null when score or points is."""
    return f"-({_improvement(better, baseline, score)}) >= {points.sql()} - {SLACK}"
