"""`registry withdraw`: erase a patient by hand, after showing what that takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from registry_pipeline.cli.common import HomeOption, guarded, require_home, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from registry_pipeline.settings import Settings
    from registry_pipeline.withdrawal.withdraw import Found


@guarded
def withdraw(
    clinic: Annotated[str, typer.Option("--clinic", help="The patient's clinic, such as C003.")],
    patient: Annotated[str, typer.Option("--patient", help="The patient's random id, such as p_….")],
    home: HomeOption = None,
    is_meant: Annotated[bool, typer.Option("--yes", help="Do it. Without this, only show what would be done.")] = False,
) -> None:
    """Erase a patient who withdrew with deletion from every layer: lake, quarantine, kept releases."""
    from registry_pipeline.console import stdout  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.withdrawal.withdraw import look  # noqa: PLC0415 - likewise

    settings = require_home(settings_for(home))
    if not is_meant:
        _print_found("Would be erased", look(settings, clinic, patient))
        _print_landing(settings, clinic, patient)
        stdout().print("\nNothing has been changed. To erase it for good, run this again with --yes.", markup=False)
        return
    left = _erase(settings, clinic, patient)
    _print_landing(settings, clinic, patient)
    if left:
        stdout().print("\nThe id is STILL in these files, or they cannot be read:", style="bold red")
        _print_paths(settings, left)
        raise typer.Exit(1)
    stdout().print("\nSearched the whole home: the id is in no file but the tombstone and those of landing.")
    stdout().print(f"Next: registry run --home {settings.home}   # a release without the patient", markup=False)


def _erase(settings: Settings, clinic: str, patient: str) -> list[Path]:
    from registry_pipeline.console import ConsoleProgress  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.lake.atomic import exclusive  # noqa: PLC0415 - likewise
    from registry_pipeline.withdrawal.withdraw import BY_HAND, look, remaining, withdraw  # noqa: PLC0415 - likewise

    with exclusive(settings.layout.lock), ConsoleProgress() as progress:
        look(settings, clinic, patient)
        found = withdraw(settings, clinic, {patient: BY_HAND}, progress)
        progress.step("Searching the home")
        left = remaining(settings, clinic, patient)
    _print_found("Erased", found)
    return left


def _print_found(title: str, found: Found) -> None:
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables

    layers = (("lake", found.lake), ("quarantine", found.quarantine))
    rows = [(layer, name, n_rows) for layer, counts in layers for name, n_rows in counts.items()]
    rows += [
        (f"release {release_id}", f"{len(counts):,} tables of restricted.duckdb", sum(counts.values()))
        for release_id, counts in found.releases.items()
    ]
    if rows:
        stdout().print(table(title, ["layer", "table", "#rows"], rows))
    else:
        stdout().print("No row of this patient is in the lake, the quarantine or a kept release.")


def _print_landing(settings: Settings, clinic: str, patient: str) -> None:
    from registry_pipeline.console import stdout  # noqa: PLC0415 - rich, only for text
    from registry_pipeline.withdrawal.search import search_landing  # noqa: PLC0415 - DuckDB: not for --help

    files = search_landing(settings, clinic, patient)
    if not files:
        return
    stdout().print(f"\nThe id is in {len(files):,} files that the clinic dropped, which are never changed here:")
    _print_paths(settings, files)
    stdout().print(
        "Ask the clinic to send them again without the patient, then remove these. Until then the rows are erased\n"
        "again each time such a file is taken."
    )


def _print_paths(settings: Settings, files: list[Path]) -> None:
    from registry_pipeline.console import stdout  # noqa: PLC0415 - rich, only for text

    for file in files:
        stdout().print(f"  {file.relative_to(settings.layout.root).as_posix()}", markup=False)
