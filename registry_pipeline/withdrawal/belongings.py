"""Which rows of a clinic are a patient's, told from the foreign keys of the contracts alone.

A row is the patient's if it names the patient; or, where its table has no patient column, if it names a row that is the
patient's; or if the latest row of its key is. The last part matters for corrections: a course that was first sent under
another patient's id leaves with the patient it is now known to be of, and one that was sent under this patient's id by
mistake stays with its owner.

Keys are compared as digests, which is all that a tombstone keeps of them. What does not belong here: erasing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from registry_pipeline.contracts.model import Pattern, TableContract
from registry_pipeline.errors import StorageError
from registry_pipeline.lake.receipts import Receipt
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import literal, open_database
from registry_pipeline.withdrawal.tombstones import OwnIds

PATIENT, PATIENT_ID = "patient", "patient_id"


class Belongings:
    """What of one clinic belongs to some of its patients, as SQL conditions."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, TableContract], clinic_id: str
    ) -> None:
        self.connection = connection
        self.clinic_id = clinic_id
        self.tables = tables
        self.patients: list[str] = []
        self.key_of = {name: key for name, table in tables.items() if (key := _own_key(table))}
        self.id_columns = _id_columns(tables, self.key_of)
        connection.execute(
            """
            create temp table withdrawn (patient_id varchar);
            create temp table own_id (table_name varchar, digest varchar, patient_id varchar,
              primary key (table_name, digest));
            """
        )

    def add_patient(self, patient_id: str, own_ids: OwnIds) -> None:
        """Let the rows of a patient count as found, with what a tombstone remembers of them."""
        self.patients.append(patient_id)
        self.connection.execute("insert into withdrawn values (?)", [patient_id])
        for table, digests in own_ids.items():
            self.connection.execute(
                "insert or replace into own_id select $table, unnest($digests), $patient_id",
                {"table": table, "digests": digests, "patient_id": patient_id},
            )

    def own_ids(self, patient_id: str) -> OwnIds:
        """Return the digests of the keys of a patient's rows, by table."""
        rows = self.connection.execute(
            "select table_name, list(digest order by digest) from own_id where patient_id = ? group by all order by 1",
            [patient_id],
        ).fetchall()
        return dict(rows)

    def learn(self, files: Mapping[str, list[Path]], receipts: Iterable[Receipt]) -> None:
        """Find the keys of the patients' rows in the lake files of the clinic.

        Args:
            files: All lake files of the clinic, by table.
            receipts: All receipts of the clinic, which say what is later than what.
        """
        order = [receipt.delivery_id for receipt in sorted(receipts, key=lambda receipt: receipt.order)]
        self.connection.execute("create or replace temp table arrival (delivery_id varchar, place bigint)")
        self.connection.execute(
            "insert into arrival select unnest(cast($order as varchar[])), generate_subscripts($order, 1)",
            {"order": order},
        )
        for table in parents_first(self.tables):
            if table.name in self.key_of and files.get(table.name):
                self._learn_keys(table, files[table.name])

    def _learn_keys(self, table: TableContract, files: list[Path]) -> None:
        key = self.key_of[table.name]
        columns = self.columns_of(files)
        owner, naming, joins = self._owner(table, columns)
        self.connection.execute(
            f"""
            create or replace temp table latest as
            with sent as (
              select r.{key} as id, {self._digest(table.name, f"r.{key}")} as digest, {owner} as patient_id,
                coalesce(a.place, 0) as place, r.line
              from {parquet(files)} as r
              left join arrival as a on r.delivery_id = a.delivery_id
              {joins}
              where {naming} is not null
            ), concerned as (
              select s.digest from sent as s where s.patient_id is not null
              union
              select o.digest from own_id as o where o.table_name = '{table.name}'
            ), ranked as (
              select s.digest, s.patient_id,
                row_number() over (partition by s.digest order by s.place desc, s.line desc, s.patient_id) as recency
              from sent as s
              where s.digest in (select c.digest from concerned as c)
            )
            select digest, patient_id from ranked where recency = 1
            """
        )
        self.connection.execute(
            f"""
            delete from own_id where table_name = '{table.name}'
              and digest in (select digest from latest where patient_id is null);
            insert or replace into own_id
              select '{table.name}', digest, patient_id from latest where patient_id is not null
            """
        )

    def _owner(self, table: TableContract, columns: Collection[str]) -> tuple[str, str, str]:
        """Return the withdrawn patient that a row `r` names, or null; what of it names anybody; the joins that takes.

        A row that takes another back has its key alone, and so names nobody.
        """
        if PATIENT_ID in columns:
            return "w.patient_id", f"r.{PATIENT_ID}", f"left join withdrawn as w on r.{PATIENT_ID} = w.patient_id"
        names = [column for column in self._ids_in(columns) if column != self.key_of.get(table.name)]
        joins = [
            f"left join own_id as o{n} on o{n}.table_name = '{self.id_columns[column]}' "
            f"and o{n}.digest = {self._digest(self.id_columns[column], f'r.{column}')}"
            for n, column in enumerate(names)
        ]
        if not names:
            return "cast(null as varchar)", "null", ""
        owners = ", ".join(f"o{n}.patient_id" for n in range(len(names)))
        naming = ", ".join(f"r.{column}" for column in names)
        return f"coalesce({owners})", f"coalesce({naming})", " ".join(joins)

    def condition(self, columns: Collection[str], table: str | None = None) -> str | None:
        """Return the SQL condition that a row `r` belongs to the patients; None when its columns cannot tell.

        Args:
            columns: The columns of the relation.
            table: The table of the contract that its rows are of, when they are.
        """
        key = self.key_of.get(table or "")
        terms = []
        if PATIENT_ID in columns:
            terms.append(f"r.{PATIENT_ID} in (select w.patient_id from withdrawn as w)")
            names = [key] if key and key in columns else []
        else:
            names = self._ids_in(columns)
        for name in names:
            parent = self.id_columns[name]
            own = f"select o.digest from own_id as o where o.table_name = '{parent}'"
            terms.append(f"{self._digest(parent, f'r.{name}')} in ({own})")
        if not terms:
            return None
        clinic = f"r.clinic_id = {literal(self.clinic_id)} and " if "clinic_id" in columns else ""
        return f"coalesce({clinic}({' or '.join(terms)}), false)"

    def related(self) -> list[tuple[str | None, str]]:
        """Return (table, table whose ids its records may hold); None stands for records of an unknown table."""
        own = [(None, name) for name in self.key_of]
        return own + [
            (table.name, self.id_columns[column.name])
            for table in self.tables.values()
            for column in table.columns
            if column.name in self.id_columns
        ]

    def columns_of(self, files: list[Path]) -> list[str]:
        """Return the columns of Parquet files of one table."""
        return [row[0] for row in self.connection.execute(f"describe from {parquet(files)}").fetchall()]

    def _ids_in(self, columns: Collection[str]) -> list[str]:
        return [name for name in self.id_columns if name in columns]

    def _digest(self, table: str, column: str) -> str:
        return digest_sql(literal(self.clinic_id), literal(table), column)


