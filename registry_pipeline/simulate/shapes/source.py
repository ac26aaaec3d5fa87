"""A feed read backwards: from the contract's columns to the columns that the clinic has.

What belongs here: names, words, constants, wide visits. What does not: bytes (the writers beside this module).
Frames here are all text, null where empty, and carry helper columns that begin with `_`.
"""

from collections.abc import Mapping

import polars as pl

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.feeds.model import FileFeed, TableMapping
from registry_pipeline.simulate.arrays import PATIENT_NO

DEFECT = "_defect"
"""Helper column: the number of the planted defect that the row carries, null in good rows."""
HELPERS = (PATIENT_NO, DEFECT)
_VISIT = "_visit"


def source_frame(
    entry: FileFeed, tables: Mapping[str, pl.DataFrame], contracts: Mapping[str, TableContract]
) -> pl.DataFrame:
    """Return the rows of one file as the clinic writes them; the rows of several tables are ordered by patient."""
    mappings = [mapping for mapping in entry.tables if mapping.table in tables]
    frames = [
        _one_table(entry, mapping, tables[mapping.table], contracts[mapping.table], alone=len(entry.tables) == 1)
        for mapping in mappings
    ]
    if len(frames) == 1:
        return frames[0]
    return pl.concat(frames, how="diagonal").sort(PATIENT_NO, maintain_order=True)


def sheet_frame(entry: FileFeed, mapping: TableMapping, frame: pl.DataFrame, contract: TableContract) -> pl.DataFrame:
    """Return the rows of one sheet of a workbook."""
    return _one_table(entry, mapping, frame, contract, alone=True)


def column_types(entry: FileFeed, contracts: Mapping[str, TableContract]) -> dict[str, str]:
    """Return the physical type of each source column; a column with words of its own is text."""
    types: dict[str, str] = {}
    for mapping in entry.tables:
        for column in contracts[mapping.table].columns:
            given = mapping.columns.get(column.name)
            source = column.name if given is None else given.source
            if source is not None:
                types[source] = "VARCHAR" if given is not None and given.values else column.physical_type
    return types


def _one_table(
    entry: FileFeed, mapping: TableMapping, frame: pl.DataFrame, contract: TableContract, *, alone: bool
) -> pl.DataFrame:
    names = [column.name for column in contract.columns if column.name in mapping.columns or alone]
    if mapping.unpivot is not None:
        names = [name for name in mapping.columns if mapping.columns[name].source is not None]
    sources = {
        source: _written(entry, mapping, contract, name)
        for name in names
        if (source := _source_name(mapping, name)) is not None
    }
    if mapping.unpivot is not None:
        return _wide(entry, mapping, frame, contract, sources)
    constants = {name: pl.lit(values[0]) for name, values in mapping.where.items()}
    ignored = {name: pl.lit(None, dtype=pl.String) for name in entry.ignore}
    return frame.select(*HELPERS, **constants, **sources, **ignored)


def _source_name(mapping: TableMapping, name: str) -> str | None:
    given = mapping.columns.get(name)
    return name if given is None else given.source


def _written(entry: FileFeed, mapping: TableMapping, contract: TableContract, name: str) -> pl.Expr:
    """Return one column of the contract in the clinic's words and notation."""
    column, given = contract.column(name), mapping.columns.get(name)
    expression = pl.col(name)
    if given is not None and given.values:
        expression = expression.replace({ours: theirs for theirs, ours in given.values.items()})
    if entry.csv.decimal == "," and column is not None and column.physical_type.startswith("DECIMAL"):
        expression = expression.str.replace(".", ",", literal=True)
    if entry.null_values:
        expression = expression.fill_null(entry.null_values[0])
    return expression


def _wide(
    entry: FileFeed,
    mapping: TableMapping,
    frame: pl.DataFrame,
    contract: TableContract,
    sources: dict[str, pl.Expr],
) -> pl.DataFrame:
    """Return one row per patient with a column per visit; a row with a defect stays a row of its own."""
    unpivot = mapping.unpivot
    if unpivot is None:
        raise ValueError("only an unpivoted table can be written wide")
    names = {column.name for column in contract.columns}
    keys = sorted({name for constants in unpivot.columns.values() for name in constants} & names)
    visits = pl.DataFrame(
        [{_VISIT: column, **{key: constants[key] for key in keys}} for column, constants in unpivot.columns.items()]
    )
    long = frame.join(visits, on=keys, how="left", maintain_order="left")
    if long[_VISIT].null_count():
        raise ValueError(f"the feed has no column for {long[_VISIT].null_count()} of the assessments")
    value = _written(entry, mapping, contract, unpivot.into)
    wide = long.select(*HELPERS, _VISIT, **sources, _value=value).pivot(
        on=_VISIT, on_columns=list(unpivot.columns), index=[*HELPERS, *sources], values="_value", maintain_order=True
    )
    return wide.with_columns(**{name: pl.lit(None, dtype=pl.String) for name in entry.ignore})
