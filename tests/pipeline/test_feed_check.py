"""`registry feed check` and `registry feed infer` as a data manager meets them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from registry_pipeline.cli import app
from tests.pipeline.conftest import COURSE_HEADER, Workbench, course_line

CANARY = "zzcanary"


def registry(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def check(bench: Workbench, tmp_path: Path):
    def run(lines: list[str], *options: str, feed: str | None = None) -> Result:
        if feed is not None:
            bench.feed(feed)
        file = tmp_path / "course_1.csv"
        file.write_text("\n".join(lines) + "\n")
        return registry("feed", "check", bench.home / "feeds" / "C001.yaml", file, *options)

    return run


def test_a_clean_file_exits_0_and_says_what_to_do_next(check) -> None:
    result = check([COURSE_HEADER, course_line(1)])
    assert result.exit_code == 0
    assert "Columns: 8 of 8 mapped" in result.output
    assert "landing/C001/course_1.csv" in result.output


def test_refused_records_are_shown_by_rule_with_lines_and_without_values(check) -> None:
    result = check([COURSE_HEADER, course_line(1), course_line(2, intent=CANARY), course_line(3, intent=CANARY)])
    assert result.exit_code == 0
    assert "course.intent_allowed" in result.output
    assert "3, 4" in result.output
    assert "Mend what the reasons above say" in result.output
    assert CANARY not in result.output


def test_every_unmapped_column_is_shown_with_the_nearest_of_the_contract(check) -> None:
    result = check([COURSE_HEADER.replace("intent", "intnt") + ",mystery", course_line(1) + ",x"])
    assert result.exit_code == 2
    assert "NOT MAPPED; nearest: course.intent" in result.output
    assert "mystery" in result.output
    assert "delivery.unmapped_column" in result.output


def test_a_column_that_announces_an_identifier_is_shown_as_such(check) -> None:
    result = check([COURSE_HEADER + ",first_name", course_line(1) + f",{CANARY}"])
    assert result.exit_code == 2
    assert "MUST NOT BE SENT" in result.output
    assert CANARY not in result.output


def test_a_file_without_a_header_shows_none_of_its_cells(check) -> None:
    result = check([f"{CANARY},1", f"{CANARY},2"])
    assert result.exit_code == 2
    assert CANARY not in result.output


def test_json_says_the_same_to_a_program(check) -> None:
    result = check([COURSE_HEADER, course_line(1), course_line(2, intent=CANARY)], "--json")
    data = json.loads(result.output)
    assert data["would_be"] == "partial"
    assert data["tables"]["course"]["n_accepted"] == 1
    assert data["rules"][0] | {"reason": ""} == {
        "rule_id": "course.intent_allowed",
        "severity": "reject",
        "n_findings": 1,
        "lines": [3],
        "reason": "",
    }
    assert {column["use"] for column in data["columns"]} == {"mapped"}
    assert CANARY not in result.output


def test_each_use_of_a_column_is_told(check) -> None:
    header = "event,week,reason,id,pid,note"
    feed = """
  - pattern: "course*.csv"
    format: csv
    mode: snapshot
    ignore: ["n*"]
    tables:
      - table: course
        where: {event: [start]}
        columns:
          course_id: {template: "K-{id}"}
          patient_id: pid
          course_no: {constant: 1}
          intent: {constant: induction}
          target_dx_seq: {constant: 1}
          start_day: {from: week, unit: weeks}
          payer_type: {constant: self}
        lookup: {reason: {ok: {end_reason: completed}, gone: {end_reason: lost}}}
"""
    data = json.loads(check([header, "start,0,ok,7,p,x"], "--json", feed=feed).output)
    assert {column["name"]: (column["use"], *column["becomes"]) for column in data["columns"]} == {
        "event": ("mapped", "says whether a row is of course"),
        "week": ("mapped", "course.start_day (weeks)"),
        "reason": ("mapped", "looked up for course.end_reason"),
        "id": ("mapped", "course.course_id (in its text)"),
        "pid": ("mapped", "course.patient_id"),
        "note": ("ignored",),
    }


def test_repeated_patient_attributes_are_taken_once_and_counted_as_duplicates(check) -> None:
    rows = [course_line(1), course_line(1), course_line(1), course_line(2)]
    data = json.loads(check([COURSE_HEADER, *rows], "--json").output)
    assert data["tables"]["course"] == {"n_records": 4, "n_accepted": 2, "n_quarantined": 0, "n_duplicate": 2}


def test_a_draft_is_written_where_it_is_wanted_and_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "course_1.csv"
    file.write_text(f"{COURSE_HEADER}\n{course_line(1)}\n")
    out = tmp_path / "C009.yaml"
    result = registry("feed", "infer", file, "--clinic", "C009", "--type", "pain", "--out", out)
    assert result.exit_code == 0
    assert f"registry feed check {out}" in result.output
    assert registry("feed", "check", out, file).exit_code == 0
    assert registry("feed", "infer", file, "--out", out).exit_code == 2
    assert "clinic_id: C999  # check:" in registry("feed", "infer", file).output
