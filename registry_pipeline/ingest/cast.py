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
    for name in _suspects(text, typed):
        dtype = table.dtypes[name]
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


def _suspects(text: pl.DataFrame, typed: pl.DataFrame) -> list[str]:
    """Return the columns in which some cell was not read, told without looking at each: most batches have none."""
    lost = [name for name in typed.columns if typed[name].null_count() > text[name].null_count()]
    decimals = [name for name, dtype in typed.schema.items() if isinstance(dtype, pl.Decimal)]
    if not decimals:
        return lost
    was_cut = pl.select(_is_cut(text[name], typed[name]).any().alias(name) for name in decimals).row(0, named=True)
    return [name for name in typed.columns if name in lost or was_cut.get(name)]


def boolean(text: pl.Expr) -> pl.Expr:
    """Return yes and no as clinics write them; null where it is neither."""
    word = text.str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)


def _cast(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Boolean:
        return boolean(column)
    return column if dtype == pl.String else column.cast(dtype, strict=False)


def _unread(text: pl.Series, typed: pl.Series) -> pl.Series:
    """Return which cells have text that did not become a value, or became a value that says less."""
    lost = text.is_not_null() & typed.is_null()
    return lost | pl.select(_is_cut(text, typed)).to_series() if isinstance(typed.dtype, pl.Decimal) else lost


def _is_cut(text: pl.Series, typed: pl.Series) -> pl.Expr:
    """Return which cells lost places: a cast to DECIMAL cuts surplus ones off without a word."""
    difference = pl.lit(text).cast(pl.Float64, strict=False) - pl.lit(typed).cast(pl.Float64)
    return (difference.abs() > _PLACES_TOLERANCE).fill_null(value=False)
