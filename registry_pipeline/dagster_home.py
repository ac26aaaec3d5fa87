"""The Dagster instance of a home: its folder, its configuration, its first start.

What does not belong here: Dagster definitions, which are in defs/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_pipeline.content import content_path
from registry_pipeline.lake.atomic import write_text
from registry_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from dagster import DagsterInstance


def prepare_dagster_home(settings: Settings) -> Path:
    """Return the home's DAGSTER_HOME, with the shipped configuration if it has none of its own yet."""
    folder = settings.layout.dagster
    configuration = folder / "dagster.yaml"
    if not configuration.exists():
        write_text(configuration, content_path("dagster.yaml").read_text(encoding="utf-8"))
    return folder


def open_instance(settings: Settings) -> DagsterInstance:
    """Return the home's Dagster instance; opening it first in one process spares later ones a race on its tables."""
    from dagster import DagsterInstance  # noqa: PLC0415 - seconds to import; only Dagster's paths need it

    return DagsterInstance.from_config(str(prepare_dagster_home(settings)))


if __name__ == "__main__":
    open_instance(Settings())
