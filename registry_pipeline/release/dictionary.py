"""The dictionary: what every table and column of a release means, as rows and as DuckDB comments.

What belongs here: gathering descriptions from contracts, models and our own tables, and writing them. What does not:
inventing them; a description lives in a contract or in a model's header.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_pipeline.contracts.model import TableContract
from registry_pipeline.release.mart_contracts import MartColumn, MartContract
from registry_pipeline.warehouse.duck import literal
from registry_pipeline.warehouse.staging import contract_columns

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class ColumnDoc:
    """One column: its name, its DuckDB type, what it means."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class TableDoc:
    """One table of a release and what it means."""

    schema: str
    name: str
    description: str
    columns: tuple[ColumnDoc, ...]
    is_view: bool = False

    @property
    def address(self) -> str:
        """Return the table's name as SQL writes it."""
        return f"{self.schema}.{self.name}"

    @property
    def ddl(self) -> str:
        """Return the statement that makes the table; never with a key, as that would make an index."""
        columns = ", ".join(f"{_quoted(column.name)} {column.type}" for column in self.columns)
        return f"create table {self.address} ({columns})"


DICTIONARY = TableDoc(
    "meta",
    "dictionary",
    "What every table and column of this database means. Rows with an empty column_name describe the table.",
    (
        ColumnDoc("schema_name", "VARCHAR", "Schema of the table."),
        ColumnDoc("table_name", "VARCHAR", "Name of the table."),
        ColumnDoc("column_name", "VARCHAR", "Name of the column; empty in the row that describes the table."),
        ColumnDoc("data_type", "VARCHAR", "DuckDB type of the column; empty in the row that describes the table."),
        ColumnDoc("description", "VARCHAR", "What the table or column holds."),
    ),
)


def mart_doc(contract: MartContract) -> TableDoc:
    """Return a mart's description as its contract gives it."""
    columns = tuple(ColumnDoc(column.name, column.physical_type, _described(column)) for column in contract.columns)
    return TableDoc("marts", contract.name, contract.description, columns)


def _described(column: MartColumn) -> str:
    """Return what a column means, and what is done to it before it is shown."""
    if column.rounding is None:
        return column.description
    way = "rounded down" if column.role == "count" else "rounded"
    return f"{column.description} In registry.duckdb {way} to a multiple of {column.rounding:g}."


def copied_docs(
    connection: "duckdb.DuckDBPyConnection",
    build: str,
    tables: Mapping[str, TableContract],
    marts: Mapping[str, MartContract],
) -> list[TableDoc]:
    """Describe the tables that were copied from the build: by contract where there is one, else by the model's words.

    Args:
        connection: Open on the new database, with the build attached.
        build: The name under which it is attached.
        tables: The table contracts, which describe `staging`.
        marts: The mart contracts, which describe `marts`.
    """
    known = _contract_descriptions(tables, marts)
    said = _comments(connection, build)
    columns: dict[tuple[str, str], list[ColumnDoc]] = {}
    for schema, table, column, data_type in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = current_database() and not internal order by schema_name, table_name, column_index"
    ).fetchall():
        place = (schema, table, column)
        description = known.get(place) or said.get(place) or known.get(("", "", column), "")
        columns.setdefault((schema, table), []).append(ColumnDoc(column, data_type, description))
    return [
        TableDoc(schema, table, known.get((schema, table, "")) or said.get((schema, table, ""), ""), tuple(found))
        for (schema, table), found in columns.items()
    ]


def write_dictionary(connection: "duckdb.DuckDBPyConnection", docs: Iterable[TableDoc]) -> None:
    """Comment every table and column and write `meta.dictionary`, itself included."""
    documents = [*docs, DICTIONARY]
    rows: list[str | None] = []
    # One transaction: on its own, each of some hundred comments would wait for the disk.
    connection.begin()
    connection.execute(DICTIONARY.ddl)
    for doc in documents:
        kind = "view" if doc.is_view else "table"
        connection.execute(f"comment on {kind} {doc.address} is {literal(doc.description)}")
        rows += [doc.schema, doc.name, None, None, doc.description]
        for column in doc.columns:
            target = f"{doc.address}.{_quoted(column.name)}"
            connection.execute(f"comment on column {target} is {literal(column.description)}")
            rows += [doc.schema, doc.name, column.name, column.type, column.description]
    width = len(DICTIONARY.columns)
    row = f"({', '.join('?' * width)})"
    connection.execute(f"insert into {DICTIONARY.address} values {', '.join([row] * (len(rows) // width))}", rows)
    connection.commit()


def _contract_descriptions(
    tables: Mapping[str, TableContract], marts: Mapping[str, MartContract]
) -> dict[tuple[str, str, str], str]:
    """Return descriptions by (schema, table, column); with no schema and table, a column's meaning wherever it is."""
    known: dict[tuple[str, str, str], str] = {}
    for table in tables.values():
        known["staging", f"stg_{table.name}", ""] = table.description
        for column in contract_columns(table):
            known["staging", f"stg_{table.name}", column.name] = column.description
            known.setdefault(("", "", column.name), column.description)
    for mart in marts.values():
        known["marts", mart.name, ""] = mart.description
        known |= {("marts", mart.name, column.name): column.description for column in mart.columns}
    return known


def _comments(connection: "duckdb.DuckDBPyConnection", build: str) -> dict[tuple[str, str, str], str]:
    """Return what the models' headers say, which SQLMesh has written into the build as comments."""
    rows = connection.execute(
        """
        select schema_name, table_name, column_name, comment from duckdb_columns() where database_name = $build
        union all
        select schema_name, table_name, '', comment from duckdb_tables() where database_name = $build
        union all
        select schema_name, view_name, '', comment from duckdb_views() where database_name = $build
        """,
        {"build": build},
    ).fetchall()
    return {(schema, table, column): comment for schema, table, column, comment in rows if comment}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
