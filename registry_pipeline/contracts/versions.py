"""Which version number a change of the contracts asks for.

What belongs here: the promise behind the numbers. What does not: finding the changes (`diff.py`).
"""

from collections.abc import Sequence

from registry_pipeline.content import content_path
from registry_pipeline.contracts.diff import Change, diff_contracts
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import ContractError
from registry_pipeline.settings import Settings


def released_contracts(settings: Settings) -> Contracts:
    """Return the contracts as clinics and analysts last got them, from `data_contracts/released`."""
    released = content_path("data_contracts/released")
    paths = {"contracts": released / "tables", "reference": released / "reference"}
    return load_contracts(Settings(**{**settings.model_dump(), **paths}))


def least_version(released: str, changes: Sequence[Change]) -> str:
    """Return the lowest version that `changes` to the released version allow.

    A breaking change asks for the next major version, any other for the next minor one, none for none.
    """
    major, minor, _ = (int(part) for part in released.split("."))
    if any(change.kind == "breaking" for change in changes):
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if changes else released


def check_version(released: Contracts, current: Contracts) -> None:
    """Check that the version says what became of the contracts since they were released.

    Raises:
        ContractError: If a change asks for a higher version than the contracts have.
    """
    changes = diff_contracts(released, current)
    least = least_version(released.version, changes)
    if _parts(current.version) < _parts(least):
        n_breaking = sum(change.kind == "breaking" for change in changes)
        raise ContractError(
            f"The table contracts are version {current.version}, but {n_breaking} breaking and "
            f"{len(changes) - n_breaking} compatible changes since {released.version} ask for {least} at least.",
            remedy="See them with `registry contracts diff`, then raise the version in every table contract.",
            file=next(iter(current.tables.values())).rules[0].source.file.parent,
        )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
