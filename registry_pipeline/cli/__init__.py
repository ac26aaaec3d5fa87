"""`registry …`: the command line. It parses, calls the stages and prints; it decides nothing.

Nothing heavy is imported when this package is: `registry --help` answers at once, and each command imports what it
needs when it runs.
"""

import logging

import typer

from registry_pipeline.cli.caveats import caveats
from registry_pipeline.cli.contracts import contracts_app
from registry_pipeline.cli.feed import feed_app
from registry_pipeline.cli.look import quality, quarantine, query, status
from registry_pipeline.cli.releases import diff, releases, rollback
from registry_pipeline.cli.replay import history, replay
from registry_pipeline.cli.withdraw import withdraw
from registry_pipeline.cli.work import demo, run, simulate

app = typer.Typer(
    name="registry",
    help="The ketamine outcomes registry: clinic files in, a published DuckDB release out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Drawing help with rich would double the time `--help` takes.
    rich_markup_mode=None,
)
for command in (
    demo,
    simulate,
    run,
    status,
    quarantine,
    quality,
    query,
    caveats,
    replay,
    history,
    withdraw,
    releases,
    diff,
    rollback,
):
    app.command()(command)
app.add_typer(contracts_app)
app.add_typer(feed_app)


def main() -> None:
    """Run the command line; the entry point of `registry`."""
    # Libraries' logs may quote cells, and some libraries print theirs when nobody handles them.
    logging.getLogger().addHandler(logging.NullHandler())
    app()
