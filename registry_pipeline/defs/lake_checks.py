"""Checks on the lake, generated from the table contracts and computed from receipts: no row is read again.

One check per table, severity and dimension (not one per rule: there are hundreds), with counts per rule and per clinic
in its metadata. Bad rows are in quarantine already, so these checks warn; only books that do not balance block.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import Dimension, Severity, TableContract
from registry_pipeline.defs.ingest import LANDING, QUARANTINE, lake_key
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.paths import Home
from registry_pipeline.lake.receipts import Receipt, read_receipts
from registry_pipeline.status import clinic_statuses

WARNED_SHARE = 0.10
"""Of accepted records: more than this with a warning of one dimension, and a person should look."""

ON_TIME = dg.AssetCheckKey(LANDING, "clinics_on_time")


@dataclass(frozen=True)
class Bucket:
    """The rules that one check counts."""

    table: str
    severity: Severity
    dimension: Dimension
    rule_ids: frozenset[str]
    threshold: float
    """The share of violating records above which a person should look."""

    @property
    def name(self) -> str:
        """Return the name of the check."""
        return f"{self.severity}_{self.dimension}"


@dataclass(frozen=True)
class Books:
    """The receipts of a home, read once for all checks."""

    home: Home
    receipts: list[Receipt]
    live: list[Receipt]


@dataclass(frozen=True)
class Check:
    """A check and how it is judged."""

    spec: dg.AssetCheckSpec
    judge: Callable[[Books], dg.AssetCheckResult]


def buckets(table: TableContract) -> list[Bucket]:
    """Return the table's rules by severity and dimension; those across tables are judged in the warehouse."""
    found: dict[tuple[Severity, Dimension], set[str]] = {}
    for rule in table.rules:
        if rule in table.cross_table_rules:
            continue
        found.setdefault((rule.severity, rule.dimension), set()).add(rule.id)
    # Made by ingest for every table that has a key: the same key twice in one delivery with different content.
    found.setdefault(("reject", "plausibility"), set()).add(f"{table.name}.key_conflict")
    return [
        Bucket(table.name, severity, dimension, frozenset(ids), _threshold(table, severity, dimension))
        for (severity, dimension), ids in sorted(found.items())
    ]


def _threshold(table: TableContract, severity: Severity, dimension: Dimension) -> float:
    return WARNED_SHARE if severity == "warn" else float(table.quality_thresholds.get(dimension, 0))


