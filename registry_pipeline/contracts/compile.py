"""Rules compiled for the engine that judges rows: polars expressions, held together by one pandera schema a table.

pandera tells whether a batch keeps its types and all rules; where it does not, rules and rows are located by the same
expressions. Batches are typed and eager, because on a lazy frame pandera checks names and types only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from registry_pipeline.contracts.model import (
    Check,
    Compare,
    Expression,
    IdentifierFree,
    MaxLength,
    OneOf,
    Pattern,
    Range,
    RangeBy,
    Required,
    Rule,
    TableContract,
)
from registry_pipeline.errors import ContractError, RegistryError

if TYPE_CHECKING:
    import pandera.polars as pa

_RULES = "types and rules"

_DTYPES: Mapping[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "SMALLINT": pl.Int16(),
    "INTEGER": pl.Int32(),
    "BOOLEAN": pl.Boolean(),
}


def polars_dtype(physical_type: str) -> pl.DataType:
    """Return the polars type of a contract type."""
    if physical_type.startswith("DECIMAL("):
        precision, scale = physical_type[8:-1].split(",")
        return pl.Decimal(int(precision), int(scale))
    return _DTYPES[physical_type]


@dataclass(frozen=True)
class CompiledTable:
    """A table contract ready to judge typed batches."""

    contract: TableContract
    dtypes: dict[str, pl.DataType]
    holds: dict[str, pl.Expr]
    """Rule id → expression that is true where the rule holds, null where it does not apply."""

    @cached_property
    def schema(self) -> "pa.DataFrameSchema":
        """Return the pandera schema: that the columns have their types, and that every rule of the table holds."""
        # pandera takes a second to import; a run without a delivery never needs it.
        import pandera.polars as pa  # noqa: PLC0415

        every_rule = pl.all_horizontal(
            pl.lit(value=True), *(expression.fill_null(value=True).all() for expression in self.holds.values())
        )

        def is_kept(data: "pa.PolarsData") -> bool:
            if data.lazyframe.collect_schema() != self.dtypes:
                return False
            return bool(data.lazyframe.select(every_rule).collect().item())

        # One check for all columns and rules costs a fraction of one each, and its verdict quotes no cell.
        return pa.DataFrameSchema(checks=pa.Check(is_kept, name=_RULES))

    def broken_rules(self, batch: pl.DataFrame) -> list[str]:
        """Return the ids of the rules that some row of a typed batch breaks.

        Raises:
            RegistryError: If the batch does not have the schema's columns and types; a fault of ours, not of the data.
        """
        import pandera.errors  # noqa: PLC0415

        try:
            self.schema.validate(batch, lazy=True)
        except pandera.errors.SchemaErrors:
            if batch.schema != self.dtypes:
                raise RegistryError(
                    f"The typed batch of {self.contract.name} does not fit its schema.", remedy="Report this fault."
                ) from None
        else:
            return []
        verdicts = batch.select(
            holds.fill_null(value=True).all().alias(rule_id) for rule_id, holds in self.holds.items()
        )
        return [rule_id for rule_id, is_kept in verdicts.row(0, named=True).items() if not is_kept]

    def findings(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return (row, rule_id) for every rule that a row of the typed batch breaks; `row` counts from 0."""
        found = [
            batch.select(
                (~self.holds[rule_id]).fill_null(value=False).arg_true().cast(pl.UInt32).alias("row")
            ).with_columns(pl.lit(rule_id).alias("rule_id"))
            for rule_id in self.broken_rules(batch)
        ]
        return pl.concat([pl.DataFrame(schema={"row": pl.UInt32, "rule_id": pl.String}), *found])


def compile_table(contract: TableContract) -> CompiledTable:
    """Compile every rule of a contract that is judged on typed rows.

    `TypeCheck` is the cast's business and `IdentifierFree` the identifier guard's; both report under their rule ids.

    Raises:
        ContractError: If an expression cannot be compiled, names an unknown column or is not boolean; with the line.
    """
    dtypes = {column.name: polars_dtype(column.physical_type) for column in contract.columns}
    holds: dict[str, pl.Expr] = {}
    for rule in contract.rules:
        expression = _expression(rule, dtypes)
        if expression is not None:
            holds[rule.id] = expression
    _try_on(pl.DataFrame(schema=dtypes), holds, contract)
    return CompiledTable(contract, dtypes, holds)


def _try_on(empty: pl.DataFrame, holds: Mapping[str, pl.Expr], contract: TableContract) -> None:
    try:
        # All at once, as most contracts are right: one query in place of one for every rule.
        dtypes = empty.select(expression.alias(rule_id) for rule_id, expression in holds.items()).schema
        if all(dtype == pl.Boolean for dtype in dtypes.values()):
            return
    except pl.exceptions.PolarsError:
        pass
    for rule in contract.rules:
        if rule.id in holds:
            _try_rule_on(empty, holds[rule.id], rule)


def _try_rule_on(empty: pl.DataFrame, expression: pl.Expr, rule: Rule) -> None:
    try:
        dtype = empty.select(expression.alias("holds")).schema["holds"]
    except pl.exceptions.PolarsError as error:
        raise _uncompilable(rule, "it does not fit the columns of its table") from error
    if dtype != pl.Boolean:
        raise _uncompilable(rule, "it is not true or false")


def _uncompilable(rule: Rule, why: str) -> ContractError:
    return ContractError(
        f"The rule {rule.id} cannot be compiled: {why}.",
        remedy="Mend the rule.",
        file=rule.source.file,
        line=rule.source.line,
    )


def _expression(rule: Rule, dtypes: Mapping[str, pl.DataType]) -> pl.Expr | None:
    check = rule.check
    if isinstance(check, Expression):
        try:
            return pl.sql_expr(check.sql)
        except pl.exceptions.PolarsError as error:
            raise _uncompilable(rule, "it is not an SQL expression") from error
    if isinstance(check, Compare):
        return _compare(check)
    if rule.column is None:
        raise _uncompilable(rule, "this check belongs to a column")
    return _column_expression(check, pl.col(rule.column), dtypes[rule.column])


def _column_expression(check: Check, column: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(check, Required):
        return column.is_not_null()
    if isinstance(check, Range):
        return _range(check, column)
    if isinstance(check, OneOf):
        return column.is_in(check.values)
    if isinstance(check, Pattern):
        return column.str.contains(f"^(?:{check.regex})$")
    if isinstance(check, MaxLength):
        return column.str.len_chars() <= check.n
    if isinstance(check, RangeBy):
        key = pl.col(check.key)
        low = key.replace_strict({name: low for name, low, _ in check.ranges}, default=None, return_dtype=dtype)
        high = key.replace_strict({name: high for name, _, high in check.ranges}, default=None, return_dtype=dtype)
        return column.is_between(low, high)
    return None


def _range(check: Range, column: pl.Expr) -> pl.Expr:
    low = pl.lit(value=True)
    if check.min is not None:
        low = column > check.min if check.min_exclusive else column >= check.min
    return low if check.max is None else low & (column <= check.max)


def _compare(check: Compare) -> pl.Expr:
    left, right = pl.col(check.left), pl.col(check.right)
    return {"<": left < right, "<=": left <= right, "=": left == right, ">=": left >= right, ">": left > right}[
        check.op
    ]


def identifier_columns(contract: TableContract) -> dict[str, Rule]:
    """Return the free-text columns that the identifier guard must scan, each with its rule."""
    return {
        rule.column: rule
        for rule in contract.rules
        if isinstance(rule.check, IdentifierFree) and rule.column is not None
    }
