"""Commands on releases: `releases` lists them, `diff` compares two, `rollback` goes back to an earlier one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_pipeline.cli.common import HomeOption, JsonOption, guarded, require_home, settings_for

if TYPE_CHECKING:
    from registry_pipeline.release.compare import Comparison
    from registry_pipeline.settings import Settings

ReleaseArgument = Annotated[str, typer.Argument(help="A release, as `registry releases` calls it.")]


@guarded
def releases(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the releases on disk, the latest first: when, from how much, how much is hidden, which one is current."""
    import json  # noqa: PLC0415 - beside the others

    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - keeps --help fast

    rows = _listed(require_home(settings_for(home)))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif not rows:
        typer.echo("There is no release yet. Next: registry run")
    else:
        columns = ["release", "published (UTC)", "state", "deliveries", "rows hidden", "MB"]
        stdout().print(table("Releases", columns, [list(row.values()) for row in rows]))


@guarded
def diff(before: ReleaseArgument, after: ReleaseArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what changed from one release to another: in the numbers, and in what they were made from."""
    import json  # noqa: PLC0415 - beside the others

    from registry_pipeline.release.compare import compare, find_release  # noqa: PLC0415 - keeps --help fast

    settings = require_home(settings_for(home))
    found = compare(settings, find_release(settings, before), find_release(settings, after))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, default=str))
    else:
        _print_comparison(found)


@guarded
def rollback(
    release: Annotated[
        str | None, typer.Argument(help="The release to go back to; by default the one before the current one.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Make an earlier release current again. Later runs leave it so until deliveries, contracts or code change."""
    from registry_pipeline.release.rollback import roll_back  # noqa: PLC0415 - keeps --help fast

    found = roll_back(require_home(settings_for(home)).layout, release)
    typer.echo(f"Release {found.release_id} of {found.published_at} is current again; nothing was deleted.")


def _listed(settings: Settings) -> list[dict[str, Any]]:
    from registry_pipeline.release.releases import current_release, published, read_manifest  # noqa: PLC0415 - as above
    from registry_pipeline.release.rollback import set_aside  # noqa: PLC0415 - likewise

    current, aside = current_release(settings.layout), set_aside(settings.layout)
    rows = []
    for release in published(settings.layout):
        manifest = read_manifest(release.path)
        is_current = current is not None and release.path == current.path
        state = "current" if is_current else "rolled back" if release.fingerprint in aside else ""
        n_bytes = sum(about["n_bytes"] for about in manifest["files"].values())
        rows.append(
            {
                "release_id": release.release_id,
                "published_at": release.published_at,
                "state": state,
                "n_deliveries": len(manifest.get("deliveries", [])),
                "n_suppressed_rows": manifest.get("n_suppressed_rows"),
                "size_mb": round(n_bytes / 1e6, 1),
            }
        )
    return rows


def _print_comparison(found: Comparison) -> None:
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - rich, only for tables

    why = [(change.what, change.before, change.after) for change in found.inputs]
    if found.n_new_deliveries or found.n_gone_deliveries:
        why.append(("deliveries", f"{found.n_gone_deliveries} gone", f"{found.n_new_deliveries} new"))
    title = f"Why: {found.before.release_id} to {found.after.release_id}"
    if why:
        stdout().print(table(title, ["made from", "before", "after"], why))
    else:
        typer.echo("Both were made from the same deliveries, contracts and code.")
    columns = ["mart", "same", "changed", "added", "removed", "now hidden", "now shown", "largest change"]
    rows = [
        (
            mart.mart,
            *(mart.n_same, mart.n_changed, mart.n_added, mart.n_removed, mart.n_newly_hidden, mart.n_newly_shown),
            "" if mart.largest_change is None else f"{100 * mart.largest_change:.1f} points",
        )
        for mart in found.marts
    ]
    stdout().print(table("What changed, rows by mart", columns, rows))
