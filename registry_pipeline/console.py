"""How the command line looks: progress, tables, errors. All of it through rich.

Progress and errors go to stderr, results to stdout, so that a pipe gets the result alone. What does not belong here:
finding out what to show.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBars
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from rich.progress import TaskID

    from registry_pipeline.errors import RegistryError


def stdout(*, piped_width: int = 160) -> Console:
    """Return the console for results, as wide as the terminal; a pipe has no width of its own."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = piped_width
    return console


def stderr() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class ConsoleProgress:
    """Progress on stderr: bars on a terminal, one line per step elsewhere."""

    def __init__(self) -> None:
        self._console = stderr()
        self._bars: RichBars | None = None
        self._task: TaskID | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars = RichBars(
                SpinnerColumn(finished_text="[green]✓"),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            if error is None:
                self._finish_task()
            self._bars.stop()

    def step(self, name: str, total: int | None = None) -> None:
        """Begin a step; the one before it is done."""
        if self._bars is None:
            self._console.print(f"[{time.monotonic() - self._started:6.1f} s] {name}", markup=False)
            return
        self._finish_task()
        self._task = self._bars.add_task(escape(name), total=total)

    def advance(self, n: int = 1) -> None:
        """Move the bar of the current step."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, n)

    def message(self, text: str) -> None:
        """Print one line above the bars."""
        (self._bars.console if self._bars is not None else self._console).print(text, markup=False)

    def _finish_task(self) -> None:
        if self._bars is None or self._task is None:
            return
        total = self._bars.tasks[self._bars.task_ids.index(self._task)].total or 1
        self._bars.update(self._task, total=total, completed=total)


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table; columns whose name starts with `#` are right-aligned numbers."""
    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        drawn.add_column(column.removeprefix("#"), justify="right" if column.startswith("#") else "left")
    for row in rows:
        drawn.add_row(*(escape(_text(cell)) for cell in row))
    return drawn


def print_error(error: RegistryError) -> None:
    """Say what is wrong, where, and what to do."""
    console = stderr()
    console.print("[bold red]Error:[/] ", end="")
    console.print(error.message, markup=False)
    if error.file:
        console.print(f"  where: {error.file}{f', line {error.line}' if error.line else ''}", markup=False)
    if error.remedy:
        console.print(f"  what to do: {error.remedy}", markup=False)


def _text(cell: object) -> str:
    if cell is None:
        return "—"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)
