"""What becomes of a delivery: every record is accepted, quarantined or a duplicate, and the receipt says so."""

import errno
import json
import os

import polars as pl
import pytest

from registry_pipeline.errors import ConfigurationError, FeedError, FilePendingError, StorageError
from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.lake.current import live_deliveries
from registry_pipeline.lake.receipts import Counts, read_receipts
from tests.pipeline.conftest import COURSE_HEADER, COURSES, Workbench, course_line, patient_id


def csv(*lines: str) -> str:
    return "\n".join([COURSE_HEADER, *lines]) + "\n"


def test_a_clean_file_is_accepted_whole_and_typed(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2)))
    (receipt,) = bench.ingest().receipts
    assert (receipt.status, receipt.counts) == ("accepted", Counts(2, 2, 0, 0))
    lake = bench.lake("course")
    assert lake.schema["start_day"] == pl.Int32
    assert lake["line"].to_list() == [2, 3]
    assert lake["clinic_id"].unique().to_list() == ["C001"]


def test_the_same_bytes_again_are_a_no_op_under_any_name(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1)))
    bench.ingest()
    bench.drop("course_again.csv", csv(course_line(1)))
    assert bench.ingest().receipts == []


def test_each_bad_record_is_quarantined_with_its_line_and_rule_and_the_rest_is_kept(bench: Workbench) -> None:
    bench.drop(
        "course.csv",
        csv(
            course_line(1),
            course_line(2, intent="hope"),
            course_line(3, start_day="soon"),
            course_line(4, start_day=""),
            course_line(5) + ",surplus",
            course_line(6, end_reason='"lost'),
            course_line(7),
        ),
    )
    (receipt,) = bench.ingest().receipts
    assert bench.findings() == [
        (3, "course.intent_allowed"),
        (4, "course.start_day_type"),
        (5, "course.start_day_required"),
        (6, "record.ragged"),
        (7, "record.quote"),
    ]
    assert receipt.counts == Counts(7, 2, 5, 0)
    assert receipt.counts.is_balanced


def test_a_calendar_date_is_called_what_it_is_and_is_not_kept(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1, start_day="2024-03-05")))
    bench.ingest()
    assert bench.findings() == [(2, "deid.date_iso")]
    assert "2024-03-05" not in bench.quarantine()["record"].item()


def test_a_record_that_breaks_two_rules_shows_both_and_counts_once(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1, intent="hope", payer_type="gold")))
    (receipt,) = bench.ingest().receipts
    assert [rule for _, rule in bench.findings()] == ["course.intent_allowed", "course.payer_type_allowed"]
    assert receipt.counts == Counts(1, 0, 1, 0)


def test_the_same_record_twice_is_one_duplicate(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2), course_line(1)))
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(3, 2, 0, 1)
    assert bench.findings() == [(4, "course.key_duplicate")]


def test_two_different_records_with_one_key_are_both_refused(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(1, intent="rescue"), course_line(2)))
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(3, 1, 2, 0)
    assert bench.findings() == [(2, "course.key_conflict"), (3, "course.key_conflict")]


def test_duplicates_far_apart_are_found_across_batches(bench: Workbench) -> None:
    bench.settings = bench.settings.model_copy(update={"batch_mib": 1})
    lines = [course_line(number) for number in range(30_000)]
    bench.drop("course.csv", csv(*lines, lines[0]))
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(30_001, 30_000, 0, 1)


def test_a_column_that_nobody_mapped_refuses_the_delivery_and_loses_nothing(bench: Workbench) -> None:
    path = bench.drop("course.csv", COURSE_HEADER + ",blood_group\n" + course_line(1) + ",x\n")
    (receipt,) = bench.ingest().receipts
    assert receipt.status == "refused"
    assert receipt.refusal is not None
    assert receipt.refusal.rule_id == "delivery.unmapped_column"
    assert "blood_group" in receipt.refusal.reason
    assert receipt.counts == Counts()
    assert path.exists()
    assert not (bench.home / "lake").exists()


def test_a_refused_delivery_is_taken_once_the_feed_is_mended(bench: Workbench) -> None:
    bench.drop("course.csv", COURSE_HEADER + ",note\n" + course_line(1) + ",x\n")
    bench.ingest()
    assert bench.ingest().receipts == []
    bench.feed(COURSES.rstrip() + "\n    ignore: [note]\n")
    (receipt,) = bench.ingest().receipts
    assert receipt.status == "accepted"


