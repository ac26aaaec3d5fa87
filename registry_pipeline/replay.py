"""Replay: deliveries that were refused, wholly or in part, judged anew from their own bytes under today's rules.

What belongs here: which deliveries to judge again, and what that changed. What does not: judging and committing
(`ingest/delivery.py`), and rules that span tables, which every build judges afresh.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import ConfigurationError, RegistryError
from registry_pipeline.feeds.load import Feeds, load_feeds
from registry_pipeline.ingest.discover import delivery_of
from registry_pipeline.ingest.run import DeliveryJudge, reporting, rules_fingerprint
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.lake.current import replaced_deliveries
from registry_pipeline.lake.receipts import Attempt, Receipt, read_receipts
from registry_pipeline.progress import Progress, Silent

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from registry_pipeline.ingest.discover import Delivery
    from registry_pipeline.settings import Settings

UNCHANGED = "the feed, the contracts and the code are the same as when it was judged"
REPLACED = "a later file of the same source has replaced it"


@dataclass(frozen=True)
class Changes:
    """What a replay changed, in lines of the file (sheet rows, row numbers)."""

    n_newly_accepted: int
    n_still_refused: int
    n_newly_refused: int
    """Lines that were accepted before: a reason to look before the next release."""


@dataclass(frozen=True)
class Replayed:
    """One delivery that was judged anew."""

    before: Receipt
    after: Receipt
    changes: Changes


@dataclass(frozen=True)
class Skipped:
    """One delivery that was refused in part or whole, and that a replay cannot change."""

    receipt: Receipt
    why: str


@dataclass
class ReplaySummary:
    """What a replay did, or would do."""

    replayed: list[Replayed] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[RegistryError] = field(default_factory=list)
    """What kept single deliveries from being judged anew; they stay as they were."""


def replay(
    settings: Settings,
    *,
    clinic_id: str | None = None,
    rule_id: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ReplaySummary:
    """Judge again every delivery that has quarantined records or was refused whole.

    Args:
        settings: The home.
        clinic_id: Only this clinic's deliveries.
        rule_id: Only deliveries in which this rule refused something; all of each such delivery is judged anew.
        dry_run: Say what would change, and change nothing.
        progress: Told of each step.

    Raises:
        ConfigurationError: If the contracts or feeds cannot be used, or the rule is one that every build judges afresh.
        LockHeldError: If another run works in this home.
        StorageError: If the disk is full; deliveries judged before stay judged.
    """
    watch = progress or Silent()
    contracts = load_contracts(settings)
    feeds = load_feeds(settings, contracts)
    with exclusive(settings.layout.lock):
        receipts = list(read_receipts(settings.layout, clinic_id))
        if rule_id is not None:
            _check_rule(rule_id, contracts, receipts)
        due, skipped = _sorted_out(receipts, rule_id, feeds, contracts)
        summary = ReplaySummary(skipped=skipped)
        if due:
            watch.step("Judging again", total=len(due))
            judge = DeliveryJudge(settings, feeds, contracts)
            for receipt in due:
                _replay_or_report(judge, receipt, summary, dry_run=dry_run)
                watch.advance()
            shutil.rmtree(settings.layout.work / "ingest", ignore_errors=True)
        if summary.replayed and not dry_run:
            from registry_pipeline.withdrawal.night import apply_withdrawals  # noqa: PLC0415 - only where rows came in

            # A replay brings back what was erased of patients who withdrew.
            summary.problems += apply_withdrawals(settings, watch)
    return summary


def _check_rule(rule_id: str, contracts: Contracts, receipts: list[Receipt]) -> None:
    if rule_id in contracts.cross_table_sentences:
        raise ConfigurationError(
            f"{rule_id} spans tables: every build judges it afresh, so there is nothing to replay.",
            remedy="Send or mend the missing rows, then `registry run`.",
        )
    if rule_id not in contracts.rules and not any(
        _names(attempt, rule_id) for found in receipts for attempt in found.attempts
    ):
        raise ConfigurationError(
            f"{rule_id} is not a rule, or has never refused anything.",
            remedy="`registry quarantine` lists the rules that refuse something.",
        )


def _sorted_out(
    receipts: list[Receipt], rule_id: str | None, feeds: Feeds, contracts: Contracts
) -> tuple[list[Receipt], list[Skipped]]:
    replaced = replaced_deliveries(receipts)
    due: list[Receipt] = []
    skipped: list[Skipped] = []
    for receipt in receipts:
        if not _has_refused(receipt, rule_id):
            continue
        digest = feeds.digests.get(receipt.clinic_id)
        if receipt.key in replaced:
            skipped.append(Skipped(receipt, REPLACED))
        elif digest is not None and receipt.rules_fingerprint == rules_fingerprint(digest, contracts):
            skipped.append(Skipped(receipt, UNCHANGED))
        else:
            due.append(receipt)
    return due, skipped


def _has_refused(receipt: Receipt, rule_id: str | None) -> bool:
    if rule_id is None:
        return receipt.status == "refused" or receipt.counts.n_quarantined > 0
    return _names(receipt, rule_id)


def _names(judgement: Receipt | Attempt, rule_id: str) -> bool:
    return rule_id in judgement.rules or (judgement.refusal is not None and judgement.refusal.rule_id == rule_id)


def _replay_or_report(judge: DeliveryJudge, receipt: Receipt, summary: ReplaySummary, *, dry_run: bool) -> None:
    path = judge.settings.layout.landing / receipt.clinic_id / receipt.file_name
    with reporting(path, summary.problems):
        delivery = _same_bytes(judge, receipt, path)
        judgement = judge.judge(delivery, receipt.arrival_no, receipt)
        # Compared before the commit, which moves the findings to their place.
        changes = _changes(judge.settings, receipt, judgement.receipt, judgement.findings)
        if not dry_run:
            judgement.commit()
        summary.replayed.append(Replayed(receipt, judgement.receipt, changes))


def _same_bytes(judge: DeliveryJudge, receipt: Receipt, path: Path) -> Delivery:
    feed = judge.feeds.by_clinic.get(receipt.clinic_id)
    if feed is None:
        raise ConfigurationError(
            f"The clinic {receipt.clinic_id} has no usable feed.", remedy="Mend its feed, then replay.", file=path
        )
    if not path.is_file():
        raise ConfigurationError(
            "The file is no longer in landing, so it cannot be judged again.",
            remedy="Put it back under this name, then replay.",
            file=path,
        )
    delivery = delivery_of(path, receipt.file_name, feed, judge.settings)
    if delivery.delivery_id != receipt.delivery_id:
        raise ConfigurationError(
            "The file has other bytes than the delivery that was judged.",
            remedy="Put the original back to replay it; the new bytes are a delivery of their own at the next run.",
            file=path,
        )
    return delivery


def _changes(settings: Settings, before: Receipt, after: Receipt, findings: Path) -> Changes:
    if after.refusal is not None:
        # Refused whole: what it had accepted is lost, and none of its lines can be told apart.
        return Changes(0, before.counts.n_quarantined, before.counts.n_accepted)
    refused_now = _refused_lines(findings)
    if before.refusal is not None:
        return Changes(after.counts.n_accepted, refused_now.height, 0)
    refused_then = _refused_lines(settings.layout.quarantine_file(*before.key, before.attempt))
    # A line that no table claimed may have found one since, so such a line matches under any table.
    still = refused_now.join(refused_then, on="line").filter(
        (_table("table_name") == _table("table_name_right")).fill_null(value=True)
    )
    n_then = still.select("table_name_right", "line").n_unique()
    n_now = still.select("table_name", "line").n_unique()
    return Changes(refused_then.height - n_then, n_now, refused_now.height - n_now)


def _table(name: str) -> pl.Expr:
    import polars as pl  # noqa: PLC0415 - a second to import, and a replay with nothing due needs none

    return pl.col(name)


def _refused_lines(file: Path) -> pl.DataFrame:
    """Return the lines that an attempt refused, each once for every table."""
    import polars as pl  # noqa: PLC0415 - as above

    if not file.exists():
        return pl.DataFrame(schema={"table_name": pl.String, "line": pl.Int64})
    findings = pl.scan_parquet(file, hive_partitioning=False).filter(pl.col("severity") == "reject")
    return findings.select("table_name", "line").unique().collect()
