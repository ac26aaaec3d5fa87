"""`registry caveats`: what the numbers of the current release must not be taken for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_pipeline.cli.common import HomeOption, JsonOption, guarded, require_home, settings_for
from registry_pipeline.cli.look import query_release
from registry_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from registry_pipeline.settings import Settings

_EVERY_MART = "all"


@guarded
def caveats(
    home: HomeOption = None,
    mart: Annotated[str | None, typer.Option("--mart", help="Only this mart, such as response_rates.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the numbers of the current release must not be taken for, by mart."""
    import json  # noqa: PLC0415 - beside the others

    found = _found(require_home(settings_for(home)), mart)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from registry_pipeline.console import stdout  # noqa: PLC0415 - rich, only for output

    console = stdout()
    for of_mart, lines in groupby(found, key=lambda line: line["mart"]):
        console.print("\nEvery mart" if of_mart == _EVERY_MART else f"\nmarts.{of_mart}", style="bold", markup=False)
        for line in lines:
            must = "READ: " if line["severity"] == "must_read" else ""
            console.print(f"  - {must}{line['sentence']} ({line['code']})", markup=False, soft_wrap=True)


def _found(settings: Settings, mart: str | None) -> list[dict[str, Any]]:
    in_order = "select * from meta.caveats order by mart <> 'all', mart, severity, code"
    columns, rows = query_release(settings, in_order)
    every = [dict(zip(columns, row, strict=True)) for row in rows]
    found = [line for line in every if mart in {None, line["mart"]} or line["mart"] == _EVERY_MART]
    if mart is not None and not any(line["mart"] == mart for line in found):
        known = dict.fromkeys(line["mart"] for line in every if line["mart"] != _EVERY_MART)
        raise ConfigurationError("No caveat is about this mart.", remedy=f"Give one of {', '.join(known)}.")
    return found