def lake_checks(contracts: Contracts) -> dg.AssetChecksDefinition:
    """Return every check on the lake, the quarantine and the landing, judged by one op."""
    tables = [table for table in contracts.tables.values() if table.is_delivered]
    checks = [
        *(_reconciliation(table.name) for table in tables),
        *(_bucket_check(bucket) for table in tables for bucket in buckets(table)),
        _identifiers(),
        _lateness(),
    ]

    @dg.multi_asset_check(
        name="lake_checks", specs=[check.spec for check in checks], required_resource_keys={"registry"}
    )
    def judge_lake(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        registry = context.resources.registry
        home = registry.settings.layout
        with registry.stage():
            books = Books(home, list(read_receipts(home)), live_deliveries(home))
            results = [check.judge(books) for check in checks]
        yield from results

    return judge_lake


def _reconciliation(table: str) -> Check:
    spec = dg.AssetCheckSpec(
        "reconciliation",
        asset=lake_key(table),
        blocking=True,
        description="Records read = accepted + quarantined + duplicate, and the lake files hold the accepted ones.",
    )

    def judge(books: Books) -> dg.AssetCheckResult:
        live = [receipt for receipt in books.live if table in receipt.tables]
        unbalanced = [receipt for receipt in live if not receipt.tables[table].is_balanced]
        short = [receipt for receipt in live if _rows(books.home, table, receipt) != _n_kept(table, receipt)]
        wrong = sorted({receipt.delivery_id for receipt in [*unbalanced, *short]})
        metadata: dict[str, Any] = {
            "n_deliveries": len(live),
            "n_wrong": len(wrong),
            "delivery_ids": dg.MetadataValue.json(wrong),
        }
        return dg.AssetCheckResult(passed=not wrong, asset_key=spec.asset_key, check_name=spec.name, metadata=metadata)

    return Check(spec, judge)


def _n_kept(table: str, receipt: Receipt) -> int:
    return receipt.tables[table].n_accepted - receipt.erased.get(table, 0)


def _rows(home: Home, table: str, receipt: Receipt) -> int:
    from pyarrow.parquet import read_metadata  # noqa: PLC0415 - a code location loads often

    file = home.lake_file(table, *receipt.key, receipt.attempt)
    return int(read_metadata(file).num_rows) if file.exists() else 0


def _bucket_check(bucket: Bucket) -> Check:
    verb = "are refused" if bucket.severity == "reject" else "carry a warning"
    spec = dg.AssetCheckSpec(
        bucket.name,
        asset=lake_key(bucket.table),
        description=f"At most {bucket.threshold:.0%} of the records {verb} for {bucket.dimension}.",
        metadata={"rules": dg.MetadataValue.json(sorted(bucket.rule_ids))},
    )

    def judge(books: Books) -> dg.AssetCheckResult:
        counts = [receipt.tables[bucket.table] for receipt in books.live if bucket.table in receipt.tables]
        n_records = sum(count.n_records for count in counts)
        return _share_result(spec, _count(books.live, bucket.rule_ids), n_records, bucket.threshold)

    return Check(spec, judge)


def _identifiers() -> Check:
    spec = dg.AssetCheckSpec(
        "identifier_free", asset=QUARANTINE, description="No cell of a live delivery looked like a direct identifier."
    )

    def judge(books: Books) -> dg.AssetCheckResult:
        rule_ids = {rule_id for receipt in books.live for rule_id in receipt.rules if rule_id.startswith("deid.")}
        n_records = sum(receipt.counts.n_records for receipt in books.live)
        return _share_result(spec, _count(books.live, rule_ids), n_records, threshold=0.0)

    return Check(spec, judge)


def _lateness() -> Check:
    spec = dg.AssetCheckSpec(
        ON_TIME.name,
        asset=ON_TIME.asset_key,
        # Judged after today's files are in.
        additional_deps=[QUARANTINE],
        description="Every clinic that delivered before has delivered within twice its usual gap.",
    )

    def judge(books: Books) -> dg.AssetCheckResult:
        statuses = clinic_statuses(books.receipts, books.live, [], datetime.now(UTC))
        late = {status.clinic_id: status.days_since_last for status in statuses if status.is_late}
        return dg.AssetCheckResult(
            passed=not late,
            asset_key=spec.asset_key,
            check_name=spec.name,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "n_clinics": len(statuses),
                "n_late": len(late),
                "days_since_last_delivery": dg.MetadataValue.json(late),
            },
        )

    return Check(spec, judge)


def _count(receipts: Sequence[Receipt], rule_ids: frozenset[str] | set[str]) -> tuple[Counter[str], Counter[str]]:
    """Return findings by rule, and by clinic."""
    by_rule: Counter[str] = Counter()
    by_clinic: Counter[str] = Counter()
    for receipt in receipts:
        for rule_id, n in (*receipt.rules.items(), *receipt.warnings.items()):
            if rule_id in rule_ids:
                by_rule[rule_id] += n
                by_clinic[receipt.clinic_id] += n
    return by_rule, by_clinic


def _share_result(
    spec: dg.AssetCheckSpec, counts: tuple[Counter[str], Counter[str]], n_records: int, threshold: float
) -> dg.AssetCheckResult:
    by_rule, by_clinic = counts
    n_findings = by_rule.total()
    share = n_findings / n_records if n_records else 0.0
    return dg.AssetCheckResult(
        passed=share <= threshold,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "n_violating": n_findings,
            "n_records": n_records,
            "share": share,
            "threshold": threshold,
            "by_rule": dg.MetadataValue.json(dict(by_rule)),
            "by_clinic": dg.MetadataValue.json(dict(by_clinic)),
        },
    )
