"""Checks on the marts, from their contracts: the gate, made visible. A failed one keeps the release from being made.

Publishing gates again on its own, so a release is safe even when it is not Dagster that makes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from registry_pipeline.errors import GateRefusedError
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from registry_pipeline.release.gate import GateFinding


def mart_checks(contracts: Mapping[str, MartContract]) -> dg.AssetChecksDefinition:
    """Return two checks per mart, judged by one op: blocking rules, and rules that only warn."""
    specs = [spec for contract in contracts.values() for spec in _specs(contract)]

    @dg.multi_asset_check(name="mart_checks", specs=specs, required_resource_keys={"registry"})
    def judge_marts(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        registry = context.resources.registry
        with registry.stage():
            results = list(_judge_all(registry.settings, contracts))
        failed = [str(result.asset_key) for result in results if not result.passed and _blocks(result)]
        if failed:
            # Dagster fails the run on its own account; this is for a caller in the same process.
            registry.failure = GateRefusedError(
                f"{len(failed)} marts break their contract.",
                remedy="Nothing was published and the previous release stays. `make dev` shows the failed checks.",
            )
        yield from results

    return judge_marts


def _specs(contract: MartContract) -> Iterator[dg.AssetCheckSpec]:
    key = dg.AssetKey(["marts", contract.name])
    yield dg.AssetCheckSpec(
        "contract", asset=key, blocking=True, description="The mart keeps its contract and hides every small cell."
    )
    yield dg.AssetCheckSpec("contract_warnings", asset=key, description="No rule that only warns is broken.")


def _judge_all(settings: Settings, contracts: Mapping[str, MartContract]) -> Iterator[dg.AssetCheckResult]:
    from registry_pipeline.release.databases import read_marts  # noqa: PLC0415 - a code location loads often
    from registry_pipeline.release.disclosure import with_flags  # noqa: PLC0415 - likewise
    from registry_pipeline.release.gate import check_marts, require_contracts  # noqa: PLC0415 - likewise
    from registry_pipeline.warehouse.build import build_path  # noqa: PLC0415 - likewise

    frames = {name: with_flags(frame) for name, frame in read_marts(build_path(settings), settings).items()}
    require_contracts(frames, contracts)
    found = check_marts(contracts, frames)
    for name, contract in contracts.items():
        yield from _results(frames[name], contract, found[name], settings.small_cell)


def _results(
    frame: "pl.DataFrame", contract: MartContract, findings: "Sequence[GateFinding]", small_cell: int
) -> Iterator[dg.AssetCheckResult]:
    from registry_pipeline.release.disclosure import assert_nothing_small, suppress  # noqa: PLC0415 - as above

    shown = suppress(frame, contract, small_cell)
    assert_nothing_small(shown, contract, small_cell)
    for spec in _specs(contract):
        severity = "reject" if spec.blocking else "warn"
        broken = {finding.check: finding.n_rows for finding in findings if finding.severity == severity}
        yield dg.AssetCheckResult(
            passed=not broken,
            asset_key=spec.asset_key,
            check_name=spec.name,
            severity=dg.AssetCheckSeverity.ERROR if spec.blocking else dg.AssetCheckSeverity.WARN,
            metadata={
                "n_violating": sum(broken.values()),
                "n_rows": frame.height,
                "n_suppressed": int(shown.get_column("is_suppressed").sum()),
                "threshold": 0,
                "by_rule": dg.MetadataValue.json(broken),
            },
        )


def _blocks(result: dg.AssetCheckResult) -> bool:
    return result.severity == dg.AssetCheckSeverity.ERROR
