"""One delivery from its bytes to its receipt. A crash before the receipt leaves the delivery untaken."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.deid.guard import Identifiers, load_identifiers
from registry_pipeline.errors import DeliveryRefusedError, FilePendingError, ReconciliationError
from registry_pipeline.feeds.column_patterns import is_ignored
from registry_pipeline.feeds.mapping import LINE, CompiledMapping, compile_mappings
from registry_pipeline.feeds.model import Feed
from registry_pipeline.feeds.readers import Part, RawBatch, open_parts
from registry_pipeline.ingest.ahead import one_ahead
from registry_pipeline.ingest.discover import Delivery, utc_now
from registry_pipeline.ingest.quarantine import FindingsSink
from registry_pipeline.ingest.reasons import Reasons
from registry_pipeline.ingest.table import TableIngest
from registry_pipeline.lake.atomic import empty_directory
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Counts, Receipt, Refusal, Status, write_receipt
from registry_pipeline.lake.replaced import remove_replaced

UNASSIGNED = "unassigned"
"""Stands for the table of records that no table could be told for."""


@dataclass(frozen=True)
class Rulebook:
    """Everything that judges a delivery."""

    contracts: Contracts
    identifiers: Identifiers
    reasons: Reasons


@dataclass(frozen=True)
class Arrival:
    """What the receipt says of a delivery beyond its own bytes."""

    feed: Feed
    arrival_no: int
    rules_fingerprint: str
    before: Receipt | None = None
    """The receipt of the judgement that this one replaces; its place in the order of arrivals stays."""

    @property
    def attempt(self) -> int:
        """Return which attempt at judging the delivery this is, from 1."""
        return self.before.attempt + 1 if self.before else 1


@dataclass(frozen=True)
class Place:
    """Where a delivery is judged, and where what is judged goes."""

    home: Home
    private: Path
    """A folder that nobody else uses until the judgement is committed."""


@dataclass(frozen=True)
class Judgement:
    """A delivery judged in private: nothing of it counts until it is committed."""

    receipt: Receipt
    findings: Path
    """The private quarantine file; absent when nothing was found."""
    _work: "_Work"

    def commit(self) -> None:
        """Put the files in their place and write the receipt, which makes them count; then drop what it replaced.

        Raises:
            StorageError: If the disk is full; the judgement before still counts.
        """
        self._work.move_into_place(self.receipt.attempt)
        write_receipt(self._work.home, self.receipt)
        if self.receipt.attempt > 1:
            remove_replaced(self._work.home, self.receipt)


def judge_delivery(
    place: Place, delivery: Delivery, arrival: Arrival, rulebook: Rulebook, batch_bytes: int
) -> Judgement:
    """Read and judge one delivery, and keep nothing of it yet.

    Raises:
        FilePendingError: If the file changed while it was read.
        ReconciliationError: If records read and records accounted for differ.
        StorageError: If the disk is full.
    """
    work = _Work(place, delivery, rulebook, arrival.feed.deid_method)
    refusal: Refusal | None = None
    try:
        work.read(batch_bytes)
    except DeliveryRefusedError as error:
        refusal = Refusal(error.rule_id, error.message, error.remedy, error.line)
        work.discard()
    if not delivery.is_unchanged():
        raise FilePendingError(
            "The file changed while it was read.", remedy="It is taken by the next run.", file=delivery.path
        )
    work.check_balance()
    return Judgement(work.receipt(arrival, refusal), work.findings.sink.path, work)


class _Work:
    """The private files and counts of a delivery until it commits."""

    def __init__(self, place: Place, delivery: Delivery, rulebook: Rulebook, deid_method: str) -> None:
        self.home = place.home
        self.delivery = delivery
        self.rulebook = rulebook
        self.deid_method = deid_method
        self.folder = empty_directory(place.private)
        self.findings = self._findings_sink()
        self.tables: dict[str, TableIngest] = {}
        self.n_unassigned = 0

    def _findings_sink(self) -> FindingsSink:
        path = self.folder / "quarantine.parquet"
        return FindingsSink(path, self.rulebook.reasons, self.rulebook.identifiers, self.delivery)

    def read(self, batch_bytes: int) -> None:
        is_small = self.delivery.size < batch_bytes
        for part in open_parts(self.delivery.path, self.delivery.entry, batch_bytes, self.folder):
            # A file of one batch has nothing to read ahead, and a thread would cost more than its reading.
            batches = part.batches() if is_small else one_ahead(part.batches())
            self._read_batches(batches, self._mappings_of(part))
        for table in self.tables.values():
            table.finish()
        self.findings.sink.close()

    def _mappings_of(self, part: Part) -> list[CompiledMapping]:
        self.rulebook.identifiers.refuse_columns((*part.columns, *part.unread), self.deid_method)
        if not part.columns:
            return []
        entry = self.delivery.entry
        own = [mapping for mapping in entry.tables if mapping.sheet == part.sheet]
        return compile_mappings(entry, own, self.rulebook.contracts.tables, part.columns)

    def _read_batches(self, batches: Iterator[RawBatch], mappings: list[CompiledMapping]) -> None:
        for batch in batches:
            self._account_for_unassigned(batch, mappings)
            for mapping in mappings:
                self._table(mapping.table).take(mapping, batch.frame)

    def _table(self, name: str) -> TableIngest:
        if name not in self.tables:
            compiled = self.rulebook.contracts.compiled[name]
            self.tables[name] = TableIngest(compiled, self.delivery, self.folder, self.findings)
        return self.tables[name]

    def _account_for_unassigned(self, batch: RawBatch, mappings: list[CompiledMapping]) -> None:
        only = mappings[0].table if len(mappings) == 1 else None
        self.findings.write_damages(only, batch.damages)
        if only is not None:
            self._table(only).add_damaged(len(batch.damages))
        else:
            self.n_unassigned += len(batch.damages)
        if mappings and not any(mapping.takes_every_row for mapping in mappings):
            self._quarantine_unclaimed(batch.frame.filter(~pl.any_horizontal(mapping.claims() for mapping in mappings)))

    def _quarantine_unclaimed(self, rows: pl.DataFrame) -> None:
        taken = [name for name in rows.columns if name != LINE and not is_ignored(name, self.delivery.entry.ignore)]
        shown = self.rulebook.identifiers.withhold_cells(rows.select(taken))
        self.findings.write(
            None,
            "reject",
            rows.select(
                pl.lit("record.unmapped").alias("rule_id"),
                pl.lit(None, dtype=pl.String).alias("column_name"),
                pl.col(LINE).alias("line"),
                shown.to_struct().struct.json_encode().alias("record"),
            ),
        )
        self.n_unassigned += rows.height

    def discard(self) -> None:
        """Forget what was read of a delivery that is refused whole."""
        for table in self.tables.values():
            table.accepted.close()
        self.findings.sink.close()
        self.tables, self.n_unassigned = {}, 0
        self.findings = self._findings_sink()

    @property
    def counts_by_table(self) -> dict[str, Counts]:
        counts = {name: table.counts for name, table in sorted(self.tables.items())}
        if self.n_unassigned:
            counts[UNASSIGNED] = Counts(n_records=self.n_unassigned, n_quarantined=self.n_unassigned)
        return counts

    def check_balance(self) -> None:
        for name, counts in self.counts_by_table.items():
            if not counts.is_balanced:
                raise ReconciliationError(
                    f"Of {counts.n_records} records of {name}, {counts.n_accepted} were accepted, "
                    f"{counts.n_quarantined} quarantined and {counts.n_duplicate} duplicates: they do not add up.",
                    remedy="The delivery was not taken. Report this fault.",
                    file=self.delivery.path,
                )

    def move_into_place(self, attempt: int) -> None:
        clinic_id, delivery_id = self.delivery.key
        for name, table in self.tables.items():
            table.accepted.move_to(self.home.lake_file(name, clinic_id, delivery_id, attempt))
        self.findings.sink.move_to(self.home.quarantine_file(clinic_id, delivery_id, attempt))

    def receipt(self, arrival: Arrival, refusal: Refusal | None) -> Receipt:
        counts = sum(self.counts_by_table.values(), Counts())
        warnings: Counter[str] = Counter()
        for table in self.tables.values():
            warnings.update(table.warnings)
        status: Status = "refused" if refusal else "partial" if counts.n_quarantined else "accepted"
        now, before = utc_now(), arrival.before
        return Receipt(
            delivery_id=self.delivery.delivery_id,
            clinic_id=self.delivery.clinic_id,
            file_name=self.delivery.file_name,
            source=self.delivery.entry.pattern,
            mode=self.delivery.entry.mode,
            sequence=self.delivery.sequence,
            arrival_no=arrival.arrival_no,
            received_at=before.received_at if before else now,
            n_bytes=self.delivery.size,
            feed_version=arrival.feed.version,
            contract_version=self.rulebook.contracts.version,
            rules_fingerprint=arrival.rules_fingerprint,
            status=status,
            counts=counts,
            tables=self.counts_by_table,
            rules=dict(sorted(self.findings.rules.items())),
            warnings=dict(sorted(warnings.items())),
            refusal=refusal,
            attempt=arrival.attempt,
            replayed_at=now if before else None,
            history=before.attempts if before else (),
        )


def load_rulebook(contracts: Contracts, patterns: Path) -> Rulebook:
    """Put together what judges deliveries."""
    return Rulebook(contracts, load_identifiers(patterns), Reasons(contracts))
