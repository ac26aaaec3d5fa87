"""The quarantine as people read it: which rule refused what, in which file, on which line.

The raw records stay in the quarantine files; nothing here reads them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry_pipeline.errors import RegistryError
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.release.reading import open_current

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from registry_pipeline.settings import Settings

_COLUMNS = ("table_name", "line", "column_name", "rule_id", "severity", "reason")


@dataclass(frozen=True)
class Finding:
    """Why one record, or one whole file, was not taken."""

    clinic_id: str
    file_name: str
    delivery_id: str
    table_name: str | None
    line: int | None
    column_name: str | None
    rule_id: str
    severity: str
    """`reject`, `duplicate`, or `refused` for a whole file."""
    reason: str
    is_replaced: bool
    """Whether a later file of the same source has replaced the delivery, so that there is nothing left to fix."""


@dataclass(frozen=True)
class RuleCount:
    """How often a rule refused something that still stands."""

    rule_id: str
    severity: str
    n_findings: int
    n_files: int
    reason: str


def read_quarantine(
    settings: Settings, *, clinic_id: str | None = None, deliveries: Collection[tuple[str, str]] | None = None
) -> list[Finding]:
    """Return all findings, by clinic, delivery and line: refused files, refused records, then cross-table findings.

    Args:
        settings: The home.
        clinic_id: Only this clinic's.
        deliveries: Only these, by clinic and delivery id.
    """
    receipts = list(read_receipts(settings.layout, clinic_id))
    standing = standing_deliveries(receipts, live_deliveries(settings.layout))
    if deliveries is not None:
        receipts = [receipt for receipt in receipts if receipt.key in deliveries]
    findings: list[Finding] = []
    for receipt in receipts:
        is_replaced = receipt.key not in standing
        findings.extend(_findings_of(settings, receipt, is_replaced))
    return [*findings, *_cross_table_findings(settings, receipts)]


def standing_deliveries(receipts: Iterable[Receipt], live: Iterable[Receipt]) -> set[tuple[str, str]]:
    """Return the deliveries whose findings a clinic can still act on: live ones, and refusals nothing followed."""
    latest: dict[tuple[str, str], Receipt] = {}
    for receipt in receipts:
        key = (receipt.clinic_id, receipt.source)
        if key not in latest or receipt.order > latest[key].order:
            latest[key] = receipt
    refused = {receipt.key for receipt in receipts if receipt.status == "refused"}
    last = {receipt.key for receipt in latest.values()}
    incremental = {receipt.key for receipt in receipts if receipt.mode == "incremental"}
    return {receipt.key for receipt in live} | (refused & (last | incremental))


def count_by_rule(findings: Iterable[Finding]) -> list[RuleCount]:
    """Return the rules that still refuse something, the most frequent first."""
    standing = [finding for finding in findings if not finding.is_replaced]
    counts = Counter((finding.rule_id, finding.severity) for finding in standing)
    reasons = {finding.rule_id: finding.reason for finding in reversed(standing)}
    files = Counter(
        rule_id for rule_id, *_ in {(finding.rule_id, finding.clinic_id, finding.delivery_id) for finding in standing}
    )
    return [
        RuleCount(rule_id, severity, n, files[rule_id], reasons[rule_id])
        for (rule_id, severity), n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _findings_of(settings: Settings, receipt: Receipt, is_replaced: bool) -> Iterator[Finding]:
    place = (receipt.clinic_id, receipt.file_name, receipt.delivery_id)
    if receipt.refusal is not None:
        refusal = receipt.refusal
        reason = f"{refusal.reason} {refusal.remedy}".strip()
        yield Finding(*place, None, refusal.line, None, refusal.rule_id, "refused", reason, is_replaced)
        return
    file = settings.layout.quarantine_file(*receipt.key, receipt.attempt)
    if receipt.rules and file.exists():
        for row in _rows(file):
            yield Finding(*place, **row, is_replaced=is_replaced)


def _rows(file: Path) -> list[dict[str, Any]]:
    import polars as pl  # noqa: PLC0415 - a second to import; most commands never read a quarantine file

    return pl.read_parquet(file, columns=list(_COLUMNS)).sort("line", "rule_id", maintain_order=True).to_dicts()


def _cross_table_findings(settings: Settings, receipts: Iterable[Receipt]) -> list[Finding]:
    """Read what the rules across tables refused; it lives in the current release."""
    connection = open_current(settings, "restricted.duckdb")
    if connection is None:
        return []
    by_key = {receipt.key: receipt for receipt in receipts}
    sentences = _cross_table_sentences(settings)
    try:
        rows = connection.execute(
            "select clinic_id, delivery_id, table_name, line, column_name, rule_id from quality.cross_table_findings "
            "where severity = 'reject' order by clinic_id, delivery_id, table_name, line, rule_id"
        ).fetchall()
    finally:
        connection.close()
    return [
        Finding(
            clinic_id=clinic_id,
            file_name=by_key[clinic_id, delivery_id].file_name,
            delivery_id=delivery_id,
            table_name=table_name,
            line=line,
            column_name=column_name,
            rule_id=rule_id,
            severity="reject",
            reason=sentences.get(rule_id, "The record does not fit the clinic's other records."),
            is_replaced=False,
        )
        for clinic_id, delivery_id, table_name, line, column_name, rule_id in rows
        if (clinic_id, delivery_id) in by_key
    ]


def _cross_table_sentences(settings: Settings) -> dict[str, str]:
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - only when a release has findings

    try:
        return load_contracts(settings).cross_table_sentences
    except RegistryError:
        return {}
