"""Quartiles in SQL, exact and the same on every engine."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def _quantile(share: float) -> str:
    position = f"((q.n_total - 1) * {share!r})"
    parts = " + ".join(
        f"sum(case when q.n_below <= {index} and {index} < q.n_below + q.n_values then q.value * {weight} else 0 end)"
        for index, weight in (
            (f"floor({position})", f"(1 - ({position} - floor({position})))"),
            (f"(floor({position}) + 1)", f"({position} - floor({position}))"),
        )
    )
    return f"cast({parts} as double)"


@macro()
def quartiles(_evaluator: MacroEvaluator, histogram: exp.Expr, keys: exp.Expr) -> str:
    """Select keys, n_values, lower_quartile, median and upper_quartile of a histogram.

    Between two values the quantile lies on the straight line (type 7 of Hyndman and Fan, the default of R and numpy). A
    histogram is small where the rows behind it are many.

    Args:
        _evaluator: SQLMesh's.
        histogram: A model or a CTE with keys, value and n_values (how many have it), one row per key and value.
        keys: What the quartiles are of, as an array of columns.
    """
    names = [column.name for column in keys.expressions]
    of_histogram = ", ".join(f"h.{name}" for name in names)
    of_positions = ", ".join(f"q.{name}" for name in names)
    return f"""
    select
      {of_positions},
      sum(q.n_values)::bigint as n_values,
      {_quantile(0.25)} as lower_quartile,
      {_quantile(0.5)} as median,
      {_quantile(0.75)} as upper_quartile
    from (
      select
        {of_histogram},
        h.value::double as value,
        h.n_values,
        sum(h.n_values) over (partition by {of_histogram} order by h.value) - h.n_values as n_below,
        sum(h.n_values) over (partition by {of_histogram})::double as n_total
      from {histogram.sql()} as h
    ) as q
    group by {of_positions}
    """
