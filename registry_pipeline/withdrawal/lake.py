"""A clinic's lake and quarantine files: which rows of them belong to patients, and rewriting the files without those.

What belongs here: files of rows and the receipts that count them. What does not: whose a row is (`belongings.py`), and
releases (`release/erase.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from registry_pipeline.lake.atomic import replacing
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, write_receipt
from registry_pipeline.warehouse.duck import literal
from registry_pipeline.withdrawal.belongings import Belongings, id_pattern, parquet

_ID_TEXT = "[A-Za-z0-9_.-]+"
"""What an id consists of, by every contract; the rest of a raw record parts them."""


@dataclass(frozen=True)
class ClinicFiles:
    """The Parquet files of one clinic: of live and superseded deliveries, of every attempt, with or without receipt."""

    lake: dict[str, list[Path]]
    """By table."""
    quarantine: list[Path]

    def of_deliveries(self, delivery_ids: set[str]) -> "ClinicFiles":
        """Return only the files of some deliveries."""

        def chosen(files: list[Path]) -> list[Path]:
            return [file for file in files if file.name.split(".", 1)[0] in delivery_ids]

        lake = {table: kept for table, files in self.lake.items() if (kept := chosen(files))}
        return ClinicFiles(lake, chosen(self.quarantine))


def clinic_files(home: Home, clinic_id: str) -> ClinicFiles:
    """List the lake and quarantine files of a clinic."""
    lake: defaultdict[str, list[Path]] = defaultdict(list)
    for file in sorted(home.lake.glob(f"*/clinic_id={clinic_id}/*.parquet")):
        lake[file.parent.parent.name].append(file)
    return ClinicFiles(dict(lake), sorted(home.quarantine.glob(f"clinic_id={clinic_id}/*.parquet")))


def count_lake(belongings: Belongings, files: ClinicFiles) -> dict[str, dict[Path, int]]:
    """Return how many rows of the patients each lake file holds, by table; files with none are left out."""
    found: dict[str, dict[Path, int]] = {}
    for table, paths in files.lake.items():
        condition = belongings.condition(belongings.columns_of(paths), table)
        if condition is not None:
            source = parquet(paths, "filename = true")
            rows = belongings.connection.execute(
                f"select r.filename, count(*) from {source} as r where {condition} group by all"
            ).fetchall()
            if rows:
                found[table] = {Path(name): n for name, n in rows}
    return found


def count_quarantine(belongings: Belongings, files: ClinicFiles) -> dict[str, int]:
    """Return how many quarantined findings belong to the patients, by table."""
    if not files.quarantine:
        return {}
    with _quarantined(belongings, files.quarantine):
        rows = belongings.connection.execute(
            "select coalesce(table_name, 'unassigned'), count(*) from refused group by all order by all"
        ).fetchall()
    return dict(rows)


def erase_lake(belongings: Belongings, files: ClinicFiles) -> Counter[str]:
    """Rewrite the lake files that hold rows of the patients; return how many rows went, by table."""
    erased: Counter[str] = Counter()
    for table, counts in count_lake(belongings, files).items():
        for file, n_rows in counts.items():
            columns = belongings.columns_of([file])
            _rewrite(belongings, file, "", f"not {belongings.condition(columns, table)}")
            erased[table] += n_rows
    return erased


def erase_quarantine(belongings: Belongings, files: ClinicFiles) -> Counter[str]:
    """Rewrite the quarantine files that hold records of the patients; return how many findings went, by table."""
    erased: Counter[str] = Counter()
    if not files.quarantine:
        return erased
    with _quarantined(belongings, files.quarantine):
        rows = belongings.connection.execute(
            "select file, coalesce(table_name, 'unassigned'), count(*) from refused group by all order by all"
        ).fetchall()
        for file in sorted({Path(name) for name, _, _ in rows}):
            numbers = f"select x.row_no from refused as x where x.file = {literal(str(file))}"
            _rewrite(belongings, file, "exclude (file_row_number)", f"r.file_row_number not in ({numbers})")
    for _, table, n_findings in rows:
        erased[table] += n_findings
    return erased


def correct_receipts(home: Home, receipts: Iterator[Receipt]) -> None:
    """Let receipts say how many accepted rows were erased: those they counted and the lake no longer holds.

    Counted from the files and not added up, so that doing it again after a crash gives the same.
    """
    from pyarrow.parquet import read_metadata  # noqa: PLC0415 - heavy; a night without withdrawals does not need it

    for receipt in receipts:
        erased = {}
        for table, counts in receipt.tables.items():
            file = home.lake_file(table, *receipt.key, receipt.attempt)
            n_gone = counts.n_accepted - (read_metadata(file).num_rows if file.exists() else counts.n_accepted)
            if n_gone:
                erased[table] = n_gone
        if erased != receipt.erased:
            write_receipt(home, replace(receipt, erased=erased))


def remove_unfinished(home: Home, clinic_id: str) -> None:
    """Remove what a crash has left half-written beside the clinic's files; the caller holds the lock."""
    for folder in (*home.lake.glob(f"*/clinic_id={clinic_id}"), home.quarantine / f"clinic_id={clinic_id}"):
        for file in folder.glob(".*.tmp"):
            file.unlink()