@contextmanager
def open_belongings(settings: Settings, tables: Mapping[str, TableContract], clinic_id: str) -> Iterator[Belongings]:
    """Yield what is to hold a clinic's belongings; DuckDB's errors, which may quote cells, come out as ours.

    Raises:
        StorageError: If a file of the home cannot be read or written.
    """
    connection = open_database(Path(":memory:"), read_only=False, settings=settings)
    try:
        # Rewritten files keep the order of their rows.
        connection.execute("set preserve_insertion_order = true")
        yield Belongings(connection, tables, clinic_id)
    except duckdb.Error as error:
        raise StorageError(
            f"A file of clinic {clinic_id} in lake/, quarantine/ or releases/ cannot be read or written "
            f"({type(error).__name__}).",
            remedy="Restore the damaged file or free space, then run again: what was begun is completed.",
            file=settings.layout.root,
        ) from None
    finally:
        connection.close()


def id_pattern(tables: Mapping[str, TableContract]) -> str | None:
    """Return the regular expression that the contract gives for patient ids, if it gives one."""
    rules = tables[PATIENT].rules if PATIENT in tables else ()
    return next(
        (rule.check.regex for rule in rules if rule.column == PATIENT_ID and isinstance(rule.check, Pattern)), None
    )


def digest_sql(clinic: str, table: str, column: str) -> str:
    """Return the SQL of the digest that stands for the key `column` of a row."""
    return f"sha256(concat({clinic}, '/', {table}, '/', {column}))"


def parquet(files: Iterable[Path], *options: str) -> str:
    """Return the SQL that reads Parquet files of one table, whatever columns each of them has."""
    listed = ", ".join(literal(str(file)) for file in files)
    return f"read_parquet({', '.join([f'[{listed}]', 'hive_partitioning = false', 'union_by_name = true', *options])})"


def parents_first(tables: Mapping[str, TableContract]) -> Iterator[TableContract]:
    """Yield the tables, each after those its foreign keys point to."""
    graph = {
        table.name: {key.parent_table for key in table.foreign_keys if key.parent_table != table.name}
        for table in tables.values()
    }
    yield from (tables[name] for name in TopologicalSorter(graph).static_order() if name in tables)


def _own_key(table: TableContract) -> str | None:
    """Return the column that alone names a row in its clinic; None for the patient, and for keys of several parts."""
    key = [name for name in table.key if name != "clinic_id"]
    return key[0] if len(key) == 1 and key[0] != PATIENT_ID else None


def _id_columns(tables: Mapping[str, TableContract], key_of: Mapping[str, str]) -> dict[str, str]:
    """Return column → table for each column, wherever it stands, that holds the own key of a table."""
    columns = {key: table for table, key in key_of.items()}
    for table in tables.values():
        for foreign in table.foreign_keys:
            if key_of.get(foreign.parent_table) == foreign.parent_column:
                columns[foreign.column] = foreign.parent_table
    return columns
