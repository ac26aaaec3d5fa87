"""The SQL project's own unit tests of the adverse-event and durability models pass."""

import pytest

from registry_pipeline.content import content_path
from tests.warehouse_harness import Project


@pytest.mark.parametrize("name", ["test_ae_frequencies.yaml", "test_durability.yaml"])
def test_what_goes_in_comes_out_as_the_file_says(project: Project, name: str) -> None:
    result = project.context.test(tests=[str(content_path("dbt_like_sql/tests") / name)])
    assert result.testsRun > 0
    assert result.wasSuccessful(), [str(test) for test, _ in (*result.failures, *result.errors)]
