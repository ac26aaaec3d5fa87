"""The notebook's cells run on a release. marimo itself is not needed: what the cells use of it is stood in for."""

import inspect
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.docs.pages import ANALYST

NOTEBOOK = ANALYST / "notebook.py"


class App:
    """Runs cells in the order of the file, and hands each what it asks for by name."""

    def __init__(self, **_options: Any) -> None:
        self.cells: list[Callable[..., tuple[Any, ...]]] = []

    def cell(self, function: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
        self.cells.append(function)
        return function

    def run(self) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for cell in self.cells:
            given = {name: known[name] for name in inspect.signature(cell).parameters}
            *_, last = inspect.getsource(cell).strip().splitlines()
            names = last.strip().removeprefix("return").strip(" (),").split(", ")
            known |= dict(zip(names, cell(**given), strict=True))
        return known


@pytest.fixture
def known(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what every cell of the notebook has made."""
    marimo = ModuleType("marimo")
    marimo.App, marimo.md = App, str  # type: ignore[attr-defined]
    marimo.ui = SimpleNamespace(dropdown=SimpleNamespace)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    monkeypatch.setenv("REGISTRY_HOME", str(home))
    made: dict[str, Any] = runpy.run_path(str(NOTEBOOK))["app"].run()
    yield made
    made["connection"].close()


@pytest.mark.slow
def test_every_cell_runs_on_a_release(known: dict[str, Any]) -> None:
    assert known["responders"].height == 4
    assert known["events"]["rate"].is_sorted(descending=True)
    assert set(known["definitions"]["mart"]) == {"response_rates"}
    assert "uncontrolled" in known["caveats"]


@pytest.mark.slow
def test_its_charts_can_be_drawn_and_show_no_hidden_row(known: dict[str, Any]) -> None:
    (shown,) = known["forest"].to_dict()["datasets"].values()
    assert len(shown) == 3
    assert known["events_chart"].to_dict()["mark"]["type"] == "bar"
