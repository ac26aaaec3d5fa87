"""The ingest assets: what clinics dropped, the lake tables made of it, and the quarantine. One op runs the stage."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import TableContract
from registry_pipeline.lake.receipts import Counts, Receipt

GROUP = "ingest"
LANDING = dg.AssetKey("landing")
QUARANTINE = dg.AssetKey("quarantine")
DELIVERIES = dg.AssetKey(["lake", "delivery"])


class IngestConfig(dg.Config):
    """What one run of ingest takes."""

    clinics: list[str] = Field(default_factory=list, description="Only these clinics; all of them when empty.")


def lake_key(table: str) -> dg.AssetKey:
    """Return the asset key of a lake table."""
    return dg.AssetKey(["lake", table])


def landing_asset() -> dg.AssetSpec:
    """Return the files as clinics dropped them, which no run of ours makes."""
    return dg.AssetSpec(
        LANDING,
        group_name=GROUP,
        kinds={"file"},
        description="Files as dropped by the clinics, one folder per clinic. Never modified.",
    )


def ingest_assets(contracts: Contracts) -> dg.AssetsDefinition:
    """Return the lake and the quarantine, made by one op that ingests everything that is new."""
    specs = [
        *(_lake_spec(table) for table in contracts.tables.values()),
        dg.AssetSpec(
            DELIVERIES,
            deps=[LANDING],
            group_name=GROUP,
            kinds={"json"},
            description="One receipt per delivery: what became of each file. All state derives from receipts.",
        ),
        dg.AssetSpec(
            QUARANTINE,
            deps=[LANDING],
            group_name=GROUP,
            kinds={"parquet"},
            description="Records that were refused or are duplicates, with line, rule and reason.",
        ),
    ]

    @dg.multi_asset(name="ingest", specs=specs, required_resource_keys={"registry"})
    def ingest(context: dg.AssetExecutionContext, config: IngestConfig) -> Iterator[dg.MaterializeResult[None]]:
        from registry_pipeline.ingest.run import ingest_landing  # noqa: PLC0415 - a code location loads often
        from registry_pipeline.withdrawal.night import apply_withdrawals  # noqa: PLC0415 - likewise

        registry = context.resources.registry
        progress = registry.progress_of(context.log.info)
        with registry.stage():
            summary = ingest_landing(registry.settings, clinics=config.clinics or None, progress=progress)
            problems = [*summary.problems, *apply_withdrawals(registry.settings, progress)]
        for problem in problems:
            context.log.warning(str(problem))
            if registry.progress is not None:
                registry.progress.message(f"Problem: {problem}")
        for spec in specs:
            metadata = _metadata(spec.key, summary.receipts, [str(problem) for problem in problems])
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)

    return ingest


def _lake_spec(table: TableContract) -> dg.AssetSpec:
    columns = [dg.TableColumn(column.name, column.physical_type, column.description) for column in table.columns]
    return dg.AssetSpec(
        lake_key(table.name),
        deps=[LANDING],
        group_name=GROUP,
        kinds={"parquet"},
        description=table.description,
        metadata={"dagster/column_schema": dg.TableSchema(columns), "contract_version": table.version},
    )


def _metadata(key: dg.AssetKey, receipts: Sequence[Receipt], problems: Sequence[str]) -> dict[str, Any]:
    """Return counts of this run: of one table, or for the ledger and the quarantine of all of them."""
    if key not in (DELIVERIES, QUARANTINE):
        counts = [receipt.tables[key.path[-1]] for receipt in receipts if key.path[-1] in receipt.tables]
        return _counts(counts)
    everything = _counts([receipt.counts for receipt in receipts])
    if key == QUARANTINE:
        rules: dict[str, int] = {}
        for receipt in receipts:
            for rule_id, n in receipt.rules.items():
                rules[rule_id] = rules.get(rule_id, 0) + n
        return {**everything, "rules": dg.MetadataValue.json(rules)}
    refused = {receipt.delivery_id: receipt.refusal.rule_id for receipt in receipts if receipt.refusal is not None}
    return {
        **everything,
        "refused": dg.MetadataValue.json(refused),
        "problems": dg.MetadataValue.json(list(problems)),
    }


def _counts(counts: Sequence[Counts]) -> dict[str, Any]:
    total = sum(counts, Counts())
    return {
        "n_deliveries": len(counts),
        "n_records": total.n_records,
        "n_accepted": total.n_accepted,
        "n_quarantined": total.n_quarantined,
        "n_duplicate": total.n_duplicate,
    }
