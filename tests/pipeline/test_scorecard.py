"""The scorecard counts records, not findings, and tells a clinic's unusual month from chance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from math import asin, ceil, sin, sqrt
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from typer.testing import CliRunner

from registry_pipeline.cli import app
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.lake.receipts import Counts, Receipt, read_receipts
from registry_pipeline.release.quality import DATA_QUALITY
from registry_pipeline.scorecard.findings import fill, gather_findings
from registry_pipeline.scorecard.measure import SCORECARD, measure
from tests.pipeline.conftest import COURSE_HEADER, Workbench, course_line, patient_id
from tests.properties import examples

Judged = Callable[..., dict[str, Any]]

WIDE = """
  - pattern: "scores*.csv"
    format: csv
    mode: snapshot
    tables:
      - table: outcome_assessment
        columns:
          assessment_id: {template: "{id}-{visit}"}
          scored_by: {constant: source}
        unpivot:
          into: total
          columns:
            visit1: {visit: v1, instrument: phq9, study_day: "-1", timing_rel_dose: none, mode: self, recall: 14d}
            visit2: {visit: v2, instrument: phq9, study_day: "7", timing_rel_dose: pre, mode: self, recall: 14d}
"""


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    from registry_pipeline.settings import Settings

    return load_contracts(Settings())


def scorecard(
    bench: Workbench, contracts: Contracts, receipts: Sequence[Receipt] | None = None, orphans: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Return the scorecard of a home; `orphans` are (delivery_id, line, severity) of course rows."""
    receipts = list(read_receipts(bench.settings.layout)) if receipts is None else receipts
    with duckdb.connect() as connection:
        connection.execute(
            "create table cross_table (clinic_id varchar, delivery_id varchar, table_name varchar, line bigint, "
            "column_name varchar, rule_id varchar, severity varchar)"
        )
        for orphan in orphans:
            row = ["C001", orphan[0], "course", orphan[1], "patient_id", "course.patient_id_orphan", orphan[2]]
            connection.execute("insert into cross_table values (?, ?, ?, ?, ?, ?, ?)", row)
        gather_findings(connection, bench.settings.layout, receipts, contracts, "cross_table")
        measure(connection, receipts, contracts)
        return connection.execute("from scorecard order by all").pl().to_dicts()


def line_of(rows: list[dict[str, Any]], dimension: str, table: str | None = "course") -> dict[str, Any]:
    return next(row for row in rows if row["dimension"] == dimension and row["table_name"] == table)


def courses(*lines: str) -> str:
    return "\n".join([COURSE_HEADER, *lines]) + "\n"


@pytest.mark.slow
def test_a_record_that_breaks_two_rules_of_a_dimension_counts_once(bench: Workbench, contracts: Contracts) -> None:
    bench.drop(
        "course.csv",
        courses(
            course_line(1),
            course_line(2, course_no="x", intent="holiday"),
            course_line(3, course_no=""),
            course_line(4, course_no="", intent="holiday"),
        ),
    )
    receipt = bench.ingest().receipts[0]
    rows = scorecard(bench, contracts)
    counted = {row["dimension"]: (row["numerator"], row["denominator"], row["rate"]) for row in rows}
    assert counted == {"conformance": (2, 4, 0.5), "completeness": (2, 4, 0.5), "plausibility": (0, 4, 0.0)}
    assert {row["arrival_month"] for row in rows} == {receipt.received_at[:7]}


@pytest.mark.slow
def test_two_different_records_with_one_key_count_both_and_a_repeated_one_not_at_all(
    bench: Workbench, contracts: Contracts
) -> None:
    bench.drop("course.csv", courses(course_line(1), course_line(1, start_day="3"), course_line(2), course_line(2)))
    bench.ingest()
    assert line_of(scorecard(bench, contracts), "plausibility")["numerator"] == 2


def test_each_record_of_a_wide_line_counts(bench: Workbench, contracts: Contracts) -> None:
    bench.feed(WIDE)
    lines = [f"a1,{patient_id(1)},99,99", f"a2,{patient_id(2)},99,4", f"a3,{patient_id(3)},3,4"]
    bench.drop("scores.csv", "\n".join(["id,patient_id,visit1,visit2", *lines]) + "\n")
    receipt = bench.ingest().receipts[0]
    assert receipt.refusal is None
    found = [row for row in scorecard(bench, contracts) if row["numerator"]]
    assert [(row["numerator"], row["denominator"]) for row in found] == [(3, 6)]
    assert receipt.counts.n_quarantined == 3


