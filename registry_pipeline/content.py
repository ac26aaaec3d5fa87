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
