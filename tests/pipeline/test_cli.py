"""The command line answers at once, says what is wrong and what to do, and ends with the right exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from registry_pipeline.cli import app
from registry_pipeline.errors import GateRefusedError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.lake.paths import Home
from tests.conftest import ROOT
from tests.pipeline.conftest import COURSE_HEADER, COURSES, Workbench, course_line

CANARY = "zz-canary-5551234"
HEAVY = ("polars", "duckdb", "dagster", "sqlmesh", "pandas", "great_expectations", "pydantic", "rich.table")
COMMANDS = ("demo", "simulate", "run", "status", "quarantine", "query", "contracts", "feed")


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_SETTLE_SECONDS", "0")


def registry(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_lists_every_command_and_exits_0() -> None:
    result = registry("--help")
    assert result.exit_code == 0
    assert all(f"  {command} " in result.output for command in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    script = f"import sys, registry_pipeline.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--no-such-option"),
        ("no-such-command",),
        ("query",),
        ("simulate", "--clinics", "0"),
        ("feed", "check", "no.yaml", "no.csv"),
    ],
)
def test_a_usage_error_exits_2(arguments: tuple[str, ...]) -> None:
    assert registry(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["run", "status", "quarantine"])
def test_a_missing_home_is_named_with_a_remedy_and_exits_2(command: str, tmp_path: Path) -> None:
    result = registry(command, "--home", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "This registry home does not exist." in result.stderr
    assert str(tmp_path / "nowhere") in result.stderr.replace("\n", "")
    assert "what to do" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_missing_landing_folder_exits_2(tmp_path: Path) -> None:
    result = registry("run", "--home", tmp_path)
    assert result.exit_code == 2
    assert "landing" in result.stderr


def test_a_missing_folder_of_feeds_exits_2(tmp_path: Path) -> None:
    assert registry("run", "--home", tmp_path, "--feeds", tmp_path / "none").exit_code == 2


def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_THREADS", CANARY)
    result = registry("status", "--home", tmp_path)
    assert result.exit_code == 2
    assert "REGISTRY_THREADS" in result.stderr
    assert CANARY not in result.output


def test_a_refused_gate_exits_3(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GateRefusedError("A mart breaks its contract.", remedy="The previous release stays.")

    bench.drop("course_1.csv", "x")
    monkeypatch.setattr("registry_pipeline.nightly.run_nightly", refuse)
    result = registry("run", "--home", bench.home)
    assert result.exit_code == 3
    assert "The previous release stays." in result.stderr


def test_a_held_lock_exits_4(bench: Workbench) -> None:
    bench.drop("course_1.csv", "x")
    with exclusive(bench.settings.layout.lock):
        result = registry("run", "--home", bench.home)
    assert result.exit_code == 4
    assert "Another run" in result.stderr


def test_an_unexpected_error_exits_1_with_a_log_that_holds_no_value(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise RuntimeError(f"could not convert {CANARY}") from error

    bench.drop("course_1.csv", "x")
    monkeypatch.setattr("registry_pipeline.nightly.run_nightly", fail)
    result = registry("run", "--home", bench.home)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert CANARY not in result.output
    log = next((bench.home / "work" / "logs").iterdir())
    assert str(log) in result.stderr.replace("\n", "")
    text = log.read_text()
    assert "RuntimeError at work.py" in text
    assert "ValueError at test_cli.py" in text
    assert CANARY not in text


def test_a_query_without_a_release_says_how_to_get_one(tmp_path: Path) -> None:
    result = registry("query", "--home", tmp_path, "select 1")
    assert result.exit_code == 2
    assert "registry run" in result.stderr


def test_status_shows_clinics_that_never_delivered(bench: Workbench) -> None:
    bench.feed()
    found = json.loads(registry("status", "--home", bench.home, "--json").stdout)
    assert found["release_id"] is None
    assert [(clinic["clinic_id"], clinic["is_late"]) for clinic in found["clinics"]] == [("C001", True)]
    assert "never delivered" in registry("status", "--home", bench.home).stdout


def test_status_counts_what_was_accepted_and_quarantined(bench: Workbench) -> None:
    bench.feed()
    bench.drop("course_1.csv", f"{COURSE_HEADER}\n{course_line(1)}\n{course_line(2, course_no='x')}\n")
    bench.ingest()
    found = json.loads(registry("status", "--home", bench.home, "--json").stdout)
    assert found["clinics"][0]["counts"] == {
        "n_records": 2,
        "n_accepted": 1,
        "n_quarantined": 1,
        "n_duplicate": 0,
    }
    assert found["clinics"][0]["is_late"] is False
    assert found["clinics"][0]["last_file"] == "course_1.csv"


def test_the_quarantine_names_rule_file_and_line_and_no_value(bench: Workbench) -> None:
    bench.feed()
    bench.drop("course_1.csv", f"{COURSE_HEADER}\n{course_line(1)}\n{course_line(2, course_no=CANARY)}\n")
    bench.ingest()
    result = registry("quarantine", "--home", bench.home)
    assert result.exit_code == 0
    assert "course.course_no_type: line 3" in result.stdout
    assert "C001/course_1.csv" in result.stdout
    found = json.loads(registry("quarantine", "--home", bench.home, "--json").stdout)
    assert [(item["rule_id"], item["file_name"], item["line"]) for item in found["findings"]] == [
        ("course.course_no_type", "course_1.csv", 3)
    ]
    assert found["by_rule"][0]["n_findings"] == 1
    assert CANARY not in result.stdout + json.dumps(found)


def test_the_quarantine_of_a_replaced_file_is_no_longer_something_to_fix(bench: Workbench) -> None:
    bench.feed()
    bench.drop("course_1.csv", f"{COURSE_HEADER}\n{course_line(2, course_no='x')}\n")
    bench.ingest()
    bench.drop("course_2.csv", f"{COURSE_HEADER}\n{course_line(2)}\n")
    bench.ingest()
    found = json.loads(registry("quarantine", "--home", bench.home, "--json").stdout)
    assert found["by_rule"] == []
    assert [item["is_replaced"] for item in found["findings"]] == [True]


def test_a_refused_file_shows_its_reason_in_the_quarantine(bench: Workbench) -> None:
    bench.feed()
    bench.drop("course_1.csv", f"{COURSE_HEADER},surprise\n{course_line(1)},1\n")
    bench.ingest()
    output = registry("quarantine", "--home", bench.home).stdout
    assert "delivery.unmapped_column" in output
    assert "`surprise`" in " ".join(output.split())


def test_the_quarantine_can_be_asked_for_one_clinic(bench: Workbench) -> None:
    for clinic_id in ("C001", "C002"):
        bench.feed(clinic_id=clinic_id)
        bench.drop("course_1.csv", f"{COURSE_HEADER}\n{course_line(2, course_no='x')}\n", clinic_id)
        bench.ingest()
    found = json.loads(registry("quarantine", "--home", bench.home, "--clinic", "C002", "--json").stdout)
    assert {item["clinic_id"] for item in found["findings"]} == {"C002"}


def test_feed_check_shows_columns_and_counts_and_keeps_nothing(bench: Workbench, tmp_path: Path) -> None:
    bench.feed()
    file = tmp_path / "course_9.csv"
    file.write_text(f"{COURSE_HEADER}\n{course_line(1)}\n{course_line(2, course_no='x')}\n")
    result = registry("feed", "check", bench.home / "feeds" / "C001.yaml", file)
    assert result.exit_code == 0
    assert "course.payer_type" in result.stdout
    assert "course.course_no_type: line 3" in result.stdout
    assert not Home(bench.home).receipts.exists()


def test_feed_check_marks_what_is_not_mapped(bench: Workbench, tmp_path: Path) -> None:
    bench.feed()
    file = tmp_path / "course_9.csv"
    file.write_text(f"{COURSE_HEADER},surprise\n{course_line(1)},1\n")
    result = registry("feed", "check", bench.home / "feeds" / "C001.yaml", file)
    assert "NOT MAPPED" in result.stdout
    assert "would be refused" in result.stdout


def test_feed_check_of_a_file_no_entry_takes_exits_2(bench: Workbench, tmp_path: Path) -> None:
    bench.feed(COURSES)
    file = tmp_path / "unknown.csv"
    file.write_text("a\n1\n")
    assert registry("feed", "check", bench.home / "feeds" / "C001.yaml", file).exit_code == 2


def test_contracts_that_say_the_same_have_no_difference() -> None:
    tables = ROOT / "data_contracts" / "tables"
    result = registry("contracts", "diff", tables, tables)
    assert result.exit_code == 0
    assert "say the same" in result.stdout


def test_contracts_docs_writes_the_dictionary(tmp_path: Path) -> None:
    assert registry("contracts", "docs", "--output", tmp_path / "dictionary.md").exit_code == 0
    assert "outcome_assessment" in (tmp_path / "dictionary.md").read_text()


@pytest.mark.slow
def test_lint_names_file_and_line_of_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "C001.yaml").write_text("clinic_id: C001\nversion: one\n")
    (tmp_path / "C002.yaml").write_text("clinic_id: nobody\n")
    result = registry("contracts", "lint", "--feeds", tmp_path)
    assert result.exit_code == 2
    assert "C001.yaml" in result.stderr
    assert "C002.yaml" in result.stderr


@pytest.mark.slow
def test_the_shipped_content_passes_lint() -> None:
    result = registry("contracts", "lint")
    assert result.exit_code == 0, result.stderr
