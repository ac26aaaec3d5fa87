"""A replay judges what was refused anew, from the original bytes, and leaves the old judgement or the new one."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.content import content_path
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.receipts import Counts, Receipt, read_receipts
from registry_pipeline.release.history import file_history
from registry_pipeline.replay import REPLACED, UNCHANGED, Changes, ReplaySummary, replay
from tests.pipeline.conftest import COURSE_HEADER, COURSES, Workbench, course_line

MENDED = COURSES.replace(
    "tables: [{table: course}]",
    "tables: [{table: course, columns: {intent: {from: intent, values: {hope: induction}}}}]",
)


def csv(*lines: str) -> str:
    return "\n".join([COURSE_HEADER, *lines]) + "\n"


def receipts(bench: Workbench) -> list[Receipt]:
    return list(read_receipts(bench.settings.layout))


def contracts_of(folder: Path, version: str, edit: Callable[[str], str] = str) -> Path:
    """Write a copy of the shipped table contracts under a version of its own, `course` edited."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(content_path("data_contracts/tables"), folder)
    for file in folder.glob("*.odcs.yaml"):
        text = re.sub(r"(?m)^version: .*$", f"version: {version}", file.read_text(), count=1)
        file.write_text(edit(text) if file.name.startswith("course.") else text)
    return folder


def planned_up_to(limit: int) -> Callable[[str], str]:
    return lambda text: text.replace("{check: range, min: 1, max: 60}", f"{{check: range, min: 1, max: {limit}}}")


def counted(bench: Workbench) -> int:
    """Return how many rows lie in the lake files that the receipts count, which must be all there are."""
    home = bench.settings.layout
    files = {
        home.lake_file(table, *receipt.key, receipt.attempt)
        for receipt in receipts(bench)
        for table, counts in receipt.tables.items()
        if counts.n_accepted
    }
    return sum(pl.read_parquet(file, hive_partitioning=False).height for file in files)


def test_a_mended_feed_lets_the_refused_rows_in_and_says_what_changed(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2, intent="hope"), course_line(3, payer_type="gold")))
    (first,) = bench.ingest().receipts
    bench.feed(MENDED)
    (item,) = replay(bench.settings).replayed
    assert item.changes == Changes(n_newly_accepted=1, n_still_refused=1, n_newly_refused=0)
    (receipt,) = receipts(bench)
    assert receipt == item.after
    assert (receipt.attempt, receipt.counts) == (2, Counts(3, 2, 1, 0))
    assert receipt.rules == {"course.payer_type_allowed": 1}
    assert (receipt.arrival_no, receipt.received_at) == (first.arrival_no, first.received_at)
    assert [attempt.counts for attempt in receipt.attempts] == [Counts(3, 1, 2, 0), Counts(3, 2, 1, 0)]


def test_the_attempt_that_counts_has_its_own_files_and_the_lake_keeps_no_other(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2, intent="hope"), course_line(3, payer_type="gold")))
    bench.ingest()
    bench.feed(MENDED)
    replay(bench.settings)
    assert [file.suffixes for file in sorted((bench.home / "lake").rglob("*.parquet"))] == [[".2", ".parquet"]]
    assert bench.lake("course").height == counted(bench) == 2
    assert len(list((bench.home / "quarantine").rglob("*.parquet"))) == 2


def test_a_dry_run_says_the_same_and_writes_nothing(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2, intent="hope")))
    bench.ingest()
    bench.feed(MENDED)
    before = receipts(bench)
    files = sorted(path for path in bench.home.rglob("*") if "work" not in path.relative_to(bench.home).parts)
    (would,) = replay(bench.settings, dry_run=True).replayed
    assert receipts(bench) == before
    assert sorted(path for path in bench.home.rglob("*") if "work" not in path.relative_to(bench.home).parts) == files
    (did,) = replay(bench.settings).replayed
    assert would.changes == did.changes


def test_under_the_same_rules_nothing_is_judged_again_and_that_is_said(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1, intent="hope")))
    bench.ingest()
    summary = replay(bench.settings)
    assert summary.replayed == []
    assert [skipped.why for skipped in summary.skipped] == [UNCHANGED]


def test_a_delivery_without_refused_records_is_not_looked_at(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1)))
    bench.ingest()
    bench.feed(MENDED)
    assert replay(bench.settings) == ReplaySummary()


def test_a_snapshot_that_a_later_one_replaced_is_left_as_it_is(bench: Workbench) -> None:
    os.utime(bench.drop("course_1.csv", csv(course_line(1, intent="hope"))), (1, 1))
    bench.drop("course_2.csv", csv(course_line(1), course_line(2, intent="hope")))
    bench.ingest()
    bench.feed(MENDED)
    summary = replay(bench.settings)
    assert [item.after.file_name for item in summary.replayed] == ["course_2.csv"]
    assert [(skipped.receipt.file_name, skipped.why) for skipped in summary.skipped] == [("course_1.csv", REPLACED)]


