"""The one owner of how small count tables become the strata of a mart."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def expand_strata(_evaluator: MacroEvaluator, counts: exp.Expr, keys: exp.Expr, sums: exp.Expr) -> str:
    """Sum counts by (indication_code, clinic_id, route_code, keys) into (indication, dimension, level, keys).

    Counts are aggregated before they get here, so the sevenfold join touches hundreds of rows and not patients.

    Args:
        _evaluator: SQLMesh's.
        counts: The relation to expand: a model or a CTE with indication_code, clinic_id, route_code, keys and sums.
        keys: The mart's further key columns, as an array.
        sums: The additive columns, as an array.
    """
    key_names = [column.name for column in keys.expressions]
    grouping = ["indication", "dimension", "level", *key_names]
    key_list = "".join(f", c.{name}" for name in key_names)
    sum_list = "".join(f", c.{column.name}" for column in sums.expressions)
    totals = "".join(f", sum(e.{column.name}) as {column.name}" for column in sums.expressions)
    group_list = ", ".join(f"e.{name}" for name in grouping)
    return f"""
    select {group_list}{totals}
    from (
      select
        case when s.has_indication then c.indication_code else 'all' end as indication,
        s.dimension,
        case s.dimension
          when 'clinic' then c.clinic_id
          when 'route' then c.route_code
          when 'indication' then c.indication_code
          else 'all'
        end as level{key_list}{sum_list}
      from {counts.sql()} as c
      cross join reference.strata as s
    ) as e
    group by {group_list}
    """
