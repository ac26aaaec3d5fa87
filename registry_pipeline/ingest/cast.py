"""Text to types, explicitly: a cell that cannot be read as its type is a finding, never a silent null."""

import polars as pl

from registry_pipeline.contracts.compile import CompiledTable

_TRUE = ["true", "1", "yes", "t", "y"]
_FALSE = ["false", "0", "no", "f", "n"]
_PLACES_TOLERANCE = 1e-9


def cast_batch(text: pl.DataFrame, table: CompiledTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cast the contract's columns of a text frame.

    Returns:
        The typed columns, and the findings (row, rule_id) of cells that could not be cast; those cells are null.
    """
    typed = text.select(_cast(name, dtype).alias(name) for name, dtype in table.dtypes.items())
    findings = [pl.DataFrame(schema={"row": pl.UInt32, "rule_id": pl.String})]
    for name, dtype in table.dtypes.items():
        if dtype == pl.String:
            continue
        if dtype.is_integer() and typed[name].null_count() > text[name].null_count():
            # Spreadsheets and pandas write whole numbers as 35.0; that loses nothing, so it is read.
            typed = typed.with_columns(text[name].str.replace(r"\.0+$", "").cast(dtype, strict=False).alias(name))
        rows = _unread(text[name], typed[name])
        if rows.any():
            rule_id = f"{table.contract.name}.{name}_type"
            findings.append(
                rows.arg_true().cast(pl.UInt32).alias("row").to_frame().with_columns(pl.lit(rule_id).alias("rule_id"))
            )
            typed = typed.with_columns(pl.when(~rows).then(pl.col(name)).alias(name))
    return typed, pl.concat(findings)


def _cast(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Boolean:
        word = column.str.to_lowercase()
        return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)
    return column if dtype == pl.String else column.cast(dtype, strict=False)


def _unread(text: pl.Series, typed: pl.Series) -> pl.Series:
    """Return which cells have text that did not become a value, or became a value that says less."""
    lost = text.is_not_null() & typed.is_null()
    if not isinstance(typed.dtype, pl.Decimal):
        return lost
    # A cast to DECIMAL cuts surplus places off without a word.
    cut = (text.cast(pl.Float64, strict=False) - typed.cast(pl.Float64)).abs() > _PLACES_TOLERANCE
    return lost | cut.fill_null(value=False)
