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

OldArgument = Annotated[
    Path | None,
    typer.Argument(help="A folder of table contracts. Default: as last released.", exists=True, file_okay=False),
]
NewArgument = Annotated[
    Path | None, typer.Argument(help="Another one. Default: the contracts in force.", exists=True, file_okay=False)
]


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
def diff(old: OldArgument = None, new: NewArgument = None) -> None:
    """Show what changed between two versions of the table contracts, breaking changes first."""
    from registry_pipeline.console import stdout, table  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.contracts.diff import diff_contracts  # noqa: PLC0415 - likewise
    from registry_pipeline.contracts.versions import least_version, released_contracts  # noqa: PLC0415 - likewise

    settings = settings_for()
    before = _contracts(settings, old) if old else released_contracts(settings)
    after = _contracts(settings, new or settings.contracts_dir)
    changes = diff_contracts(before, after)
    if not changes:
        stdout().print("The contracts say the same.")
        return
    rows = [(item.kind, item.table, item.item, item.text) for item in sorted(changes, key=lambda item: item.kind)]
    stdout().print(table(None, ["kind", "table", "item", "what changed"], rows))
    n_breaking = sum(change.kind == "breaking" for change in changes)
    stdout().print(
        f"{n_breaking} breaking, {len(changes) - n_breaking} compatible. From {before.version} this asks for "
        f"{least_version(before.version, changes)} at least; the new contracts say {after.version}.",
        markup=False,
    )


@contracts_app.command()
@guarded
def docs(
    output: Annotated[
        Path | None, typer.Option("--output", help="Write here, as a web page when it ends in .html.", dir_okay=False)
    ] = None,
) -> None:
    """Write the data dictionary that clinics read, as Markdown or as one web page."""
    from registry_pipeline.contracts.docs import render_dictionary  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - likewise
    from registry_pipeline.contracts.page import as_page  # noqa: PLC0415 - likewise
    from registry_pipeline.lake.atomic import write_text  # noqa: PLC0415 - likewise

    text = render_dictionary(load_contracts(settings_for()))
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, as_page(text) if output.suffix == ".html" else text)


def _contracts(settings: Settings, folder: Path) -> Contracts:
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - keeps --help fast

    return load_contracts(type(settings)(**{**settings.model_dump(), "contracts": folder}))
