"""Intervals of ratios over clusters in SQL: several sessions, or years, of one patient are not independent.

With y events of m sessions (or years) of each of k patients, and Y and M their sums, the ratio Y/M has the variance
k/(k-1) · Σ(y - Y/M · m)² / M². All here work on the sums alone, so that counts can be added up over kinds of patients.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def _double(part: exp.Expr) -> str:
    return f"cast(({part.sql(dialect='duckdb')}) as double)"


def _residuals(events: str, total: str, sums: exp.Expr) -> str:
    # One division, at the end: patients who are all alike leave exactly nothing.
    yy, ym, mm = (_double(part) for part in sums.expressions)
    return (
        f"(({total} * {total} * {yy} - 2 * {total} * {events} * {ym} + {events} * {events} * {mm})"
        f" / nullif({total} * {total}, 0))"
    )


@macro()
def n_effective(
    _evaluator: MacroEvaluator, patients: exp.Expr, events: exp.Expr, total: exp.Expr, sums: exp.Expr
) -> str:
    """Tell how many independent sessions the sessions are worth.

    A frequency of 0 or 1 shows no variance, and one patient has none to show: then patients are what is counted.

    Args:
        _evaluator: SQLMesh's.
        patients: How many patients, k.
        events: Sessions with the event, Y.
        total: Sessions, M.
        sums: Over patients the sums of y·y, y·m and m·m, as an array.
    """
    k, y, m = _double(patients), _double(events), _double(total)
    return f"""
    case
      when {y} in (0, {m}) or {k} <= 1 then {k}
      else least({m}, {y} * ({m} - {y}) / nullif({_residuals(y, m, sums)} * {k} / ({k} - 1), 0))
    end
    """


@macro()
def log_rate_error(
    _evaluator: MacroEvaluator, patients: exp.Expr, events: exp.Expr, total: exp.Expr, sums: exp.Expr
) -> str:
    """Return the standard error of the logarithm of events per time; null for one patient or no event.

    Args:
        _evaluator: SQLMesh's.
        patients: How many patients, k.
        events: Events, Y.
        total: Time, M.
        sums: Over patients the sums of y·y, y·m and m·m, as an array.
    """
    k, y, m = _double(patients), _double(events), _double(total)
    # Rounding may leave a little less than nothing.
    return f"sqrt(greatest({_residuals(y, m, sums)}, 0) * {k} / nullif({k} - 1, 0)) / nullif({y}, 0)"
