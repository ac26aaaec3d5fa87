"""The ingest stage: every new file of landing becomes a delivery, and one clinic's trouble stays its own."""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import RegistryError, StorageError
from registry_pipeline.feeds.load import Feeds, load_feeds
from registry_pipeline.ingest.discover import Delivery, discover
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.redaction import redacted_summary
from registry_pipeline.settings import Settings


@dataclass
class IngestSummary:
    """What one run of ingest did."""

    receipts: list[Receipt] = field(default_factory=list)
    """Deliveries taken or refused in this run."""
    problems: list[RegistryError] = field(default_factory=list)
    """What kept a file or a clinic from being looked at."""


def ingest_landing(
    settings: Settings, *, clinics: Sequence[str] | None = None, progress: Progress | None = None
) -> IngestSummary:
    """Ingest every file of landing that is not yet a delivery, of all clinics or of some.

    Raises:
        ConfigurationError: If landing, the contracts or the feeds folder cannot be used at all.
        StorageError: If the disk is full; deliveries taken before stay taken.
    """
    watch = progress or Silent()
    contracts = load_contracts(settings)
    feeds = load_feeds(settings, contracts)
    watch.step("Looking for new files")
    found = discover(settings, feeds, clinics)
    known = {receipt.key: receipt for receipt in read_receipts(settings.layout)}
    new = [item for item in found.deliveries if _is_due(item, known, feeds, contracts)]
    summary = IngestSummary(problems=found.problems)
    watch.step("Ingesting", total=len(new))
    if new:
        taker = _Taker(settings, feeds, contracts, known.values())
        for delivery in new:
            _take_or_report(taker, delivery, summary)
            watch.advance()
    shutil.rmtree(settings.layout.work / "ingest", ignore_errors=True)
    return summary


def _is_due(delivery: Delivery, known: dict[tuple[str, str], Receipt], feeds: Feeds, contracts: Contracts) -> bool:
    """Tell whether a file is to be taken: it is new, or was refused whole under rules that have changed since."""
    receipt = known.get(delivery.key)
    if receipt is None:
        return True
    return receipt.status == "refused" and receipt.rules_fingerprint != rules_fingerprint(
        feeds.digests[delivery.clinic_id], contracts
    )


def rules_fingerprint(feed_digest: str, contracts: Contracts) -> str:
    """Return a hash of everything that judges a clinic's deliveries: its feed, the contracts, this code's version."""
    code = version("registry-pipeline")
    return hashlib.sha256(f"{feed_digest}\n{contracts.fingerprint}\n{code}".encode()).hexdigest()


class _Taker:
    """Takes deliveries one after the other, numbering the arrivals of each clinic."""

    def __init__(self, settings: Settings, feeds: Feeds, contracts: Contracts, known: Iterable[Receipt]) -> None:
        # Reading engines are imported only when there is something to read.
        from registry_pipeline.contracts.compile import compile_table  # noqa: PLC0415
        from registry_pipeline.ingest.delivery import load_rulebook  # noqa: PLC0415

        compiled = {name: compile_table(table) for name, table in contracts.tables.items()}
        self.rulebook = load_rulebook(contracts, compiled, settings.vocabulary_path("deid_patterns.csv"))
        self.settings = settings
        self.feeds = feeds
        self.last_no: dict[str, int] = {}
        for receipt in known:
            self.last_no[receipt.clinic_id] = max(self.last_no.get(receipt.clinic_id, 0), receipt.arrival_no)
        self.taken: set[tuple[str, str]] = set()

    def take(self, delivery: Delivery) -> Receipt | None:
        """Take a delivery, unless the same bytes came a moment ago under another name."""
        from registry_pipeline.ingest.delivery import Arrival, ingest_delivery  # noqa: PLC0415

        clinic_id = delivery.clinic_id
        if delivery.key in self.taken:
            return None
        number = self.last_no.get(clinic_id, 0) + 1
        fingerprint = rules_fingerprint(self.feeds.digests[clinic_id], self.rulebook.contracts)
        arrival = Arrival(self.feeds.by_clinic[clinic_id], number, fingerprint)
        batch_bytes = self.settings.batch_mib << 20
        receipt = ingest_delivery(self.settings.layout, delivery, arrival, self.rulebook, batch_bytes)
        self.taken.add(delivery.key)
        self.last_no[clinic_id] = number
        return receipt


def _take_or_report(taker: _Taker, delivery: Delivery, summary: IngestSummary) -> None:
    try:
        receipt = taker.take(delivery)
    except StorageError:
        raise
    except RegistryError as problem:
        summary.problems.append(problem)
    except Exception as error:  # noqa: BLE001 - whatever one file does to us, the other clinics go on
        summary.problems.append(
            RegistryError(
                f"The delivery could not be taken because of a fault in the registry ({redacted_summary(error)}).",
                remedy="Nothing of it was kept. Report this fault.",
                file=delivery.path,
            )
        )
    else:
        summary.receipts += [receipt] if receipt else []
