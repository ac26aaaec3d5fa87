"""The SQL project's own unit tests of the adverse-event and durability models pass."""

from pathlib import Path

import pytest

from registry_pipeline.warehouse.plan import project_path
from registry_pipeline.warehouse.project import Sources, open_project


@pytest.mark.slow
def test_what_goes_in_comes_out_as_the_files_say(sources: Sources, tmp_path: Path) -> None:
    files = sorted((project_path() / "tests").glob("test_*.yaml"))
    with open_project(sources, tmp_path) as context:
        result = context.test(tests=[str(file) for file in files])
    assert result.testsRun >= len(files) > 0
    assert result.wasSuccessful(), [str(test) for test, _ in (*result.failures, *result.errors)]
