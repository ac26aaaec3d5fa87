"""Runs the examples of a page and writes down what they answer.

`python -m tests.docs.pages` writes the answers into the pages anew.
"""

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests.docs.example_registry import write_example

ANALYST = Path(__file__).resolve().parents[2] / "docs/analyst"
QUESTIONS, PYTHON = ANALYST / "questions.md", ANALYST / "python.md"

_SQL = re.compile(r"```sql\n(.*?)```\n(?:\n(?:\|[^\n]*\n)+)?", re.DOTALL)
_PYTHON = re.compile(r"```python\n(.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


def with_answers(page: Path, home: Path) -> str:
    """Return the page with each example followed by its answer, as the release in `home` gives it."""
    text = page.read_text(encoding="utf-8")
    if page == QUESTIONS:
        with duckdb.connect(str(home / "current/registry.duckdb"), read_only=True) as connection:
            return _SQL.sub(lambda match: f"```sql\n{match[1]}```\n\n{_table(connection, match[1])}", text)
    return _PYTHON.sub(_python_runner(home), text)


def _table(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    result = connection.execute(sql)
    names = [column[0] for column in result.description]
    lines = [names, ["---"] * len(names), *([_cell(value) for value in row] for row in result.fetchall())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _python_runner(home: Path) -> Callable[[re.Match[str]], str]:
    known: dict[str, Any] = {}

    def run(match: re.Match[str]) -> str:
        said = io.StringIO()
        with contextlib.chdir(home), contextlib.redirect_stdout(said):
            exec(match[1], known)  # noqa: S102 - the page is ours
        answer = f"\n```text\n{said.getvalue()}```\n" if said.getvalue() else ""
        return f"```python\n{match[1]}```\n{answer}"

    return run


def main() -> None:
    """Write the answers into both pages."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "current").mkdir()
        write_example(home / "current")
        for page in (QUESTIONS, PYTHON):
            page.write_text(with_answers(page, home), encoding="utf-8")


if __name__ == "__main__":
    main()
