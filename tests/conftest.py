"""Fixtures that every kind of test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.warehouse_harness import project, sources, warehouse

__all__ = ["project", "shared", "sources", "warehouse"]

# Before pytest reads --hypothesis-profile.
settings.register_profile("fast", max_examples=settings().max_examples // 10)

ROOT = Path(__file__).resolve().parents[1]

# The SQL project is the same in every home of the tests, and to compile it takes half a minute.
os.environ.setdefault("REGISTRY_PLANS", str(ROOT / "build" / "plans"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of third-party data and oracles, which a clone alone does not have."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder of oracles and third-party data is absent")
    return folder
