"""The one owner of how small count tables become the strata of a mart."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


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
    key_names = [column.name for column in keys.expressions]
    group_list = ", ".join(["s.indication", "s.dimension", "s.level", *(f"c.{name}" for name in key_names)])
    totals = "".join(f", sum(c.{column.name}) as {column.name}" for column in sums.expressions)
    return f"""
    select {group_list}{totals}
    from {counts.sql()} as c
    inner join intermediate.int_patient_stratum as s
      on c.patient_kind_no = s.patient_kind_no
    group by {group_list}
    """
