"""Response, remission and deterioration as SQL conditions, by cross-multiplication on decimals.

Prorated and averaged scores are quotients rounded at the eighth decimal place. Two different quotients of items differ
by far more than SLACK, so with it a comparison comes out as it would in exact arithmetic: a patient at exactly 50 % is
a responder, whatever the division left behind.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

SLACK = "cast(0.00001 as decimal(14, 8))"

DEFINITIONS = ("response", "substantial", "remission", "remission_strict", "deterioration")

WAYS = ("", "_carried", "_lasting", "_before", "_kept")
"""How each definition is counted; `intermediate.int_response_counts` says what each is."""


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


@macro()
def definition_counts(_evaluator: MacroEvaluator, responses: exp.Expr) -> list[str]:
    """Count the rows of int_course_response that meet each definition, in each of the WAYS."""
    r = responses.sql(dialect="duckdb")
    return [
        f"count(case when {condition} then 1 end) as n_{name}{way}"
        for name in DEFINITIONS
        for way, condition in zip(
            WAYS,
            (
                f"{r}.is_{name}",
                f"coalesce({r}.is_{name}, {r}.is_{name}_before)",
                f"{r}.is_{name} and not {r}.is_retreated",
                f"{r}.is_observed and {r}.is_{name}_before",
                f"{r}.is_{name} and {r}.is_{name}_before",
            ),
            strict=True,
        )
    ]


@macro()
def definition_columns(_evaluator: MacroEvaluator, counts: exp.Expr) -> list[str]:
    """Name the columns that @definition_counts makes."""
    return [f"{counts.sql(dialect='duckdb')}.n_{name}{way}" for name in DEFINITIONS for way in WAYS]


@macro()
def of_definition(_evaluator: MacroEvaluator, definition: exp.Expr, counts: exp.Expr, way: exp.Expr) -> str:
    """Pick the count of the definition of the row, in one of the WAYS."""
    c = counts.sql(dialect="duckdb")
    cases = " ".join(f"when '{name}' then {c}.n_{name}{way.name}" for name in DEFINITIONS)
    return f"case {definition.sql(dialect='duckdb')} {cases} end"
