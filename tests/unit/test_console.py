"""What tables on the console look like."""

from io import StringIO

import pytest
from rich.console import Console

from registry_pipeline.console import table


@pytest.mark.parametrize(
    ("cell", "text"),
    [(6745, "6,745"), (6745.0, "6,745"), (0.172, "0.172"), (1234.5, "1,234.5"), (None, "—"), (True, "yes")],
)
def test_a_whole_number_looks_like_one_whatever_its_type(cell: object, text: str) -> None:
    said = StringIO()
    Console(width=40, file=said).print(table(None, ["n"], [[cell]]))
    assert f" {text} " in said.getvalue()