def _rewrite(belongings: Belongings, file: Path, columns: str, condition: str) -> None:
    option = "file_row_number = true, " if columns else ""
    source = f"read_parquet({literal(str(file))}, {option}hive_partitioning = false)"
    with replacing(file) as temporary:
        belongings.connection.execute(
            f"copy (select * {columns} from {source} as r where {condition}) to {literal(str(temporary))} "
            "(format parquet, compression zstd, compression_level 1)"
        )


@contextmanager
def _quarantined(belongings: Belongings, files: list[Path]) -> Iterator[None]:
    """Have the table `refused` (file, row_no, table_name) of the findings whose record belongs to the patients.

    A record is in the clinic's own words, so nobody can say which of its values is which column. It belongs to a
    patient whose id stands in it; or, if it names no other patient, one of whose own ids (of its own table or of a
    table that its table points to) stands in it as a whole value.
    """
    connection = belongings.connection
    pattern = id_pattern(belongings.tables)
    is_id = f"regexp_full_match(t, {literal(pattern)})" if pattern else "false"
    tables, id_tables = zip(*belongings.related(), strict=True)
    connection.execute(
        "create or replace temp table related as "
        "select unnest(cast($tables as varchar[])) as table_name, unnest(cast($id_tables as varchar[])) as id_table",
        {"tables": list(tables), "id_tables": list(id_tables)},
    )
    connection.execute(
        f"""
        create or replace temp table refused as
        with record as (
          select r.filename as file, r.file_row_number as row_no, r.table_name,
            list_distinct(regexp_extract_all(r.record, {literal(_ID_TEXT)})) as tokens,
            exists (select 1 from withdrawn as w where contains(r.record, w.patient_id)) as is_named
          from {parquet(files, "filename = true", "file_row_number = true")} as r
        ), token as (
          select c.file, c.row_no, c.table_name, unnest(c.tokens) as token
          from record as c
          where not c.is_named and len(list_filter(c.tokens, lambda t: {is_id})) = 0
            and exists (select 1 from own_id)
        ), owned as (
          select distinct t.file, t.row_no
          from token as t
          inner join related as l on t.table_name is not distinct from l.table_name
          inner join own_id as o on o.table_name = l.id_table
            and o.digest = sha256(concat({literal(belongings.clinic_id)}, '/', l.id_table, '/', t.token))
        )
        select c.file, c.row_no, c.table_name from record as c where c.is_named
        union all
        select c.file, c.row_no, c.table_name from record as c inner join owned as n using (file, row_no)
        """
    )
    yield
    connection.execute("drop table refused")
