"""`registry replay` and `registry history` say in plain words what happened and what to do next."""

import pytest
from typer.testing import CliRunner

from registry_pipeline.cli import app
from tests.pipeline.conftest import COURSE_HEADER, COURSES, Workbench, course_line

CANARY = "canary7f3a"


@pytest.fixture
def mended(bench: Workbench) -> Workbench:
    """Return a home with refused records, and a feed that has been mended since."""
    lines = [course_line(1), course_line(2, intent=CANARY), course_line(3, payer_type=CANARY)]
    bench.drop("course.csv", "\n".join([COURSE_HEADER, *lines]) + "\n")
    bench.ingest()
    words = f"table: course, columns: {{intent: {{from: intent, values: {{{CANARY}: induction}}}}}}"
    bench.feed(COURSES.replace("table: course", words))
    return bench


def said(bench: Workbench, command: str, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [command, "--home", str(bench.home), *options])
    assert CANARY not in result.output
    return result.exit_code, " ".join(result.output.split())


def test_a_replay_says_what_changed_and_what_comes_next(mended: Workbench) -> None:
    code, text = said(mended, "replay")
    assert code == 0
    assert "course.payer_type_allowed 1" in text
    assert "Next: registry run" in text


def test_a_dry_run_says_that_nothing_is_changed(mended: Workbench) -> None:
    code, text = said(mended, "replay", "--dry-run")
    assert code == 0
    assert "nothing is changed" in text
    assert "without --dry-run" in text


def test_newly_refused_lines_are_shouted(mended: Workbench) -> None:
    mended.feed(COURSES.replace("table: course", "table: course, columns: {end_reason: {constant: other_reason}}"))
    code, text = said(mended, "replay", "--dry-run")
    assert code == 0
    assert "LOOK: 1 lines of C001/course.csv that were accepted would be refused now" in text


def test_a_home_with_nothing_refused_has_nothing_to_replay(bench: Workbench) -> None:
    assert said(bench, "replay") == (0, "Nothing to replay: no such delivery has refused records.")


def test_a_missing_file_ends_with_a_problem_and_its_exit_code(mended: Workbench) -> None:
    (mended.home / "landing" / "C001" / "course.csv").unlink()
    code, text = said(mended, "replay")
    assert code == 2
    assert "no longer in landing" in text


def test_the_history_of_a_file_shows_every_attempt(mended: Workbench) -> None:
    said(mended, "replay")
    code, text = said(mended, "history", "--clinic", "C001", "--file", "course.csv")
    assert code == 0
    assert text.count("course.payer_type_allowed") == 2
    assert text.count("course.intent_allowed") == 1
    assert "accepted" in text


def test_the_history_of_a_line_that_was_never_refused_says_so(mended: Workbench) -> None:
    code, text = said(mended, "history", "--clinic", "C001", "--file", "course.csv", "--line", "2")
    assert (code, text) == (0, "That line was never refused.")


def test_the_history_of_a_file_that_nobody_sent_names_it(mended: Workbench) -> None:
    code, text = said(mended, "history", "--clinic", "C001", "--file", "curse.csv")
    assert code == 2
    assert "curse.csv" in text
