"""What may be said about an unexpected exception: its type and where it arose, never its message.

A message of polars, DuckDB or pandera may quote the cell it choked on, so messages stay out of logs and of Dagster.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def redacted(error: BaseException) -> list[str]:
    """Return one line per exception of the chain, then the frames of the outermost, without any value."""
    lines = [f"{_type_name(link)} at {_location(link)}" for link in _chain(error)]
    frames = traceback.extract_tb(error.__traceback__)
    return [*lines, *(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)]


def redacted_summary(error: BaseException) -> str:
    """Return one sentence: the type of the exception and the deepest of our own lines it passed through."""
    return f"{_type_name(error)} at {_location(error)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _location(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    if not frames:
        return "an unknown place"
    frame = ours[-1] if ours else frames[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
