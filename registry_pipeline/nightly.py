"""The nightly job as one plain function: lock, ingest, withdrawals, and, if anything changed, build, gate and publish.

What does not belong here: what a stage does, Dagster (defs/ runs the same stages as assets) and printing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_pipeline.errors import ConfigurationError, RegistryError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.progress import Progress, Silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_pipeline.lake.receipts import Receipt
    from registry_pipeline.release.publish import Release
    from registry_pipeline.settings import Settings


@dataclass(frozen=True)
class NightlyResult:
    """What a night brought."""

    receipts: list[Receipt]
    """Deliveries taken or refused in this run."""
    problems: list[RegistryError]
    """What kept single files or clinics out while the others went on, and what a person must look at."""
    release: Release | None
    is_new: bool
    """Whether this run published the release, or found that it already held everything."""


def require_landing(settings: Settings) -> None:
    """Check that there is a home to work in, before anything is created in a mistyped place.

    Raises:
        ConfigurationError: If the home or its landing folder is missing.
    """
    if not settings.layout.root.is_dir():
        raise ConfigurationError(
            "This registry home does not exist.",
            remedy="Give the right --home, or make one with `registry simulate --home DIR`.",
            file=settings.layout.root,
        )
    if not settings.layout.landing.is_dir():
        raise ConfigurationError(
            "The landing folder is missing.",
            remedy="Create it and put each clinic's files into landing/<clinic_id>/.",
            file=settings.layout.landing,
        )


def needs_build(settings: Settings) -> bool:
    """Tell whether deliveries, contracts, SQL or code differ from what the current release was made from.

    What was rolled back does not count as different: the same inputs would give the release that somebody wanted gone.
    """
    from registry_pipeline.release.publish import current_release  # noqa: PLC0415 - keeps `registry --help` fast
    from registry_pipeline.release.rollback import set_aside  # noqa: PLC0415 - likewise
    from registry_pipeline.warehouse.build import inputs_fingerprint  # noqa: PLC0415 - likewise

    current, fingerprint = current_release(settings.layout), inputs_fingerprint(settings)
    return current is None or fingerprint not in {current.fingerprint, *set_aside(settings.layout)}


def tidy_up(settings: Settings) -> None:
    """Do what a run that was killed once its release was current has left undone; the caller has nothing to build.

    Without this the build, which holds rows, would stay until something changes.
    """
    from registry_pipeline.release.publish import tidy_releases  # noqa: PLC0415 - keeps `registry --help` fast
    from registry_pipeline.warehouse.build import discard_build  # noqa: PLC0415 - likewise

    tidy_releases(settings)
    discard_build(settings)


def run_nightly(
    settings: Settings, *, clinics: Sequence[str] | None = None, progress: Progress | None = None
) -> NightlyResult:
    """Take what has landed and publish a release if anything changed.

    Args:
        settings: The home and everything a deployment may turn.
        clinics: Only these clinics' files; all of them when None.
        progress: Told of each step.

    Raises:
        LockHeldError: If another run works in this home.
        GateRefusedError: If a check on the marts failed; the previous release stays.
    """
    from registry_pipeline.ingest.run import ingest_landing  # noqa: PLC0415 - keeps `registry --help` fast
    from registry_pipeline.release.publish import current_release  # noqa: PLC0415 - likewise
    from registry_pipeline.withdrawal.night import apply_withdrawals  # noqa: PLC0415 - likewise

    progress = progress or Silent()
    require_landing(settings)
    with exclusive(settings.layout.lock):
        summary = ingest_landing(settings, clinics=clinics, progress=progress)
        problems = [*summary.problems, *apply_withdrawals(settings, progress)]
        for problem in problems:
            # Said at once: what follows may stop the run, and this must not get lost.
            progress.message(f"Problem: {problem}")
        if needs_build(settings):
            return NightlyResult(summary.receipts, problems, _publish(settings, progress), is_new=True)
        tidy_up(settings)
        release = current_release(settings.layout)
    return NightlyResult(summary.receipts, problems, release, is_new=False)


def _publish(settings: Settings, progress: Progress) -> Release:
    from registry_pipeline.release.publish import publish_release  # noqa: PLC0415 - only where something changed
    from registry_pipeline.warehouse.build import build_warehouse, discard_build  # noqa: PLC0415 - likewise: seconds to import

    build = build_warehouse(settings, progress=progress)
    release = publish_release(settings, build, progress=progress)
    discard_build(settings)
    return release
