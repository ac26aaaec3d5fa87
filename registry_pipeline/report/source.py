"""Reading the public database for the page: rows as dictionaries, and none where a table or a column is absent.

What belongs here: the only SQL of the report. What does not: choosing what to show of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from registry_pipeline.errors import BuildError
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import open_database

Row = dict[str, Any]


@dataclass(frozen=True)
class HiddenRows:
    """Rows of one mart that are hidden for one reason; of all its rows when the reason is None."""

    mart: str
    reason: str | None
    n_rows: int


class Source:
    """The public database of a release, open for reading."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._columns: dict[str, set[str]] = {}
        for schema, table, column in connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where database_name = current_database() and not internal order by all"
        ).fetchall():
            self._columns.setdefault(f"{schema}.{table}", set()).add(column)

    def rows(self, table: str, **where: str | tuple[str, ...]) -> list[Row]:
        """Return the rows of a table in which every named column has the value, or one of the values, given.

        The order is that of the text columns from the left, so that it does not hang on how the file was written.
        A table that is absent, or lacks a column asked for, has no rows.
        """
        if not set(where) <= self._columns.get(table, set()):
            return []
        # Values become a list, so that one and several are asked for alike.
        wanted = {name: list(value) if isinstance(value, tuple) else [value] for name, value in where.items()}
        conditions = "".join(f" and list_contains(${name}, {name})" for name in wanted)
        found = self._connection.execute(f"from {table} where true{conditions} order by all", wanted)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def marts(self) -> list[str]:
        """Return the names of the marts."""
        return sorted(name.removeprefix("marts.") for name in self._columns if name.startswith("marts."))

    def hidden_rows(self) -> list[HiddenRows]:
        """Return for every mart how many rows it has, and how many of them are hidden for which reason."""
        counted: list[HiddenRows] = []
        for mart in self.marts():
            if not {"is_suppressed", "suppression_reason"} <= self._columns[f"marts.{mart}"]:
                continue
            rows = self._connection.execute(
                "select null, count(*) from marts." + mart + " union all "
                "select suppression_reason, count(*) from marts." + mart + " where is_suppressed "
                "group by all order by 1 nulls first"
            ).fetchall()
            counted.extend(HiddenRows(mart, reason, n_rows) for reason, n_rows in rows)
        return counted


@contextmanager
def open_source(path: Path, settings: Settings) -> Iterator[Source]:
    """Yield the public database at `path`, open for reading.

    Raises:
        ConfigurationError: If there is none.
        BuildError: If it cannot be read.
    """
    connection = open_database(path, read_only=True, settings=settings)
    try:
        yield Source(connection)
    except duckdb.Error as error:
        # DuckDB's message may quote a cell.
        raise BuildError(
            f"The report cannot read the release ({type(error).__name__}).",
            remedy="The previous release stays. Check that the models and their contracts agree.",
            file=path,
        ) from None
    finally:
        connection.close()