def test_only_the_deliveries_of_the_rule_or_clinic_asked_for_are_judged_again(bench: Workbench) -> None:
    bench.feed(COURSES.replace("snapshot", "incremental"))
    bench.feed(COURSES, clinic_id="C002")
    bench.drop("course_1.csv", csv(course_line(1, intent="hope")))
    bench.drop("course_2.csv", csv(course_line(2, payer_type="gold")))
    bench.drop("course_3.csv", csv(course_line(3, intent="hope")), clinic_id="C002")
    bench.ingest()
    bench.feed(MENDED.replace("snapshot", "incremental"))
    bench.feed(MENDED, clinic_id="C002")

    def names(**only: str) -> list[str]:
        return [item.after.file_name for item in replay(bench.settings, dry_run=True, **only).replayed]

    assert names(rule_id="course.payer_type_allowed") == ["course_2.csv"]
    assert names(clinic_id="C002") == ["course_3.csv"]
    assert names(clinic_id="C001", rule_id="course.intent_allowed") == ["course_1.csv"]


def test_a_rule_that_spans_tables_needs_no_replay_and_that_is_said(bench: Workbench) -> None:
    with pytest.raises(ConfigurationError, match="judges it afresh"):
        replay(bench.settings, rule_id="session.course_id_orphan")


def test_a_rule_that_nobody_knows_is_named(bench: Workbench) -> None:
    with pytest.raises(ConfigurationError, match=r"course\.no_such_rule"):
        replay(bench.settings, rule_id="course.no_such_rule")


def test_a_delivery_refused_whole_is_judged_again(bench: Workbench) -> None:
    bench.drop(
        "course.csv", COURSE_HEADER + ",note\n" + course_line(1) + ",x\n" + course_line(2, intent="hope") + ",x\n"
    )
    bench.ingest()
    bench.feed(COURSES.rstrip() + "\n    ignore: [note]\n")
    (item,) = replay(bench.settings, rule_id="delivery.unmapped_column").replayed
    assert item.changes == Changes(n_newly_accepted=1, n_still_refused=1, n_newly_refused=0)
    assert item.before.refusal is not None
    assert [attempt.status for attempt in item.after.attempts] == ["refused", "partial"]


def test_the_night_that_retries_a_refused_delivery_keeps_its_place_among_the_arrivals(bench: Workbench) -> None:
    bench.feed(COURSES.replace("snapshot", "incremental"))
    os.utime(bench.drop("course_1.csv", COURSE_HEADER + ",note\n" + course_line(1) + ",x\n"), (1, 1))
    bench.drop("course_2.csv", csv(course_line(1, intent="rescue")))
    bench.ingest()
    bench.feed(COURSES.replace("snapshot", "incremental").rstrip() + "\n    ignore: [note]\n")
    (again,) = bench.ingest().receipts
    assert (again.file_name, again.arrival_no, again.attempt) == ("course_1.csv", 1, 2)


def test_a_replayed_delivery_does_not_overtake_a_later_correction(bench: Workbench) -> None:
    bench.feed(COURSES.replace("snapshot", "incremental"))
    os.utime(bench.drop("course_1.csv", csv(course_line(1, intent="hope"))), (1, 1))
    bench.drop("course_2.csv", csv(course_line(1, intent="rescue")))
    bench.ingest()
    bench.feed(MENDED.replace("snapshot", "incremental"))
    replay(bench.settings)
    assert [(found.file_name, found.arrival_no) for found in receipts(bench)] == [
        ("course_1.csv", 1),
        ("course_2.csv", 2),
    ]


def test_lines_that_a_replay_newly_refuses_are_counted_apart(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2, payer_type="gold"), course_line(3)))
    bench.ingest()
    bench.feed(MENDED.replace("hope: induction", "induction: hope"))
    (item,) = replay(bench.settings).replayed
    assert item.changes == Changes(n_newly_accepted=0, n_still_refused=1, n_newly_refused=2)


def test_a_delivery_that_a_replay_refuses_whole_counts_all_it_had_as_newly_refused(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2), course_line(3, intent="hope")))
    bench.ingest()
    bench.feed(COURSES.replace("table: course}", "table: course, columns: {intent: {from: zweck}}}"))
    (item,) = replay(bench.settings).replayed
    assert item.after.status == "refused"
    assert item.changes == Changes(n_newly_accepted=0, n_still_refused=1, n_newly_refused=2)
    assert not list((bench.home / "lake").rglob("*.parquet"))


