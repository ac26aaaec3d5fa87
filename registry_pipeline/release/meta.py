"""The books of a release: `meta.releases` and `meta.deliveries`.

What belongs here: their columns, the SQL that fills them from the build, the check that every record is accounted
for. What does not: what was found about the records (`quality.py`), and marts.
"""

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import ReconciliationError
from registry_pipeline.release.dictionary import ColumnDoc, TableDoc
from registry_pipeline.warehouse.duck import create_filled

if TYPE_CHECKING:
    import duckdb

    from registry_pipeline.warehouse.build import Build

RELEASES = TableDoc(
    "meta",
    "releases",
    "This release and those before it, the latest first.",
    (
        ColumnDoc("release_id", "VARCHAR", "The release: date of publishing and start of the inputs' fingerprint."),
        ColumnDoc("published_at", "TIMESTAMP", "When it was published (UTC)."),
        ColumnDoc("inputs_fingerprint", "VARCHAR", "Hash of deliveries, contracts, SQL and code it was made from."),
        ColumnDoc("contract_version", "VARCHAR", "Version of the table contracts in force."),
        ColumnDoc("code_version", "VARCHAR", "Version of the pipeline."),
        ColumnDoc("n_deliveries", "BIGINT", "Deliveries known to the registry, refused ones included."),
        ColumnDoc("n_clinics", "BIGINT", "Clinics with at least one delivery."),
        ColumnDoc("n_patients", "BIGINT", "Patients whose consent lets them be counted; empty when too few to show."),
        ColumnDoc("previous_release_id", "VARCHAR", "The release that was current before; empty for the first."),
    ),
)

DELIVERIES = TableDoc(
    "meta",
    "deliveries",
    "One row per delivery (one file of a clinic). n_records = n_accepted + n_quarantined + n_duplicate, always. In the "
    "public database a delivery of few records, or of which few were kept, replaced or erased, has no counts.",
    (
        ColumnDoc("delivery_id", "VARCHAR", "SHA-256 of the file."),
        ColumnDoc("clinic_id", "VARCHAR", "The clinic that sent it."),
        ColumnDoc("file_name", "VARCHAR", "Its path below the clinic's landing folder."),
        ColumnDoc("received_at", "TIMESTAMP", "When it was ingested (UTC)."),
        ColumnDoc("feed_version", "VARCHAR", "Version of the feed that mapped it."),
        ColumnDoc("contract_version", "VARCHAR", "Version of the table contracts that judged it."),
        ColumnDoc("status", "VARCHAR", "accepted, partial (some records quarantined) or refused (the whole file)."),
        ColumnDoc("n_records", "BIGINT", "Records read."),
        ColumnDoc("n_accepted", "BIGINT", "Records accepted."),
        ColumnDoc("n_quarantined", "BIGINT", "Records refused by a rule, rules across tables included."),
        ColumnDoc("n_duplicate", "BIGINT", "Records that repeat an earlier one of the delivery."),
        ColumnDoc("n_superseded", "BIGINT", "Accepted records that a later delivery has replaced."),
        ColumnDoc("n_erased", "BIGINT", "Accepted records erased since, because their patient withdrew with deletion."),
    ),
)


@dataclass(frozen=True)
class Draft:
    """What is known of a release before it is written."""

    release_id: str
    published_at: str
    build: "Build"
    previous_release_id: str | None
    ledger: list[dict[str, Any]]
    """Rows of `meta.releases` for the releases before this one, the latest first."""


_OF_PATIENTS = ("n_records", "n_accepted", "n_superseded", "n_erased")
"""What a delivery tells of patients: their records, and that some of them withdrew."""


