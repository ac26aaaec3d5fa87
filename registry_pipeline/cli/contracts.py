"""`registry contracts …`: lint, diff and docs of the data contracts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry_pipeline.cli.common import FeedsOption, guarded, settings_for
from registry_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from registry_pipeline.contracts.load import Contracts
    from registry_pipeline.settings import Settings

contracts_app = typer.Typer(
    name="contracts", help="Check, compare and document the data contracts.", no_args_is_help=True
)

FolderArgument = Annotated[Path, typer.Argument(help="A folder of table contracts.", exists=True, file_okay=False)]


@contracts_app.command()
@guarded
def lint(feeds: FeedsOption = None) -> None:
    """Check every contract, feed and vocabulary: all mistakes at once, each with its file and line."""
    from registry_pipeline.cli.lint import lint_content  # noqa: PLC0415 - polars; keeps --help fast
    from registry_pipeline.console import print_error, stdout  # noqa: PLC0415 - likewise

    result = lint_content(settings_for(feeds=feeds))
    for line in result.passed:
        stdout().print(f"ok  {line}", markup=False)
    for problem in result.problems:
        print_error(problem)
    if result.problems:
        raise typer.Exit(ConfigurationError.exit_code)


@contracts_app.command()
@guarded
def diff(old: FolderArgument, new: FolderArgument) -> None:
    """Show what changed between two folders of table contracts, breaking changes first."""
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.contracts.diff import diff_contracts  # noqa: PLC0415 - likewise

    settings = settings_for()
    changes = diff_contracts(_contracts(settings, old), _contracts(settings, new))
    if not changes:
        stdout().print("The contracts say the same.")
        return
    rows = [(item.kind, item.table, item.item, item.text) for item in sorted(changes, key=lambda item: item.kind)]
    stdout().print(table(None, ["kind", "table", "item", "what changed"], rows))


@contracts_app.command()
@guarded
def docs(
    output: Annotated[Path | None, typer.Option("--output", help="Write here instead of to stdout.")] = None,
) -> None:
    """Write the data dictionary that clinics read."""
    from registry_pipeline.contracts.docs import render_dictionary  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - likewise
    from registry_pipeline.lake.atomic import write_text  # noqa: PLC0415 - likewise

    text = render_dictionary(load_contracts(settings_for()))
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)


def _contracts(settings: Settings, folder: Path) -> Contracts:
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - keeps --help fast

    return load_contracts(type(settings)(**{**settings.model_dump(), "contracts": folder}))