@pytest.mark.parametrize("trouble", ["gone", "changed"])
def test_a_file_that_is_gone_or_changed_is_reported_and_the_others_go_on(bench: Workbench, trouble: str) -> None:
    bench.feed(COURSES.replace("snapshot", "incremental"))
    path = bench.drop("course_1.csv", csv(course_line(1, intent="hope")))
    bench.drop("course_2.csv", csv(course_line(2, intent="hope")))
    bench.ingest()
    bench.feed(MENDED.replace("snapshot", "incremental"))
    path.unlink() if trouble == "gone" else path.write_text(csv(course_line(9)))
    summary = replay(bench.settings)
    assert [item.after.file_name for item in summary.replayed] == ["course_2.csv"]
    (problem,) = summary.problems
    assert isinstance(problem, ConfigurationError)
    assert problem.file == str(path)
    assert problem.remedy


@pytest.mark.slow
def test_the_history_of_a_row_spans_a_contract_bump(bench: Workbench, tmp_path: Path) -> None:
    header = COURSE_HEADER + ",planned_sessions"
    bench.drop("course.csv", f"{header}\n{course_line(1)},30\n{course_line(2)},70\n{course_line(3)},700\n")
    rules = contracts_of(tmp_path / "rules", "20.0.0", planned_up_to(60))
    bench.settings = bench.settings.model_copy(update={"contracts": rules})
    bench.ingest()
    contracts_of(rules, "20.1.0", planned_up_to(99))
    replay(bench.settings)
    columns, rows = file_history(bench.settings, "C001", "course.csv")
    kept = ("line", "attempt", "contract_version", "outcome", "rule_id")
    assert [tuple(row[columns.index(name)] for name in kept) for row in rows] == [
        (3, 1, "20.0.0", "refused", "course.planned_sessions_range"),
        (3, 2, "20.1.0", "accepted", None),
        (4, 1, "20.0.0", "refused", "course.planned_sessions_range"),
        (4, 2, "20.1.0", "refused", "course.planned_sessions_range"),
    ]
    assert [row[columns.index("line")] for row in file_history(bench.settings, "C001", "course.csv", 4)[1]] == [4, 4]


def test_the_history_of_a_file_refused_whole_tells_of_the_file_and_of_its_lines(bench: Workbench) -> None:
    bench.drop(
        "course.csv", COURSE_HEADER + ",note\n" + course_line(1) + ",x\n" + course_line(2, intent="hope") + ",x\n"
    )
    bench.ingest()
    bench.feed(COURSES.rstrip() + "\n    ignore: [note]\n")
    replay(bench.settings)
    columns, rows = file_history(bench.settings, "C001", "course.csv")
    kept = ("line", "attempt", "outcome", "rule_id")
    assert [tuple(row[columns.index(name)] for name in kept) for row in rows] == [
        (None, 1, "refused", "delivery.unmapped_column"),
        (None, 2, "accepted", None),
        (3, 1, "refused", "delivery.unmapped_column"),
        (3, 2, "refused", "course.intent_allowed"),
    ]


def _killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call that changes the disk for good count, and the run die at the given one."""
    calls = 0

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        return call

    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


@pytest.mark.slow
def test_killed_at_any_step_a_replay_leaves_the_old_judgement_or_the_new_one_whole(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2, intent="hope"), course_line(3, payer_type="gold")))
    (old,) = bench.ingest().receipts
    bench.feed(MENDED)
    seen: set[int] = set()
    for step in range(1, 100):
        with monkeypatch.context() as patch:
            _killed_at(step, patch)
            try:
                replay(bench.settings)
            except KeyboardInterrupt:
                pass
            else:
                break
        (receipt,) = receipts(bench)
        assert counted(bench) == receipt.counts.n_accepted
        seen.add(receipt.attempt)
        if receipt.attempt == 1:
            assert receipt == old
        else:
            # Put back as it was, to die one step later next time.
            shutil.rmtree(bench.home / "lake")
            shutil.rmtree(bench.home / "quarantine")
            shutil.rmtree(bench.home / "receipts")
            bench.feed()
            (old,) = bench.ingest().receipts
            bench.feed(MENDED)
    assert seen == {1, 2}
    assert counted(bench) == bench.lake("course").height == 2


def test_a_replay_is_followed_by_erasing_what_it_brought_back(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def erase(*_: object) -> list[ConfigurationError]:
        seen.append(receipts(bench)[0].attempt)
        return [ConfigurationError("Look at this.")]

    monkeypatch.setattr("registry_pipeline.withdrawal.night.apply_withdrawals", erase)
    bench.drop("course.csv", csv(course_line(1, intent="hope")))
    bench.ingest()
    bench.feed(MENDED)
    replay(bench.settings, dry_run=True)
    assert seen == []
    assert [str(problem) for problem in replay(bench.settings).problems] == ["Look at this."]
    assert seen == [2]
