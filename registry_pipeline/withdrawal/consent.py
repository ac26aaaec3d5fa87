"""What the consent rows of deliveries say about deletion, and where a refused row may hide a withdrawal.

What does not belong here: erasing, and `withdrawn_future`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from registry_pipeline.errors import RefusedConsentError, RegistryError
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.warehouse.consent import consent_state_query

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from registry_pipeline.contracts.load import Contracts
    from registry_pipeline.contracts.model import TableContract
    from registry_pipeline.lake.receipts import Receipt
    from registry_pipeline.settings import Settings

CONSENT, DELETION = "consent_event", "withdrawn_delete"
_REMEDY = (
    "Ask the clinic. Until the row is mended, the patient's data stay in; if it is a withdrawal with deletion, "
    "`registry withdraw` does it at once."
)


def withdrawn_patients(
    settings: Settings, tables: Mapping[str, TableContract], new: Collection[Receipt]
) -> dict[str, dict[str, str]]:
    """Return the patients whose latest consent state is a withdrawal with deletion: clinic → patient → delivery.

    Args:
        settings: The home.
        tables: The contracts.
        new: Deliveries not looked at before; only clinics that withdraw a patient in one of them are looked into.
    """
    home = settings.layout
    files = [file for receipt in new if (file := _consent_file(settings, receipt)) is not None]
    if not files:
        return {}
    from registry_pipeline.warehouse.duck import literal  # noqa: PLC0415 - DuckDB
    from registry_pipeline.withdrawal.belongings import open_belongings, parquet  # noqa: PLC0415 - likewise

    found = {}
    with open_belongings(settings, tables, "*") as reader:
        clinics = reader.connection.execute(
            f"select distinct r.clinic_id from {parquet(files)} as r where r.event = '{DELETION}' order by all"
        ).fetchall()
        of_clinic = defaultdict(list)
        for receipt in live_deliveries(home) if clinics else []:
            of_clinic[receipt.clinic_id].append(receipt)
        for (clinic_id,) in clinics:
            live = sorted(of_clinic[clinic_id], key=lambda receipt: receipt.order)
            own = [file for receipt in live if (file := _consent_file(settings, receipt)) is not None]
            if own:
                places = ", ".join(f"({literal(item.delivery_id)}, {place})" for place, item in enumerate(live))
                is_retracted = "r.is_retracted" if "is_retracted" in reader.columns_of(own) else "false"
                query = _state_query(parquet(own), places, is_retracted)
                found[clinic_id] = dict(reader.connection.execute(query).fetchall())
    return {clinic_id: patients for clinic_id, patients in found.items() if patients}


def _state_query(source: str, places: str, is_retracted: str) -> str:
    """Return the SQL of (patient, delivery) for every withdrawal with deletion that stands.

    Of each step the latest delivery's word counts, unless it takes the step back.
    """
    return f"""
    with arrival (delivery_id, place) as (values {places}), sent as (
      select r.clinic_id, r.patient_id, r.event, r.study_day, r.seq, r.delivery_id, {is_retracted} as is_retracted,
        row_number() over (partition by r.patient_id, r.seq order by a.place desc, r.line desc) as recency
      from {source} as r
      inner join arrival as a on r.delivery_id = a.delivery_id
    ), current_step as (
      select s.clinic_id, s.patient_id, s.event, s.study_day, s.seq, s.delivery_id
      from sent as s
      where s.recency = 1 and s.is_retracted is not true
    )
    select l.patient_id, l.delivery_id
    from ({consent_state_query("current_step", "patient_id", "delivery_id", "event")}) as l
    where l.event = '{DELETION}'
    """


def refused_consents(settings: Settings, contracts: Contracts, receipts: Collection[Receipt]) -> list[RegistryError]:
    """Return a warning for every refused consent record, and for every refused file that holds consent.

    The record is in the clinic's own words, so nobody but the clinic can say whether it is a withdrawal.

    Args:
        settings: The home.
        contracts: What feeds are read against.
        receipts: Deliveries to look into.
    """
    whole = _refused_files(settings, contracts, [receipt for receipt in receipts if receipt.status == "refused"])
    return [
        RefusedConsentError(
            f"A refused consent {'file' if line is None else 'row'} of clinic {receipt.clinic_id} may "
            f"{'hold' if line is None else 'be'} a withdrawal: look at it today.",
            remedy=_REMEDY,
            file=f"{receipt.clinic_id}/{receipt.file_name}",
            line=line,
        )
        for receipt, line in [*((receipt, None) for receipt in whole), *_refused_rows(settings, receipts)]
    ]


def still_standing(receipts: Iterable[Receipt], live: Iterable[Receipt]) -> list[Receipt]:
    """Return the deliveries that count, and those refused whole that no later delivery of their source has replaced."""
    latest = {(receipt.clinic_id, receipt.source): receipt for receipt in sorted(receipts, key=lambda item: item.order)}
    return [*live, *(receipt for receipt in latest.values() if receipt.status == "refused")]


def _refused_rows(settings: Settings, receipts: Collection[Receipt]) -> Iterator[tuple[Receipt, int | None]]:
    for receipt in receipts:
        counts = receipt.tables.get(CONSENT)
        file = settings.layout.quarantine_file(*receipt.key, receipt.attempt)
        if counts is None or not counts.n_quarantined or not file.exists():
            continue
        import polars as pl  # noqa: PLC0415 - heavy, and seldom needed

        refused = pl.read_parquet(file, columns=["table_name", "severity", "line"], hive_partitioning=False)
        lines = refused.filter((pl.col("table_name") == CONSENT) & (pl.col("severity") == "reject"))["line"]
        yield from ((receipt, line) for line in lines.unique().sort())


def _refused_files(settings: Settings, contracts: Contracts, refused: Collection[Receipt]) -> list[Receipt]:
    if not refused:
        return []
    from registry_pipeline.feeds.load import load_feeds  # noqa: PLC0415 - only when a file was refused

    feeds = load_feeds(settings, contracts).by_clinic
    return [
        receipt
        for receipt in refused
        if receipt.clinic_id in feeds
        and any(
            mapping.table == CONSENT
            for entry in feeds[receipt.clinic_id].files
            if entry.pattern == receipt.source
            for mapping in entry.tables
        )
    ]


def _consent_file(settings: Settings, receipt: Receipt) -> Path | None:
    counts = receipt.tables.get(CONSENT)
    if counts is None or not counts.n_accepted:
        return None
    file = settings.layout.lake_file(CONSENT, *receipt.key, receipt.attempt)
    return file if file.exists() else None