def insert_deliveries(connection: "duckdb.DuckDBPyConnection", build: str) -> None:
    """Fill `meta.deliveries`: the receipts, less what the rules across tables refused.

    Raises:
        ReconciliationError: If a delivery's records are not all accounted for.
    """
    connection.execute(DELIVERIES.ddl)
    connection.execute(
        f"""
        insert into {DELIVERIES.address}
        with adjusted as (
          select d.*,
            d.n_accepted - coalesce(a.n_cross_table_refused, 0) as n_still_accepted,
            d.n_quarantined + coalesce(a.n_cross_table_refused, 0) as n_kept_out,
            d.n_accepted - d.n_erased - coalesce(a.n_current, 0) as n_superseded
          from {build}.lake.delivery as d
          left join {build}.quality.delivery_adjustments as a
            on d.clinic_id = a.clinic_id and d.delivery_id = a.delivery_id
        )
        select delivery_id, clinic_id, file_name, cast(received_at as timestamp), feed_version, contract_version,
          case when status = 'refused' then 'refused' when n_kept_out > 0 then 'partial' else 'accepted' end,
          n_records, n_still_accepted, n_kept_out, n_duplicate, n_superseded, n_erased
        from adjusted
        order by clinic_id, delivery_order
        """
    )
    _require_balance(connection)


def insert_public_deliveries(connection: "duckdb.DuckDBPyConnection", restricted: str, small_cell: int) -> None:
    """Fill the public `meta.deliveries`: a delivery of few records, or of which few were kept or erased, has no counts.

    What was refused is a fault of a file and not a person, and hides nothing by itself.

    Args:
        connection: Open on the new public database, with the restricted one attached.
        restricted: The name under which it is attached.
        small_cell: Counts from 1 to this are hidden.
    """
    is_small = " or ".join(f"{name} between 1 and {small_cell}" for name in _OF_PATIENTS)
    hidden = ", ".join(
        f"case when not ({is_small}) then {column.name} end as {column.name}"
        for column in DELIVERIES.columns
        if column.name.startswith("n_")
    )
    connection.execute(DELIVERIES.ddl)
    connection.execute(
        f"insert into {DELIVERIES.address} select * replace ({hidden}) from {restricted}.{DELIVERIES.address}"
    )


def _require_balance(connection: "duckdb.DuckDBPyConnection") -> None:
    unbalanced = connection.execute(
        f"""
        select clinic_id, delivery_id from {DELIVERIES.address}
        where (n_records = n_accepted + n_quarantined + n_duplicate
          and least(n_accepted, n_quarantined, n_duplicate, n_superseded, n_erased) >= 0
          and n_superseded + n_erased <= n_accepted + n_quarantined) is not true
        order by clinic_id, delivery_id
        """
    ).fetchall()
    if unbalanced:
        clinic_id, delivery_id = unbalanced[0]
        raise ReconciliationError(
            f"The records of {len(unbalanced)} deliveries are not all accounted for, the first being delivery "
            f"{delivery_id[:12]} of clinic {clinic_id}.",
            remedy="Nothing was published. This is a fault of the pipeline: report it.",
        )


def insert_releases(
    connection: "duckdb.DuckDBPyConnection", build: str, draft: Draft, contract_version: str, small_cell: int
) -> list[dict[str, Any]]:
    """Fill `meta.releases` with this release and those before it, and return its rows, the latest first."""
    n_deliveries, n_clinics = connection.execute(
        f"select count(*), count(distinct clinic_id) from {build}.lake.delivery"
    ).fetchall()[0]
    n_patients = connection.execute(f"select count(*) from {build}.intermediate.int_consented_patient").fetchall()[0][0]
    row = {
        "release_id": draft.release_id,
        "published_at": draft.published_at,
        "inputs_fingerprint": draft.build.fingerprint,
        "contract_version": contract_version,
        "code_version": version("registry-pipeline"),
        "n_deliveries": n_deliveries,
        "n_clinics": n_clinics,
        "n_patients": None if 0 < n_patients <= small_cell else n_patients,
        "previous_release_id": draft.previous_release_id,
    }
    ledger = [row, *draft.ledger]
    columns = {column.name: column.type for column in RELEASES.columns}
    create_filled(connection, RELEASES.address, columns, ([entry.get(name) for name in columns] for entry in ledger))
    return ledger
