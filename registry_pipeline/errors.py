"""Every error a user may meet, each with its exit code and a remedy.

What belongs here: exception classes. What does not: the code that raises or prints them, and cell values, which
never enter an exception.
"""

from pathlib import Path
from typing import ClassVar


class RegistryError(Exception):
    """An error that a person can act on.

    Args:
        message: What is wrong, naming the thing (file, clinic, column, rule), never a cell value.
        remedy: What to do next, as an imperative sentence.
        file: The file concerned, when there is one.
        line: The line in that file, counted from 1.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, remedy: str = "", file: Path | str | None = None, line: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.file = str(file) if file is not None else None
        self.line = line

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{remedy}"


class ConfigurationError(RegistryError):
    """A setting, a path or a piece of content is missing or wrong."""

    exit_code = 2


class ContractError(ConfigurationError):
    """A data contract cannot be read, or a rule in it cannot be compiled."""


class FeedError(ConfigurationError):
    """A feed cannot be read, or it maps to something the contract does not have."""


class DeliveryRefusedError(RegistryError):
    """One delivery cannot be taken at all; the others go on.

    Args:
        rule_id: The rule that refuses it, as it appears in the quarantine (`delivery.unmapped_column`).
    """

    def __init__(self, rule_id: str, message: str, *, remedy: str = "", line: int | None = None) -> None:
        super().__init__(message, remedy=remedy, line=line)
        self.rule_id = rule_id


class ReconciliationError(RegistryError):
    """Records read and records accounted for differ: a fault of ours, and the delivery is not committed."""


class StorageError(RegistryError):
    """The disk is full or a file of the home cannot be written."""


class BuildError(RegistryError):
    """The warehouse could not be built from the lake."""


class GateRefusedError(RegistryError):
    """A check on marts or disclosure failed, so nothing was published and the previous release stays."""

    exit_code = 3


class LockHeldError(RegistryError):
    """Another run is working in this home."""

    exit_code = 4


class FilePendingError(RegistryError):
    """A file is still being written; the next run takes it. Normal, hence exit code 0."""

    exit_code = 0


class RefusedConsentError(RegistryError):
    """A consent record that was refused may be a withdrawal. The run goes on, hence exit code 0; a person must look."""

    exit_code = 0