def test_a_missing_required_column_refuses_the_delivery(bench: Workbench) -> None:
    bench.drop("course.csv", "course_id,patient_id\nc1,x\n")
    (receipt,) = bench.ingest().receipts
    assert receipt.refusal is not None
    assert receipt.refusal.rule_id == "delivery.missing_column"


def test_a_file_without_header_shows_no_value_in_its_refusal(bench: Workbench) -> None:
    bench.drop("course.csv", course_line(1, course_id="CANARY") + "\n")
    (receipt,) = bench.ingest().receipts
    assert receipt.refusal is not None
    assert receipt.refusal.rule_id == "delivery.header"
    assert "CANARY" not in json.dumps(receipt.refusal.reason)


def test_an_empty_file_is_refused_and_a_header_alone_is_accepted(bench: Workbench) -> None:
    bench.drop("course.csv", "")
    bench.drop("course_2.csv", COURSE_HEADER + "\n")
    first, second = bench.ingest().receipts
    assert first.refusal is not None
    assert first.refusal.rule_id == "delivery.empty"
    assert (second.status, second.counts) == ("accepted", Counts())


def test_another_clinics_id_in_a_row_quarantines_it(bench: Workbench) -> None:
    bench.drop("course.csv", f"{COURSE_HEADER},clinic_id\n{course_line(1)},C001\n{course_line(2)},C999\n")
    bench.ingest()
    assert bench.findings() == [(3, "record.clinic_id")]


def test_an_unknown_clinic_is_reported_and_the_others_go_on(bench: Workbench) -> None:
    bench.drop("course.csv", csv(course_line(1)))
    bench.drop("course.csv", csv(course_line(1)), clinic_id="C777")
    summary = bench.ingest()
    assert len(summary.receipts) == 1
    (problem,) = summary.problems
    assert isinstance(problem, ConfigurationError)
    assert "C777" in str(problem)


def test_a_bad_feed_stops_its_own_clinic_only_and_names_the_line(bench: Workbench) -> None:
    bench.feed(COURSES.replace("table: course", "table: cours"), clinic_id="C002")
    bench.drop("course.csv", csv(course_line(1)))
    bench.drop("course.csv", csv(course_line(1)), clinic_id="C002")
    summary = bench.ingest()
    assert len(summary.receipts) == 1
    problem = next(problem for problem in summary.problems if isinstance(problem, FeedError))
    assert "cours" in str(problem)
    assert problem.line == 11


def test_a_file_that_no_feed_entry_takes_is_reported(bench: Workbench) -> None:
    bench.drop("notes.txt", "hello")
    (problem,) = bench.ingest().problems
    assert isinstance(problem, FeedError)
    assert problem.file is not None
    assert problem.file.endswith("notes.txt")


def test_a_missing_landing_folder_says_what_to_do(bench: Workbench) -> None:
    (bench.home / "landing").rmdir()
    with pytest.raises(ConfigurationError, match="landing"):
        bench.ingest()


def test_a_file_with_a_temporary_name_waits_for_the_next_run(bench: Workbench) -> None:
    bench.drop("course.csv.part", csv(course_line(1)))
    (problem,) = bench.ingest().problems
    assert isinstance(problem, FilePendingError)
    assert problem.exit_code == 0


