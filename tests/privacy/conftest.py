"""The small home that the tests of ingest use, here too."""

from tests.pipeline.conftest import bench

__all__ = ["bench"]
