"""How each clinic stands: last delivery, lateness, counts. Derived from receipts and feeds alone.

What does not belong here: printing, and reading any row of data.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from registry_pipeline.errors import RegistryError
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.receipts import Counts, Receipt, read_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry_pipeline.settings import Settings

_ALLOWED_SILENCE_DAYS = 7
"""How long a clinic may be silent while too few deliveries are known to say what is usual for it."""
_SHORTEST_ALLOWED_DAYS = 2
"""A nightly clinic that misses one night is not late yet."""


@dataclass(frozen=True)
class ClinicStatus:
    """How one clinic stands."""

    clinic_id: str
    n_deliveries: int
    n_refused: int
    last_file: str | None
    last_received_at: str | None
    days_since_last: int | None
    allowed_days: int
    """After how many days without a delivery the clinic counts as late: twice its usual gap."""
    is_late: bool
    counts: Counts
    """Records of the deliveries that count now; of a snapshot source only the latest."""


@dataclass(frozen=True)
class RegistryStatus:
    """How the registry stands."""

    home: str
    release_id: str | None
    published_at: str | None
    clinics: list[ClinicStatus]
    problems: list[RegistryError]


def clinic_statuses(
    receipts: Iterable[Receipt], live: Iterable[Receipt], clinics: Iterable[str], now: datetime
) -> list[ClinicStatus]:
    """Return one status per clinic that delivered or has a feed, in order of clinic."""
    by_clinic: defaultdict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        by_clinic[receipt.clinic_id].append(receipt)
    counts: defaultdict[str, Counts] = defaultdict(Counts)
    for receipt in live:
        counts[receipt.clinic_id] += receipt.counts
    return [
        _clinic_status(clinic_id, by_clinic[clinic_id], counts[clinic_id], now)
        for clinic_id in sorted({*by_clinic, *clinics})
    ]


def registry_status(settings: Settings, now: datetime | None = None) -> RegistryStatus:
    """Return how the registry stands; feeds that cannot be read are reported, not raised."""
    from registry_pipeline.release.publish import current_release  # noqa: PLC0415 - keeps importers light

    home = settings.layout
    clinics, problems = _clinics_with_feed(settings)
    receipts, live = list(read_receipts(home)), live_deliveries(home)
    release = current_release(home)
    return RegistryStatus(
        home=str(home.root),
        release_id=release.release_id if release else None,
        published_at=str(release.published_at) if release else None,
        clinics=clinic_statuses(receipts, live, clinics, now or datetime.now(UTC)),
        problems=[*_possible_withdrawals(settings, receipts, live), *problems],
    )


def _clinics_with_feed(settings: Settings) -> tuple[list[str], list[RegistryError]]:
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - only when feeds are asked for
    from registry_pipeline.feeds.load import load_feeds  # noqa: PLC0415 - likewise

    try:
        feeds = load_feeds(settings, load_contracts(settings))
    except RegistryError as error:
        return [], [error]
    return sorted(feeds.by_clinic), list(feeds.problems)


def _possible_withdrawals(settings: Settings, receipts: list[Receipt], live: list[Receipt]) -> list[RegistryError]:
    """Return the refused consent rows and files that still stand: each may be a withdrawal that nobody has heard."""
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - only when a status is asked for
    from registry_pipeline.withdrawal.consent import refused_consents, still_standing  # noqa: PLC0415 - likewise

    try:
        return refused_consents(settings, load_contracts(settings), still_standing(receipts, live))
    except RegistryError:
        # Contracts or feeds that cannot be read are among the problems already.
        return []


def _clinic_status(clinic_id: str, receipts: list[Receipt], counts: Counts, now: datetime) -> ClinicStatus:
    last = max(receipts, key=lambda receipt: receipt.arrival_no, default=None)
    since = (now - datetime.fromisoformat(last.received_at)).days if last else None
    allowed = _allowed_days(receipts)
    return ClinicStatus(
        clinic_id=clinic_id,
        n_deliveries=len(receipts),
        n_refused=sum(receipt.status == "refused" for receipt in receipts),
        last_file=last.file_name if last else None,
        last_received_at=last.received_at if last else None,
        days_since_last=since,
        allowed_days=allowed,
        is_late=since is None or since > allowed,
        counts=counts,
    )


def _allowed_days(receipts: list[Receipt]) -> int:
    days = sorted({datetime.fromisoformat(receipt.received_at).date() for receipt in receipts})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    return max(_SHORTEST_ALLOWED_DAYS, round(2 * median(gaps))) if gaps else _ALLOWED_SILENCE_DAYS