def test_a_file_that_grows_while_it_is_watched_waits_for_the_next_run(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.drop("course.csv", csv(course_line(1)))
    bench.settings = bench.settings.model_copy(update={"settle_seconds": 60.0})

    def upload_goes_on(_: float) -> None:
        with path.open("a") as handle:
            handle.write(course_line(2) + "\n")

    monkeypatch.setattr("registry_pipeline.ingest.discover.time.sleep", upload_goes_on)
    summary = bench.ingest()
    assert summary.receipts == []
    assert isinstance(summary.problems[0], FilePendingError)


def test_a_later_snapshot_replaces_an_earlier_one(bench: Workbench) -> None:
    first = bench.drop("course_1.csv", csv(course_line(1), course_line(2)))
    os.utime(first, (1, 1))
    bench.ingest()
    bench.drop("course_2.csv", csv(course_line(1)))
    bench.ingest()
    (live,) = live_deliveries(bench.settings.layout)
    assert live.file_name == "course_2.csv"
    assert len(list(read_receipts(bench.settings.layout))) == 2


def test_incremental_deliveries_all_count_in_the_order_of_their_sequence(bench: Workbench) -> None:
    bench.feed(COURSES.replace("snapshot", "incremental").rstrip() + '\n    sequence: "_(\\\\d+)"\n')
    bench.drop("course_10.csv", csv(course_line(1)))
    bench.drop("course_9.csv", csv(course_line(2)))
    bench.ingest()
    assert [receipt.sequence for receipt in live_deliveries(bench.settings.layout)] == [9, 10]


def test_whole_numbers_written_as_decimals_are_read_and_surplus_places_are_not_cut_off(bench: Workbench) -> None:
    bench.feed(
        """
  - pattern: "outcome*.csv"
    format: csv
    mode: snapshot
    tables:
      - table: outcome_assessment
        columns:
          instrument: {constant: nrs_avg}
          timing_rel_dose: {constant: none}
          mode: {constant: self}
          recall: {constant: 24h}
          scored_by: {constant: source}
"""
    )
    header = "assessment_id,patient_id,study_day,total"
    bench.drop("outcome.csv", f"{header}\na1,{patient_id(1)},28.0,4.25\na2,{patient_id(1)},28,4.255\n")
    bench.ingest()
    assert bench.findings() == [(3, "outcome_assessment.total_type")]
    assert bench.lake("outcome_assessment")["study_day"].to_list() == [28]


def test_a_warning_lets_the_row_in_and_stays_with_it(bench: Workbench) -> None:
    bench.feed(
        """
  - pattern: "patient*.csv"
    format: csv
    mode: snapshot
    tables: [{table: patient}]
"""
    )
    header = "patient_id,age_band,sex,region,weight_kg,data_cut_day"
    bench.drop("patient.csv", f"{header}\n{patient_id(1)},35-44,female,unknown,200,100\n")
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(1, 1, 0, 0)
    (rule_id,) = receipt.warnings
    assert bench.lake("patient")["warnings"].to_list() == [rule_id]


def test_a_crash_before_the_receipt_leaves_the_delivery_to_be_taken_again(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.drop("course.csv", csv(course_line(1), course_line(2, intent="hope")))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("registry_pipeline.ingest.delivery.write_receipt", crash)
        with pytest.raises(KeyboardInterrupt):
            bench.ingest()
    assert list(read_receipts(bench.settings.layout)) == []
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(2, 1, 1, 0)
    assert len(bench.lake("course")) == 1


def test_an_unforeseen_fault_in_one_delivery_shows_no_value_and_lets_the_others_go_on(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.drop("course_1.csv", csv(course_line(1)))
    bench.drop("course_2.csv", csv(course_line(2)))
    from registry_pipeline.ingest import delivery as module

    real = module.compile_mappings
    calls = []

    def fail_once(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("CANARY")
        return real(*arguments)

    monkeypatch.setattr(module, "compile_mappings", fail_once)
    summary = ingest_landing(bench.settings)
    assert len(summary.receipts) == 1
    assert "CANARY" not in str(summary.problems[0])


EVENTS = """
  - pattern: "export*.csv"
    format: csv
    mode: snapshot
    tables:
      - table: course
        where: {event: [start]}
"""


def test_a_row_that_no_table_claims_is_quarantined(bench: Workbench) -> None:
    bench.feed(EVENTS)
    bench.drop("export.csv", f"event,{COURSE_HEADER}\nstart,{course_line(1)}\nparty,{course_line(2)}\n")
    (receipt,) = bench.ingest().receipts
    assert bench.findings() == [(3, "record.unmapped")]
    assert receipt.counts == Counts(2, 1, 1, 0)
    assert receipt.tables["unassigned"] == Counts(1, 0, 1, 0)


def test_a_large_file_whose_every_row_is_a_record_is_taken(bench: Workbench) -> None:
    bench.drop("course.csv", csv(*(course_line(number) for number in range(60_000))))
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(60_000, 60_000, 0, 0)


def test_a_full_disk_stops_the_run_with_a_clear_message_and_the_delivery_is_taken_next_time(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.drop("course.csv", csv(course_line(1)))

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("registry_pipeline.ingest.sinks.pq.ParquetWriter.write_table", no_space)
        with pytest.raises(StorageError, match="disk is full"):
            bench.ingest()
    assert list(read_receipts(bench.settings.layout)) == []
    assert not (bench.home / "lake").exists()
    (receipt,) = bench.ingest().receipts
    assert receipt.counts == Counts(1, 1, 0, 0)
