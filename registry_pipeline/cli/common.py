"""What every command shares: its options, its settings, and how it ends when something goes wrong."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from registry_pipeline.errors import ConfigurationError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_pipeline.settings import Settings

P = ParamSpec("P")

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The registry home. Default: REGISTRY_HOME, else ./registry_home.", file_okay=False),
]
FeedsOption = Annotated[
    Path | None,
    typer.Option("--feeds", help="Folder of feed YAMLs, in place of the home's or the shipped ones.", file_okay=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ClinicOption = Annotated[str | None, typer.Option("--clinic", help="Only this clinic, such as C003.")]


def settings_for(home: Path | None = None, feeds: Path | None = None) -> Settings:
    """Return the settings of this command: options first, then `REGISTRY_*` variables, then defaults.

    Raises:
        ConfigurationError: If a variable holds something it cannot, naming the variable but not its value.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - pydantic costs a third of a second; --help must not pay

    from registry_pipeline.settings import Settings  # noqa: PLC0415 - likewise

    given: dict[str, Any] = {name: value for name, value in (("home", home), ("feeds", feeds)) if value is not None}
    if feeds is not None and not feeds.is_dir():
        raise ConfigurationError("This folder of feeds does not exist.", remedy="Give another --feeds.", file=feeds)
    try:
        return Settings(**given)
    except ValidationError as error:
        names = ", ".join(f"REGISTRY_{str(item['loc'][0]).upper()}" for item in error.errors())
        raise ConfigurationError(f"{names} holds a value that cannot be used.", remedy="Set it right.") from None


def require_home(settings: Settings) -> Settings:
    """Return the settings if their home exists.

    Raises:
        ConfigurationError: If it does not.
    """
    if not settings.layout.root.is_dir():
        raise ConfigurationError(
            "This registry home does not exist.",
            remedy="Give the right --home, or make one with `registry simulate --home DIR`.",
            file=settings.layout.root,
        )
    return settings


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Let a command end with one clear message and the right exit code, never with a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except RegistryError as error:
            from registry_pipeline.console import print_error  # noqa: PLC0415 - rich, only when there is an error

            print_error(error)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, the user gets a message
            _report_unexpected(error, kwargs.get("home"))
            raise typer.Exit(1) from None

    return run


def _report_unexpected(error: Exception, home: object) -> None:
    from registry_pipeline.console import stderr  # noqa: PLC0415 - rich, only when there is an error
    from registry_pipeline.redaction import redacted, redacted_summary  # noqa: PLC0415 - likewise

    console = stderr()
    console.print(f"Unexpected: {redacted_summary(error)}.", markup=False)
    console.print("  This is a fault of the program. Nothing half-written is left behind.", markup=False)
    try:
        log = settings_for(home if isinstance(home, Path) else None).layout.work / "logs"
        log.mkdir(parents=True, exist_ok=True)
        file = log / f"unexpected-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.log"
        file.write_text("\n".join(redacted(error)) + "\n", encoding="utf-8")
    except (OSError, RegistryError):
        console.print("  No log could be written.", markup=False)
        return
    console.print(f"  where it arose, without any value: {file}", markup=False)
    console.print("  what to do: run again; if it comes back, report it with that file.", markup=False)
