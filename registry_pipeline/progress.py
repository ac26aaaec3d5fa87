"""What a long stage says while it works; the CLI draws it, Dagster logs it, tests keep it silent."""

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of a stage. Never receives cell values."""

    def step(self, name: str, total: int | None = None) -> None:
        """Begin a step, of `total` units when that is known."""

    def advance(self, n: int = 1) -> None:
        """Say that `n` more units of the step are done."""

    def message(self, text: str) -> None:
        """Say one line that a person should see."""


class Silent:
    """Progress that nobody watches."""

    def step(self, name: str, total: int | None = None) -> None:
        """Begin a step."""

    def advance(self, n: int = 1) -> None:
        """Advance a step."""

    def message(self, text: str) -> None:
        """Say a line."""
