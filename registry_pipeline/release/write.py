"""What is in a release: both databases and the manifest, written into a folder and judged there as they lie on disk.

What belongs here: which is written from which, and what judges what. What does not: how a folder becomes the current
release (`publish.py`).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.progress import Progress
from registry_pipeline.release.data_docs import write_data_docs
from registry_pipeline.release.databases import (
    read_deliveries,
    read_marts,
    read_strata,
    write_public,
    write_restricted,
)
from registry_pipeline.release.disclosure import (
    assert_nothing_exposed,
    assert_nothing_small,
    in_order,
    rounded,
    withhold,
)
from registry_pipeline.release.export import write_exports
from registry_pipeline.release.gate import GateFinding, gate_marts, require_contracts
from registry_pipeline.release.groups import hide_groups, read_groups
from registry_pipeline.release.ledger import hold_back_all
from registry_pipeline.release.mart_contracts import load_mart_contracts
from registry_pipeline.release.meta import Draft
from registry_pipeline.release.pooled import assert_pooled_of_shown, pool_anew
from registry_pipeline.release.releases import write_manifest
from registry_pipeline.report.write import write_report
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.models import build_mart

__all__ = ["Draft", "write_release"]


def write_release(staged: Path, draft: Draft, settings: Settings, progress: Progress) -> None:
    """Write both databases into `staged`, judge them, and write the manifest last.

    Marts are judged twice: as built, where no number is hidden yet and a wrong one cannot hide either, and as shown.

    Raises:
        GateRefusedError: If a check on marts or disclosure fails.
        ReconciliationError: If a delivery's records are not all accounted for.
        StorageError: If something cannot be written.
    """
    contracts, marts = load_contracts(settings), load_mart_contracts(settings)
    build = partial(build_mart, settings=settings)
    restricted, public = staged / "restricted.duckdb", staged / "registry.duckdb"
    progress.step("write restricted.duckdb")
    ledger = write_restricted(restricted, draft, contracts, marts, settings)
    progress.step("write registry.duckdb")
    found = read_marts(restricted, settings)
    require_contracts(found, marts)
    built = {name: in_order(frame, marts[name]) for name, frame in found.items()}
    groups = read_groups(read_strata(restricted, settings), settings)
    veiled = {name: hide_groups(frame, marts[name], groups) for name, frame in built.items()}
    withheld, proof = withhold(veiled, marts, settings.small_cell)
    fresh, true = ({name: rounded(frame, marts[name]) for name, frame in each.items()} for each in (withheld, built))
    released, n_repeated = hold_back_all(fresh, true, marts, settings)
    released |= pool_anew(released, marts, build)
    write_public(public, restricted, released, marts, settings)
    progress.step("check marts")
    shown = read_marts(public, settings)
    findings = gate_marts(marts, built, shown)
    for name, frame in shown.items():
        assert_nothing_small(frame, marts[name], settings.small_cell)
    assert_nothing_exposed(veiled, shown, marts, settings.small_cell, proof)
    assert_pooled_of_shown(shown, marts, build)
    for finding in findings:
        progress.message(f"Warning: {finding.check} fails on {finding.n_rows} rows.")
    write_data_docs(staged, marts, shown, findings)
    write_exports(staged, shown, marts, draft.release_id)
    progress.step("write report.html")
    write_report(staged, settings)
    deliveries = read_deliveries(public, settings)
    counted = {
        name: {
            "n_rows": frame.height,
            "n_suppressed": int(frame["is_suppressed"].sum()),
            "n_repeated": n_repeated[name],
        }
        for name, frame in shown.items()
    }
    write_manifest(staged, _manifest(ledger, deliveries, counted, findings, settings.small_cell))


def _manifest(
    ledger: list[dict[str, Any]],
    deliveries: pl.DataFrame,
    counted: Mapping[str, Mapping[str, int]],
    findings: list[GateFinding],
    small_cell: int,
) -> dict[str, Any]:
    feeds: dict[str, list[str]] = {}
    for clinic_id, feed_version in deliveries.select("clinic_id", "feed_version").unique().sort(pl.all()).iter_rows():
        feeds.setdefault(clinic_id, []).append(feed_version)
    return {
        **ledger[0],
        "small_cell": small_cell,
        "feeds": feeds,
        "deliveries": deliveries["delivery_id"].to_list(),
        "marts": counted,
        "n_suppressed_rows": sum(about["n_suppressed"] for about in counted.values()),
        "n_repeated_rows": sum(about["n_repeated"] for about in counted.values()),
        "warnings": {finding.check: finding.n_rows for finding in findings},
        "releases": ledger,
    }
