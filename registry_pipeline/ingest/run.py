"""The ingest stage: every new file of landing becomes a delivery, and one clinic's trouble stays its own."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import RegistryError, StorageError
from registry_pipeline.feeds.load import Feeds, load_feeds
from registry_pipeline.ingest.discover import Delivery, discover
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.progress import Progress, Silent
from registry_pipeline.redaction import redacted_summary
from registry_pipeline.settings import Settings

if TYPE_CHECKING:
    from registry_pipeline.ingest.delivery import Judgement


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
        taker = _Taker(DeliveryJudge(settings, feeds, contracts), known)
        with ThreadPoolExecutor(max_workers=1) as thread:
            committer = _Committer(thread, summary)
            for delivery in new:
                with reporting(delivery.path, summary.problems):
                    if (judgement := taker.judgement(delivery)) is not None:
                        committer.commit(delivery.path, judgement)
                watch.advance()
            committer.settle()
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
    return hashlib.sha256(f"{feed_digest}\n{contracts.fingerprint}\n{_code_version()}".encode()).hexdigest()


@cache
def _code_version() -> str:
    return version("registry-pipeline")


class DeliveryJudge:
    """Judges deliveries under the feeds, contracts and code of today."""

    def __init__(self, settings: Settings, feeds: Feeds, contracts: Contracts) -> None:
        # Reading engines are imported only when there is something to read.
        from registry_pipeline.ingest.delivery import load_rulebook  # noqa: PLC0415

        self.rulebook = load_rulebook(contracts, settings.vocabulary_path("deid_patterns.csv"))
        self.settings = settings
        self.feeds = feeds
        # Two folders by turns: one delivery may still be on its way from there into its place.
        self._folders = cycle(settings.layout.work / "ingest" / turn for turn in ("a", "b"))

    def judge(self, delivery: Delivery, arrival_no: int, before: Receipt | None = None) -> "Judgement":
        """Judge one delivery; what comes back counts once it is committed.

        Args:
            delivery: The file.
            arrival_no: Its place in the order of the clinic's arrivals.
            before: Its receipt, when it was judged before.
        """
        from registry_pipeline.ingest.delivery import Arrival, Place, judge_delivery  # noqa: PLC0415 - as above

        clinic_id = delivery.clinic_id
        fingerprint = rules_fingerprint(self.feeds.digests[clinic_id], self.rulebook.contracts)
        arrival = Arrival(self.feeds.by_clinic[clinic_id], arrival_no, fingerprint, before)
        place = Place(self.settings.layout, next(self._folders))
        return judge_delivery(place, delivery, arrival, self.rulebook, self.settings.batch_mib << 20)


class _Taker:
    """Has deliveries judged one after the other, numbering the arrivals of each clinic."""

    def __init__(self, judge: DeliveryJudge, known: Mapping[tuple[str, str], Receipt]) -> None:
        self.judge = judge
        self.known = known
        self.last_no: dict[str, int] = {}
        for receipt in known.values():
            self.last_no[receipt.clinic_id] = max(self.last_no.get(receipt.clinic_id, 0), receipt.arrival_no)
        self.taken: set[tuple[str, str]] = set()

    def judgement(self, delivery: Delivery) -> "Judgement | None":
        """Judge a delivery, unless the same bytes came a moment ago under another name."""
        if delivery.key in self.taken:
            return None
        before = self.known.get(delivery.key)
        last = self.last_no.get(delivery.clinic_id, 0)
        number = before.arrival_no if before else last + 1
        judgement = self.judge.judge(delivery, number, before)
        self.taken.add(delivery.key)
        self.last_no[delivery.clinic_id] = max(last, number)
        return judgement


class _Committer:
    """Commits deliveries in their order, each while the next one is judged: waiting for the disk takes no time then."""

    def __init__(self, thread: ThreadPoolExecutor, summary: IngestSummary) -> None:
        self.thread = thread
        self.summary = summary
        self.pending: tuple[Path, Receipt, Future[None]] | None = None

    def commit(self, file: Path, judgement: "Judgement") -> None:
        """Begin to commit a delivery, once the one before is committed.

        Raises:
            StorageError: If the disk was full for the one before.
        """
        self.settle()
        self.pending = (file, judgement.receipt, self.thread.submit(judgement.commit))

    def settle(self) -> None:
        """Wait for the delivery on its way.

        Raises:
            StorageError: If the disk is full; the delivery is left to be taken again.
        """
        if self.pending is not None:
            (file, receipt, commit), self.pending = self.pending, None
            with reporting(file, self.summary.problems):
                commit.result()
                self.summary.receipts.append(receipt)


@contextmanager
def reporting(file: Path, problems: list[RegistryError]) -> Iterator[None]:
    """Collect what goes wrong with one file, so that the others go on; only a full disk stops them all."""
    try:
        yield
    except (StorageError, KeyboardInterrupt, SystemExit):
        raise
    except RegistryError as problem:
        problems.append(problem)
    except BaseException as error:  # noqa: BLE001 - whatever one file does to us, the others go on; a panic is no Exception
        problems.append(_fault(file, error))


def _fault(file: Path, error: BaseException) -> RegistryError:
    """Return what is said of a fault of ours that one file brought to light."""
    return RegistryError(
        f"The delivery could not be taken because of a fault in the registry ({redacted_summary(error)}).",
        remedy="Nothing of it was kept. Report this fault.",
        file=file,
    )