def test_what_the_warehouse_refuses_counts_and_what_it_warns_of_is_told_apart(
    bench: Workbench, contracts: Contracts
) -> None:
    bench.drop("course.csv", courses(*(course_line(number) for number in range(1, 5))))
    delivery = bench.ingest().receipts[0].delivery_id
    rows = scorecard(bench, contracts, orphans=[(delivery, 2, "reject"), (delivery, 3, "warn"), (delivery, 4, "warn")])
    row = line_of(rows, "conformance")
    assert (row["numerator"], row["n_warned"], row["denominator"]) == (1, 2, 4)


def test_records_without_a_table_and_files_refused_whole_have_lines_of_their_own(
    bench: Workbench, contracts: Contracts
) -> None:
    bench.drop("course_1.csv", courses(course_line(1)))
    bench.drop("course_2.csv", "nothing,known\n1,2\n")
    bench.ingest()
    rows = scorecard(bench, contracts)
    refused = line_of(rows, "conformance", None)
    assert (refused["n_refused_files"], refused["status"], refused["denominator"]) == (1, "fail", 0)
    assert [row["n_refused_files"] for row in rows if row["table_name"]] == [None] * 3

    unassigned = replace(
        next(read_receipts(bench.settings.layout)), tables={"unassigned": Counts(n_records=7, n_quarantined=7)}
    )
    row = line_of(scorecard(bench, contracts, [unassigned]), "conformance", "unassigned")
    assert (row["denominator"], row["is_drifting"]) == (7, None)


def test_every_refused_record_is_in_the_numerator_of_some_dimension(bench: Workbench, contracts: Contracts) -> None:
    bench.drop(
        "course.csv",
        courses(
            course_line(1),
            course_line(2, intent="holiday"),
            course_line(3, course_no=""),
            course_line(4, course_no="", intent="holiday"),
            course_line(5),
            course_line(5, start_day="9"),
            "too,few",
        ),
    )
    receipt = bench.ingest().receipts[0]
    with duckdb.connect() as connection:
        gather_findings(connection, bench.settings.layout, [receipt], contracts, None)
        measure(connection, [receipt], contracts)
        (n_records,) = connection.execute(
            "select count(distinct (delivery_id, table_name, record)) from record_finding where severity = 'reject'"
        ).fetchall()[0]
        numerators = connection.execute("select sum(numerator) from scorecard").fetchall()[0][0]
    assert n_records == receipt.counts.n_quarantined == 6
    assert numerators >= n_records


@pytest.mark.slow
def test_status_says_whether_there_are_findings_and_whether_they_are_too_many(
    bench: Workbench, contracts: Contracts
) -> None:
    table = replace(contracts.tables["course"], quality_thresholds={"conformance": Decimal("0.25")})
    strict = replace(contracts, tables={**contracts.tables, "course": table})
    lines = [course_line(number) for number in range(1, 9)]
    for n_bad, status in ((0, "pass"), (2, "pass_with_findings"), (3, "fail")):
        bad = [course_line(number, intent="holiday") for number in range(1, n_bad + 1)]
        bench.drop(f"course_{n_bad}.csv", courses(*bad, *lines[n_bad:]))
        receipt = bench.ingest().receipts[-1]
        row = line_of(scorecard(bench, strict, [receipt]), "conformance")
        assert (row["numerator"], row["status"]) == (n_bad, status)
        assert line_of(scorecard(bench, strict, [receipt]), "completeness")["threshold"] is None


def test_the_command_shows_what_is_above_its_threshold_or_unlike_the_past(bench: Workbench) -> None:
    current = bench.settings.layout.current
    current.mkdir()
    with duckdb.connect(str(current / "restricted.duckdb")) as connection:
        connection.execute("create schema meta")
        connection.execute(DATA_QUALITY.ddl)
        for table, month, numerator, status, is_drifting, n_files in (
            ("course", "2026-10", 400, "fail", None, None),
            ("course", "2026-11", 0, "pass", False, None),
            ("session", "2026-11", 1, "fail", None, None),
            ("patient", "2026-11", 40, "pass_with_findings", True, None),
            (None, "2026-11", 0, "fail", None, 2),
        ):
            limits = (0.001, 0.0, 0.003) if is_drifting is not None else (None, None, None)
            connection.execute(
                "insert into meta.data_quality values "
                "('C001', ?, ?, 'conformance', ?, 1000000, ? / 1000000, 0, 0.01, ?, ?, ?, ?, ?, ?, false)",
                [table, month, numerator, numerator, status, *limits, is_drifting, n_files],
            )
    done = CliRunner().invoke(app, ["quality", "--home", str(bench.home)])
    assert done.exit_code == 0
    shown = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.output.splitlines() if "│" in line]
    assert [(row[1], row[4], row[6]) for row in shown] == [
        ("(whole files)", "2 files", "—"),
        ("patient", "40", "under 0.01 %"),
        ("session", "1", "under 0.01 %"),
    ]
    assert shown[1][-1] == "unlike 0.0 to 0.3 %"
    assert (
        CliRunner()
        .invoke(app, ["quality", "--home", str(bench.home), "--clinic", "C002"])
        .output.startswith("Every clinic is within")
    )


