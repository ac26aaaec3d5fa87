"""Commands that work: `demo`, `simulate`, `run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry_pipeline.cli.common import FeedsOption, HomeOption, guarded, settings_for

if TYPE_CHECKING:
    from registry_pipeline.settings import Settings

_DEMO_CLINICS, _DEMO_PATIENTS, _DEMO_SEED = 8, 2_000, 1


@guarded
def simulate(
    home: HomeOption = None,
    clinics: Annotated[int, typer.Option(min=1, help="How many clinics.")] = _DEMO_CLINICS,
    patients: Annotated[int, typer.Option(min=1, help="How many patients over all clinics.")] = _DEMO_PATIENTS,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = _DEMO_SEED,
    defects: Annotated[bool, typer.Option("--defects/--no-defects", help="Plant errors to be caught.")] = True,
) -> None:
    """Write the deliveries of simulated clinics into landing/, and what was planted into truth/."""
    from registry_pipeline.console import stdout  # noqa: PLC0415 - keeps --help fast

    settings = settings_for(home)
    _simulate(settings, clinics=clinics, patients=patients, seed=seed, defects=defects)
    stdout().print(f"Deliveries: {settings.layout.landing}", markup=False)
    stdout().print(f"Planted truth: {settings.layout.truth}", markup=False)
    stdout().print(f"Next: registry run --home {settings.home}", markup=False)


@guarded
def run(home: HomeOption = None, feeds: FeedsOption = None) -> None:
    """Run the nightly job: ingest what has landed, build, gate, publish."""
    from registry_pipeline.cli.summary import print_night  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.console import ConsoleProgress  # noqa: PLC0415 - likewise
    from registry_pipeline.nightly import require_landing, run_nightly  # noqa: PLC0415 - likewise

    settings = settings_for(home, feeds)
    require_landing(settings)
    with ConsoleProgress() as progress:
        result = run_nightly(settings, progress=progress)
    print_night(settings, result)
    if codes := [problem.exit_code for problem in result.problems if problem.exit_code]:
        # What could be done is done and published; the schedule must still learn that somebody has to act.
        raise typer.Exit(max(codes))


@guarded
def demo(home: HomeOption = None) -> None:
    """Simulate eight clinics, run the nightly job through Dagster, and show what came out."""
    from registry_pipeline.cli.headline import print_headlines  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.cli.look import print_rules  # noqa: PLC0415 - likewise
    from registry_pipeline.cli.summary import print_next_steps  # noqa: PLC0415 - likewise
    from registry_pipeline.console import ConsoleProgress, stdout  # noqa: PLC0415 - likewise
    from registry_pipeline.quarantine import count_by_rule, read_quarantine  # noqa: PLC0415 - likewise
    from registry_pipeline.release.publish import current_release  # noqa: PLC0415 - likewise

    settings = settings_for(home or Path("demo_home"))
    if not settings.layout.truth.is_dir():
        _simulate(settings, clinics=_DEMO_CLINICS, patients=_DEMO_PATIENTS, seed=_DEMO_SEED, defects=True)
    with ConsoleProgress() as progress:
        from registry_pipeline.definitions import run_nightly_in_dagster  # noqa: PLC0415 - Dagster: seconds

        before = current_release(settings.layout)
        run_nightly_in_dagster(settings, progress)
    is_new = current_release(settings.layout) != before
    print_headlines(settings)
    print_rules(count_by_rule(read_quarantine(settings)))
    if not is_new:
        stdout().print("Nothing changed since the last run: no build, the same release.", style="bold green")
    print_next_steps(settings)


def _simulate(settings: Settings, *, clinics: int, patients: int, seed: int, defects: bool) -> None:
    from registry_pipeline.console import ConsoleProgress  # noqa: PLC0415 - keeps --help fast
    from registry_pipeline.simulate.run import simulate as simulate_clinics  # noqa: PLC0415 - likewise

    with ConsoleProgress() as progress:
        simulate_clinics(
            settings, n_clinics=clinics, n_patients=patients, seed=seed, with_defects=defects, progress=progress
        )
