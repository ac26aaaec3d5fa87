"""The example release that the pages of docs/analyst are run on."""

from pathlib import Path

import pytest

from tests.docs.example_registry import write_example


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like a registry home, whose `current` holds the example release."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "current").mkdir()
    write_example(folder / "current")
    return folder
