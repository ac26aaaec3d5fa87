"""Every example of docs/how-to/map-a-feed.md is a feed that loads."""

import re
import textwrap
from pathlib import Path

import pytest

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.feeds.load import load_feed
from registry_pipeline.feeds.units import convertible
from registry_pipeline.settings import Settings
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/map-a-feed.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
HEAD = "clinic_id: C901\nversion: 1.0.0\nclinic_type: pain\n{method}\nfiles:\n  - pattern: x\n    format: csv\n    mode: snapshot\n    tables:\n"
WORDS = "from constant template values sum_of count_of unit weight minus dates where any_filled lookup unpivot ignore"


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_loads(example: str, contracts: Contracts, tmp_path: Path) -> None:
    file = tmp_path / "C901.yaml"
    if not example.startswith("clinic_id"):
        method = re.search(r"deid_method: \w+", example)
        head = HEAD.format(method=method.group() if method else "deid_method: safe_harbor")
        example = head + textwrap.indent(example, " " * 6)
    file.write_text(example, encoding="utf-8")
    assert load_feed(file, contracts).files[0].tables


def test_each_word_has_an_example() -> None:
    text = "\n".join(EXAMPLES)
    assert [word for word in WORDS.split() if f"{word}:" not in text] == []


def test_the_table_of_units_is_the_one_in_force() -> None:
    listed = dict(
        re.findall(r"^\| ([a-z/]+) \| (.+) \|$", PAGE.split("### Units")[1].split("```")[0], flags=re.MULTILINE)
    )
    listed.pop("into")
    assert {into: set(re.sub(r" \(.*?\)", "", sources).split(", ")) for into, sources in listed.items()} == {
        into: set(convertible(into)) for into in listed
    }
