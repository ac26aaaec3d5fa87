"""What `registry run` says at the end: what was taken, what to fix, what to open next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_pipeline.console import stdout, table
from registry_pipeline.lake.receipts import Counts
from registry_pipeline.quarantine import count_by_rule, read_quarantine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_pipeline.lake.receipts import Receipt
    from registry_pipeline.nightly import NightlyResult
    from registry_pipeline.settings import Settings

_RULES_SHOWN = 10


def print_night(settings: Settings, result: NightlyResult) -> None:
    """Print a night's result for a person."""
    _print_deliveries(result.receipts)
    _print_fixes(settings, result.receipts)
    if result.problems:
        stdout().print(f"{len(result.problems):,} problems for a person to look at; each is named above.")
    if result.release is None:
        stdout().print("No release was published.")
        return
    what = "Published release" if result.is_new else "Nothing changed; the current release stays"
    stdout().print(f"\n{what}: {result.release.release_id}", style="bold green", markup=False)
    print_next_steps(settings)


def print_next_steps(settings: Settings) -> None:
    """Print what to open next."""
    home, current = settings.home, settings.layout.current
    console = stdout()
    console.print("\nOpen next:", style="bold")
    steps = [
        (f'registry query --home {home} "from marts.response_rates limit 5"', "ask the release"),
        (f"registry quarantine --home {home}", "what to fix, by rule, with file and line"),
        (f"registry status --home {home}", "how each clinic stands"),
        (str(current / "registry.duckdb"), "the public release, for any DuckDB client"),
        (str(current / "restricted.duckdb"), "row level and quarantine, for those who may"),
    ]
    if (current / "report.html").exists():
        steps.append((str(current / "report.html"), "the report"))
    for step, purpose in steps:
        console.print(f"  {step}   # {purpose}", markup=False)


def _print_deliveries(receipts: Sequence[Receipt]) -> None:
    if not receipts:
        stdout().print("No new deliveries.")
        return
    total = sum((receipt.counts for receipt in receipts), Counts())
    n_clinics = len({receipt.clinic_id for receipt in receipts})
    stdout().print(
        f"Took {len(receipts):,} deliveries of {n_clinics:,} clinics: {total.n_records:,} records read"
        f" = {total.n_accepted:,} accepted + {total.n_quarantined:,} quarantined + {total.n_duplicate:,} duplicate.",
    )


def _print_fixes(settings: Settings, receipts: Sequence[Receipt]) -> None:
    for receipt in receipts:
        if receipt.refusal is not None:
            stdout().print(
                f"Refused whole: {receipt.clinic_id}/{receipt.file_name} ({receipt.refusal.rule_id}): "
                f"{receipt.refusal.reason} {receipt.refusal.remedy}",
                markup=False,
            )
    taken = {receipt.key for receipt in receipts if receipt.rules}
    rules = count_by_rule(read_quarantine(settings, deliveries=taken)) if taken else []
    if rules:
        title = "To fix" + (f" (the {_RULES_SHOWN} most frequent rules)" if len(rules) > _RULES_SHOWN else "")
        rows = [(rule.rule_id, rule.n_findings, rule.n_files, rule.reason) for rule in rules[:_RULES_SHOWN]]
        stdout().print(table(title, ["rule", "#findings", "#files", "what it means"], rows))
