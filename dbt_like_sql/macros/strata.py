"""The one owner of how small count tables become the strata of a mart."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def _expand(counts: exp.Expr, keys: exp.Expr, sums: exp.Expr, strata: str, kind: str) -> str:
    key_names = [column.name for column in keys.expressions]
    group_list = ", ".join(["s.indication", "s.dimension", "s.level", *(f"c.{name}" for name in key_names)])
    totals = "".join(f", sum(c.{column.name}) as {column.name}" for column in sums.expressions)
    return f"""
    select {group_list}{totals}
    from {counts.sql()} as c
    inner join intermediate.{strata} as s
      on c.{kind} = s.{kind}
    group by {group_list}
    """


@macro()
def expand_strata(_evaluator: MacroEvaluator, counts: exp.Expr, keys: exp.Expr, sums: exp.Expr) -> str:
    """Sum counts by (patient_kind_no, keys) into (indication, dimension, level, keys).

    Counts are aggregated before they get here, so the manifold join touches kinds of patients and not patients.

    Args:
        _evaluator: SQLMesh's.
        counts: The relation to expand: a model or a CTE with patient_kind_no, keys and sums.
        keys: The mart's further key columns, as an array.
        sums: The additive columns, as an array.
    """
    return _expand(counts, keys, sums, "int_patient_stratum", "patient_kind_no")


@macro()
def expand_main_strata(_evaluator: MacroEvaluator, counts: exp.Expr, keys: exp.Expr, sums: exp.Expr) -> str:
    """Sum counts by (main_kind_no, keys) into (indication, dimension, level, keys) of the main strata.

    The arguments are those of `expand_strata`. Main kinds are few, so counts by many keys stay small.
    """
    return _expand(counts, keys, sums, "int_main_stratum", "main_kind_no")
