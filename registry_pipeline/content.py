"""Where contracts, feeds, reference vocabularies and SQL are found, in a clone and in an installed wheel alike."""

from pathlib import Path

from registry_pipeline.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent


def content_path(relative: str) -> Path:
    """Return the path of a content folder such as `data_contracts/tables` or `dbt_like_sql`.

    Raises:
        ConfigurationError: If neither the clone nor the wheel holds it.
    """
    for root in (_PACKAGE.parent, _PACKAGE / "_content"):
        if (found := root / relative).exists():
            return found
    raise ConfigurationError(
        f"The folder {relative} that ships with the registry is missing.", remedy="Install the package again."
    )


def reference_path(own_folder: Path | None, name: str) -> Path:
    """Return the file of a reference vocabulary: the deployment's own if it has one, else the shipped one."""
    own = own_folder / name if own_folder else None
    return own if own is not None and own.exists() else content_path("data_contracts/reference") / name
