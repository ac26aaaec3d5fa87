"""What docs/analyst shows is what a release answers; `python -m tests.docs.pages` writes the answers anew."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PYTHON, QUESTIONS, with_answers


@pytest.mark.parametrize("page", [QUESTIONS, PYTHON], ids=lambda page: page.stem)
@pytest.mark.slow
def test_every_example_answers_what_the_page_shows(page: Path, home: Path) -> None:
    assert with_answers(page, home) == page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_there_are_ten_questions_and_each_has_sql_and_an_answer() -> None:
    _, *questions = QUESTIONS.read_text(encoding="utf-8").split("\n## ")
    assert [question.split(".")[0] for question in questions] == [str(number) for number in range(1, 11)]
    assert all(re.search(r"```sql\n.+?```\n\n\|.+\|\n\| ---.+\n\| ", text, re.DOTALL) for text in questions)
