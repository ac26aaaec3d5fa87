"""The one way in which combinations of traits get a number, by which counting costs a fraction of counting by texts."""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def number_kinds(_evaluator: MacroEvaluator, rows: exp.Expr, traits: exp.Expr, number: exp.Expr) -> str:
    """Select every combination of traits that rows have, with its number from 1 in order of the traits.

    Args:
        _evaluator: SQLMesh's.
        rows: The relation with the traits.
        traits: Its columns to combine, as an array; none of them null.
        number: What the number is called.
    """
    names = [trait.name for trait in traits.expressions]
    listed = ", ".join(f"k.{name}" for name in names)
    return f"""
    select {listed}, cast(row_number() over (order by {listed}) as integer) as {number.name}
    from (
      select distinct {", ".join(f"r.{name}" for name in names)}
      from {rows.sql()} as r
    ) as k
    """


@macro()
def same_kind(_evaluator: MacroEvaluator, one: exp.Expr, other: exp.Expr, traits: exp.Expr) -> str:
    """Tell whether two rows agree in every trait; the first two arguments are their aliases."""
    return " and ".join(f"{one.name}.{trait.name} = {other.name}.{trait.name}" for trait in traits.expressions)
