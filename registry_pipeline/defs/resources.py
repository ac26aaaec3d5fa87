"""The one resource: the home that a run works in, held locked for the length of the run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from registry_pipeline.errors import RegistryError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.progress import Progress
from registry_pipeline.redaction import redacted, redacted_summary
from registry_pipeline.settings import Settings


@dataclass
class Registry:
    """What every op works with."""

    settings: Settings
    progress: Progress | None = None
    """Told of each step when somebody watches the process; else the run's log is."""
    failure: Exception | None = field(default=None, repr=False)
    """What stopped a run, for a caller in the same process; Dagster itself gets a redacted copy only."""

    def progress_of(self, log: Callable[[str], None]) -> Progress:
        """Return who is told of steps: the watcher, else the run's log."""
        return self.progress or LogProgress(log)

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Let a stage fail with a message fit for Dagster's storage: no cell value, no foreign traceback."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, its message may quote a cell
            self.failure = error
            # `from None`, because Dagster stores the messages of the whole chain.
            raise fit_for_storage(error) from None


class LogProgress:
    """Progress in the log of a Dagster run."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log

    def step(self, name: str, total: int | None = None) -> None:
        """Log a step and how much there is to do."""
        self._log(name if total is None else f"{name} ({total:,})")

    def advance(self, n: int = 1) -> None:
        """Say nothing: a log line per unit helps nobody."""

    def message(self, text: str) -> None:
        """Log a line."""
        self._log(text)


def fit_for_storage(error: Exception) -> dg.Failure:
    """Return what Dagster may keep of an error."""
    if isinstance(error, RegistryError):
        return dg.Failure(str(error), metadata={"exit_code": error.exit_code}, allow_retries=False)
    return dg.Failure(
        f"Unexpected: {redacted_summary(error)}",
        metadata={"frames": "\n".join(redacted(error))},
        allow_retries=False,
    )


def registry_resource(registry: Registry) -> dg.ResourceDefinition:
    """Return `registry` as a resource that holds the home's lock while a run (or a step process) lives.

    The lock spans ingest to release, so that no other run can swap the build file between the build and its
    publication.
    """

    def locked(_: dg.InitResourceContext) -> Iterator[Registry]:
        with registry.stage():
            lock = exclusive(registry.settings.layout.lock)
            lock.__enter__()
        try:
            yield registry
        finally:
            lock.__exit__(None, None, None)

    return dg.ResourceDefinition(locked, description="The registry home, locked for this run.")
