"""What a release says of its numbers: `meta.definitions` and `meta.caveats`.

What belongs here: their columns, and filling them from `data_contracts/release`. What does not: the words. What a
column means is said by the mart's contract; how it is computed, of whom, and by whose method, by `definitions.csv`;
what it must not be taken for, by `caveats.csv`.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from registry_pipeline.content import content_path
from registry_pipeline.errors import ContractError
from registry_pipeline.release.dictionary import ColumnDoc, TableDoc
from registry_pipeline.release.mart_contracts import MartContract

if TYPE_CHECKING:
    import duckdb

EVERY_MART = "all"
"""In place of a mart: the caveat holds for all of them."""

DEFINITIONS = TableDoc(
    "meta",
    "definitions",
    "How each measure of each mart is computed, of whom, and by whose method. Observed in registry, uncontrolled.",
    (
        ColumnDoc("mart", "VARCHAR", "The mart."),
        ColumnDoc("measure", "VARCHAR", "The column of the mart."),
        ColumnDoc("definition", "VARCHAR", "What the column means."),
        ColumnDoc("formula", "VARCHAR", "How it is computed from other columns or from patients."),
        ColumnDoc("time_window", "VARCHAR", "The time that it is about."),
        ColumnDoc("unit", "VARCHAR", "What it is measured in."),
        ColumnDoc("denominator", "VARCHAR", "Whom or what it is a figure of; empty where that has no meaning."),
        ColumnDoc("limits", "VARCHAR", "Columns that hold its interval, standard error and the like; empty if none."),
        ColumnDoc("source", "VARCHAR", "Who described the method, or whose decision it is."),
    ),
)

CAVEATS = TableDoc(
    "meta",
    "caveats",
    "What the numbers must not be taken for, by mart.",
    (
        ColumnDoc("code", "VARCHAR", "Short name of the caveat."),
        ColumnDoc("mart", "VARCHAR", "The mart it is about, or all."),
        ColumnDoc("severity", "VARCHAR", "must_read: who quotes the number quotes this. note: good to know."),
        ColumnDoc("sentence", "VARCHAR", "The caveat in one sentence or two."),
    ),
)


@dataclass(frozen=True)
class Definition:
    """One line of `definitions.csv`."""

    mart: str
    measure: str
    limits: str
    formula: str
    time_window: str
    unit: str
    denominator: str
    source: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the mart that it speaks for, the measure first."""
        return (self.measure, *self.limits.split())


@dataclass(frozen=True)
class Caveat:
    """One line of `caveats.csv`."""

    code: str
    mart: str
    severity: str
    """must_read or note."""
    sentence: str


Line = TypeVar("Line", Definition, Caveat)


def load_definitions(folder: Path | None = None) -> list[Definition]:
    """Read `definitions.csv`.

    Args:
        folder: Where it lies; the shipped one when None.

    Raises:
        ContractError: If it cannot be read, lacks a column, or tells of a measure twice.
    """
    return list(_read(_file(folder, "definitions.csv"), Definition, ("mart", "measure")))


def load_caveats(folder: Path | None = None) -> list[Caveat]:
    """Read `caveats.csv`.

    Args:
        folder: Where it lies; the shipped one when None.

    Raises:
        ContractError: If it cannot be read, lacks a column, or says a caveat of a mart twice.
    """
    return list(_read(_file(folder, "caveats.csv"), Caveat, ("code", "mart")))


def insert_definitions(connection: "duckdb.DuckDBPyConnection", marts: Mapping[str, MartContract]) -> None:
    """Make and fill `meta.definitions` for the measures of a release; a line about another column is left out."""
    rows = []
    for definition in sorted(load_definitions(), key=lambda line: (line.mart, line.measure)):
        contract = marts.get(definition.mart)
        said = {column.name: column.description for column in contract.columns} if contract else {}
        if said.keys() >= set(definition.columns):
            rows.append({**vars(definition), "definition": said[definition.measure]})
    _fill(connection, DEFINITIONS, rows)


def insert_caveats(connection: "duckdb.DuckDBPyConnection", marts: Mapping[str, MartContract]) -> None:
    """Make and fill `meta.caveats` for the marts of a release: what holds for all first."""
    caveats = [caveat for caveat in load_caveats() if caveat.mart in {EVERY_MART, *marts}]
    caveats.sort(key=lambda caveat: (caveat.mart != EVERY_MART, caveat.mart, caveat.severity, caveat.code))
    _fill(connection, CAVEATS, [vars(caveat) for caveat in caveats])


def _fill(connection: "duckdb.DuckDBPyConnection", doc: TableDoc, rows: list[dict[str, Any]]) -> None:
    connection.execute(doc.ddl)
    if rows:
        # In one statement, because single rows may be stored in another order.
        row = f"({', '.join('?' * len(doc.columns))})"
        cells = [row[column.name] or None for row in rows for column in doc.columns]
        connection.execute(f"insert into {doc.address} values {', '.join([row] * len(rows))}", cells)


def _file(folder: Path | None, name: str) -> Path:
    return (folder or content_path("data_contracts/release")) / name


def _read(file: Path, kind: type[Line], key: tuple[str, ...]) -> Iterator[Line]:
    names = [field.name for field in fields(kind)]
    seen = set()
    try:
        with file.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            if reader.fieldnames != names:
                raise _refused(file, 1, f"The columns must be {', '.join(names)}.")
            for row in reader:
                if None in row or None in row.values():
                    raise _refused(file, reader.line_num, "The line has too many or too few cells.")
                if (place := tuple(row[name] for name in key)) in seen:
                    raise _refused(file, reader.line_num, f"{' and '.join(key)} are those of an earlier line.")
                seen.add(place)
                yield kind(**row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refused(file, None, "The file cannot be read as UTF-8 CSV.") from error


def _refused(file: Path, line: int | None, message: str) -> ContractError:
    return ContractError(message, remedy="Mend the line.", file=file, line=line)
