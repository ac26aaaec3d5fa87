"""What becomes of a record that is sent again: corrected, dropped, taken back, or just repeated."""

import os
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.feeds.load import load_feeds
from registry_pipeline.lake.receipts import Counts, read_receipts
from registry_pipeline.warehouse import staging, superseded
from registry_pipeline.warehouse.duck import open_database
from registry_pipeline.warehouse.lake_views import create_lake
from tests.pipeline.conftest import COURSE_HEADER, COURSES, Workbench, course_line

INCREMENTAL = COURSES.replace("snapshot", "incremental")
TAKING_BACK = COURSE_HEADER + ",entered_in_error"


def csv(*lines: str, header: str = COURSE_HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def dropped(bench: Workbench, *files: str) -> None:
    """Drop files in this order, and ingest them."""
    for number, content in enumerate(files, start=1):
        os.utime(bench.drop(f"course_{number}.csv", content), (number, number))
    bench.ingest()


class Current:
    """The lake of a home as the warehouse sees it: what is current, and what was superseded."""

    def __init__(self, bench: Workbench) -> None:
        contracts = load_contracts(bench.settings)
        self.connection = open_database(Path(":memory:"), read_only=False, settings=bench.settings)
        feeds = load_feeds(bench.settings, contracts)
        create_lake(self.connection, bench.settings.layout, contracts, feeds.by_clinic)
        self.connection.execute("create schema staging; create schema quality")
        tables = {name: contracts.tables[name] for name in _with_parents("course", contracts)}
        self._make("staging.superseded_row", superseded.rows_query(tables))
        for name, table in tables.items():
            self._make(f"staging.ref_{name}", staging.refused_query(table, contracts.tables))
            self._make(f"staging.cur_{name}", staging.current_query(table))
        self._make("quality.delivery_adjustments", staging.adjustments_query(tables))

    def _make(self, name: str, query: str) -> None:
        self.connection.execute(f"create table {name} as {query}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def courses(self) -> dict[str, str]:
        """Return the intent of each current course."""
        return dict(self.rows("select course_id, intent from staging.cur_course order by course_id"))

    def superseded(self) -> list[tuple[Any, ...]]:
        """Return file, line and how of each superseded record, and the file and line that did it."""
        return self.rows(
            """
            select d.file_name, s.line, s.how, b.file_name, s.superseded_by_line
            from staging.superseded_row as s
            inner join lake.delivery as d on s.clinic_id = d.clinic_id and s.delivery_id = d.delivery_id
            left join lake.delivery as b on s.clinic_id = b.clinic_id and s.superseded_by = b.delivery_id
            order by all
            """
        )

    def n_superseded(self) -> dict[str, int]:
        """Return how many accepted records of each file do not count any more, as a release tells it."""
        return dict(
            self.rows(
                """
                select d.file_name, d.n_accepted - a.n_current
                from lake.delivery as d
                inner join quality.delivery_adjustments as a
                  on d.clinic_id = a.clinic_id and d.delivery_id = a.delivery_id
                order by all
                """
            )
        )


def _with_parents(table: str, contracts: Contracts) -> list[str]:
    """Return a table after all that it points to, directly or not."""
    parents = {name: {key.parent_table for key in found.foreign_keys} for name, found in contracts.tables.items()}
    needed: set[str] = set()
    stack = [table]
    while stack:
        name = stack.pop()
        needed.add(name)
        stack.extend(parents[name] - needed)
    order = TopologicalSorter({name: parents[name] for name in needed}).static_order()
    return [name for name in order if contracts.tables[name].is_delivered]


def test_a_later_delivery_wins_key_by_key_and_the_loser_says_who_superseded_it(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(bench, csv(course_line(1), course_line(2)), csv(course_line(3), course_line(2, intent="rescue")))
    current = Current(bench)
    assert current.courses() == {"c1": "induction", "c2": "rescue", "c3": "induction"}
    assert current.superseded() == [("course_1.csv", 3, "corrected", "course_2.csv", 3)]
    assert current.n_superseded() == {"course_1.csv": 1, "course_2.csv": 0}


def test_a_late_file_with_an_older_sequence_does_not_win(bench: Workbench) -> None:
    bench.feed(INCREMENTAL.rstrip() + '\n    sequence: "_(\\\\d+)"\n')
    bench.drop("course_2.csv", csv(course_line(1, intent="rescue")))
    bench.ingest()
    bench.drop("course_1.csv", csv(course_line(1)))
    bench.ingest()
    current = Current(bench)
    assert current.courses() == {"c1": "rescue"}
    assert current.superseded() == [("course_1.csv", 2, "corrected", "course_2.csv", 2)]


def test_a_late_snapshot_with_an_older_sequence_replaces_nothing(bench: Workbench) -> None:
    bench.feed(COURSES.rstrip() + '\n    sequence: "_(\\\\d+)"\n')
    bench.drop("course_2.csv", csv(course_line(1), course_line(2)))
    bench.ingest()
    bench.drop("course_1.csv", csv(course_line(3)))
    bench.ingest()
    assert set(Current(bench).courses()) == {"c1", "c2"}


def test_a_row_that_the_newest_snapshot_lacks_is_no_longer_current_and_is_counted(bench: Workbench) -> None:
    dropped(bench, csv(course_line(1), course_line(2)), csv(course_line(2, intent="rescue")))
    current = Current(bench)
    assert current.courses() == {"c2": "rescue"}
    assert current.n_superseded() == {"course_1.csv": 2, "course_2.csv": 0}
    first, second = read_receipts(bench.settings.layout)
    assert current.rows("select delivery_id, superseded_by from lake.delivery where superseded_by is not null") == [
        (first.delivery_id, second.delivery_id)
    ]


def test_a_refused_snapshot_replaces_nothing(bench: Workbench) -> None:
    dropped(bench, csv(course_line(1)), csv(course_line(2) + ",x", header=COURSE_HEADER + ",note"))
    assert set(Current(bench).courses()) == {"c1"}


@pytest.mark.slow
def test_a_replayed_delivery_still_loses_to_a_later_correction(bench: Workbench) -> None:
    from registry_pipeline.replay import replay

    bench.feed(INCREMENTAL)
    dropped(bench, csv(course_line(1, intent="hope"), course_line(2)), csv(course_line(1, intent="rescue")))
    words = "table: course, columns: {intent: {from: intent, values: {hope: induction}}}"
    bench.feed(INCREMENTAL.replace("table: course", words))
    assert len(replay(bench.settings).replayed) == 1
    current = Current(bench)
    assert current.courses() == {"c1": "rescue", "c2": "induction"}
    assert current.n_superseded() == {"course_1.csv": 1, "course_2.csv": 0}


def test_the_same_record_in_two_files_is_a_correction_without_a_change(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(bench, csv(course_line(1)), csv(course_line(2), course_line(1)))
    current = Current(bench)
    assert set(current.courses()) == {"c1", "c2"}
    assert current.n_superseded() == {"course_1.csv": 1, "course_2.csv": 0}


def test_the_same_bytes_again_change_nothing(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(bench, csv(course_line(1)), csv(course_line(1)))
    (receipt,) = read_receipts(bench.settings.layout)
    assert Current(bench).n_superseded() == {receipt.file_name: 0}


def test_a_record_entered_in_error_takes_back_the_one_before_and_both_are_accounted_for(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(
        bench,
        csv(course_line(1), course_line(2)),
        csv(course_line(2) + ",yes", course_line(3) + ",no", course_line(4) + ",", header=TAKING_BACK),
    )
    current = Current(bench)
    assert set(current.courses()) == {"c1", "c3", "c4"}
    assert current.superseded() == [
        ("course_1.csv", 3, "retracted", "course_2.csv", 2),
        ("course_2.csv", 2, "retraction", None, None),
    ]
    assert current.n_superseded() == {"course_1.csv": 1, "course_2.csv": 1}
    assert [receipt.counts for receipt in read_receipts(bench.settings.layout)] == [Counts(2, 2), Counts(3, 3)]


def test_what_was_taken_back_can_be_sent_again(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(
        bench,
        csv(course_line(1)),
        csv(course_line(1) + ",true", header=TAKING_BACK),
        csv(course_line(1, intent="rescue")),
    )
    assert Current(bench).courses() == {"c1": "rescue"}


def test_a_record_entered_in_error_needs_its_key_alone(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(bench, csv(course_line(1), course_line(2)), csv("c1,,,,,,,,1", "c2,,,,,,,,0", header=TAKING_BACK))
    _, receipt = read_receipts(bench.settings.layout)
    assert receipt.counts == Counts(2, 1, 1, 0)
    assert {rule.split(".")[1] for rule in receipt.rules} >= {"start_day_required"}
    assert set(Current(bench).courses()) == {"c2"}


def test_a_record_without_a_key_takes_nothing_back(bench: Workbench) -> None:
    bench.feed(INCREMENTAL)
    dropped(bench, csv(course_line(1)), csv(",,,,,,,,1", header=TAKING_BACK))
    assert bench.findings() == [(2, "course.course_id_required")]


def test_an_unclear_word_takes_nothing_back_and_quarantines_the_record(bench: Workbench) -> None:
    dropped(bench, csv(course_line(1) + ",perhaps", header=TAKING_BACK))
    assert bench.findings() == [(2, "record.retraction")]


def test_a_feed_says_which_of_the_clinics_words_takes_a_record_back(bench: Workbench) -> None:
    status = "entered_in_error: {from: status, values: {entered-in-error: 'true', final: 'false'}}"
    bench.feed(INCREMENTAL.replace("table: course", f"table: course, columns: {{{status}}}"))
    header = COURSE_HEADER + ",status"
    dropped(bench, csv(course_line(1) + ",final", course_line(2) + ",entered-in-error", header=header))
    assert bench.lake("course").select("course_id", "is_retracted").rows() == [("c1", False), ("c2", True)]
    assert set(Current(bench).courses()) == {"c1"}


def test_a_record_and_its_retraction_in_one_file_are_a_conflict(bench: Workbench) -> None:
    dropped(bench, csv(course_line(1) + ",0", course_line(1) + ",1", header=TAKING_BACK))
    assert bench.findings() == [(2, "course.key_conflict"), (3, "course.key_conflict")]


@pytest.mark.slow
def test_lake_files_of_a_version_that_knew_no_retractions_are_read(bench: Workbench) -> None:
    dropped(bench, csv(course_line(1)))
    (file,) = (bench.home / "lake").rglob("*.parquet")
    pl.read_parquet(file, hive_partitioning=False).drop("is_retracted", "planned_sessions").write_parquet(file)
    assert set(Current(bench).courses()) == {"c1"}


@pytest.mark.parametrize("shape", ["snapshot", "incremental"])
@pytest.mark.slow
def test_every_accepted_record_is_current_or_superseded(bench: Workbench, shape: str) -> None:
    bench.feed(COURSES.replace("snapshot", shape))
    dropped(
        bench,
        csv(course_line(1), course_line(2), course_line(3)),
        csv(course_line(2) + ",1", course_line(4) + ",1", header=TAKING_BACK),
        csv(course_line(3, intent="rescue"), course_line(5)),
    )
    current = Current(bench)
    n_accepted = sum(receipt.counts.n_accepted for receipt in read_receipts(bench.settings.layout))
    assert sum(current.n_superseded().values()) + len(current.courses()) == n_accepted == 7