# Drift


@pytest.fixture(scope="module")
def judged() -> Iterator[Judged]:
    """Return what gives the last month's line of a clinic whose months had these (numerator, denominator)."""
    key = {"clinic_id": "varchar", "arrival_month": "varchar", "table_name": "varchar", "delivery_id": "varchar"}
    found = {"dimension": "varchar", "severity": "varchar", "record": "bigint"}
    with duckdb.connect() as connection:
        fill(connection, "quality_threshold", {**key, **found, "threshold": "double"}, ())
        fill(connection, "dimension", {"dimension": "varchar"}, [("conformance",)])

        def last_month(past: Sequence[tuple[int, int]], now: tuple[int, int]) -> dict[str, Any]:
            months = [("C001", f"2026-{no:02}", "course", str(no), *counts) for no, counts in enumerate([*past, now])]
            fill(connection, "delivery", key | {"is_refused": "boolean"}, [(*month[:4], False) for month in months])
            fill(connection, "table_read", key | {"n_records": "bigint"}, [(*month[:4], month[5]) for month in months])
            records = [(*month[:4], "conformance", "reject", record) for month in months for record in range(month[4])]
            fill(connection, "record_finding", key | found, records)
            return connection.execute(f"{SCORECARD} order by arrival_month desc limit 1").pl().to_dicts()[0]

        yield last_month


def test_the_limits_are_those_of_the_formula(judged: Judged) -> None:
    row = judged([(10, 100), (10, 100)], (5, 50))
    centre, half_width = asin(sqrt(20.375 / 200.75)), 1.5 * sqrt(1 / 50 + 1 / 200)
    limits = [(sin(centre + side * half_width) ** 2 * 50.75 - 0.375) / 50 for side in (-1, 1)]
    assert row["past_rate"] == pytest.approx(0.1)
    assert [row["drift_low"], row["drift_high"]] == pytest.approx(limits)
    assert row["is_drifting"] is False


def test_too_little_past_says_nothing_about_drift(judged: Judged) -> None:
    for past in ((), ((1, 49),), ((1, 20), (1, 29))):
        row = judged(past, (30, 30))
        assert (row["past_rate"], row["drift_low"], row["is_drifting"]) == (None, None, None)
    assert judged([(1, 50)], (30, 30))["is_drifting"] is True
    assert judged([(0, 1), (0, 1), (0, 1)], (0, 1))["is_drifting"] is False


def test_a_clinic_that_falls_apart_drifts_and_so_does_one_that_mends_itself(judged: Judged) -> None:
    assert judged([(2, 400), (3, 400), (2, 400)], (40, 400))["is_drifting"] is True
    assert judged([(80, 400), (90, 400), (85, 400)], (10, 400))["is_drifting"] is True


def test_a_clinic_whose_months_always_differ_has_wider_limits(judged: Judged) -> None:
    steady = judged([(50, 1000), (50, 1000), (50, 1000), (50, 1000)], (90, 1000))
    restless = judged([(10, 1000), (90, 1000), (15, 1000), (85, 1000)], (90, 1000))
    assert steady["past_rate"] == restless["past_rate"]
    assert steady["is_drifting"] is True
    assert restless["is_drifting"] is False


months = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None, max_examples=examples(25))
@given(st.lists(months, min_size=3, max_size=6), months)
def test_limits_are_shares_around_the_past_rate_and_decide_alone(judged, past, now) -> None:
    row = judged(past, now)
    assert 0 <= row["drift_low"] <= row["drift_high"] <= 1
    assert row["drift_low"] <= row["past_rate"] + 1e-12
    assert row["past_rate"] <= row["drift_high"] + 1e-12
    assert row["is_drifting"] == (not row["drift_low"] <= row["rate"] <= row["drift_high"])


@settings(deadline=None, max_examples=examples(25))
@given(st.integers(0, 300), st.integers(3, 8))
def test_a_month_like_all_the_others_never_drifts(judged, numerator, n_months) -> None:
    assert judged([(numerator, 300)] * n_months, (numerator, 300))["is_drifting"] is False


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n", [20, 100, 1000])
def test_chance_alone_makes_few_months_drift(judged: Judged, rate: float, n: int) -> None:
    """The past is as long as a year, and is what was to be expected; this month is binomial."""
    limits = judged([(round(rate * 12 * n), 12 * n)], (0, n))
    # The share of counts k with drift_low <= k / n <= drift_high.
    inside = binom.cdf(limits["drift_high"] * n, n, rate) - binom.cdf(ceil(limits["drift_low"] * n) - 1, n, rate)
    assert 1 - inside < 0.01
