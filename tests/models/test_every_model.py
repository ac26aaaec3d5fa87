"""Every model has a test that names it."""

import re
from pathlib import Path

import pytest

from registry_pipeline.warehouse.plan import project_path

TESTS = Path(__file__).resolve().parents[1]
MODELS = sorted(
    f"{schema}.{file.stem}"
    for schema in ("intermediate", "marts")
    for file in (project_path() / "models" / schema).iterdir()
    if file.suffix in {".sql", ".py"}
)
TEXT = "".join(
    file.read_text(encoding="utf-8") for folder in ("models", "oracles") for file in (TESTS / folder).glob("*.py")
)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_a_test_that_names_it(model: str) -> None:
    assert re.search(rf"\b{re.escape(model)}\b", TEXT)
