"""A mistake in a feed shows at its line before any file is read; a mapping does what the feed says."""

from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import ConfigurationError, DeliveryRefusedError, FeedError
from registry_pipeline.feeds.load import load_feed, load_feeds
from registry_pipeline.feeds.mapping import LINE, compile_mappings
from registry_pipeline.feeds.model import Feed
from registry_pipeline.settings import Settings

HEAD = "clinic_id: C001\nversion: 1.0.0\nclinic_type: pain\ndeid_method: safe_harbor\nfiles:\n"
COURSE = '  - pattern: "c*.csv"\n    format: csv\n    mode: snapshot\n    tables:\n      - table: course\n'


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


def feed(tmp_path: Path, text: str, contracts: Contracts) -> Feed:
    file = tmp_path / "C001.yaml"
    file.write_text(text)
    return load_feed(file, contracts)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEAD + COURSE.replace("mode: snapshot", "mode: weekly"), 8, "snapshot"),
        (HEAD + COURSE + "        colums: {}\n", 11, "colums"),
        (HEAD + COURSE + "        columns:\n          intnt: Intent\n", 12, "intnt"),
        (HEAD + COURSE.replace("course", "curse"), 10, "curse"),
        (HEAD + COURSE + "        columns:\n          intent: {from: a, constant: b}\n", 12, "exactly one"),
        (HEAD.replace("clinic_type: pain", "clinic_type: spa") + COURSE, 3, "clinic type"),
        (HEAD.replace("1.0.0", "one") + COURSE, 2, "version"),
        (HEAD + COURSE + "    csv: {encoding: klingon}\n", 11, "encoding"),
        (HEAD + COURSE + '    sequence: "no group"\n', 11, "group"),
        (HEAD + COURSE.replace("format: csv", "format: excel"), 6, "sheet"),
        (HEAD + "  - [broken\n", None, "not YAML"),
        (HEAD + COURSE + "    format: csv\n", 11, "twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, contracts: Contracts, text: str, line: int | None, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        feed(tmp_path, text, contracts)
    assert error.value.exit_code == 2
    if line is not None:
        assert error.value.line == line


def test_two_feeds_for_one_clinic_are_a_problem_and_the_first_stays(tmp_path: Path, contracts: Contracts) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(HEAD + COURSE)
    feeds = load_feeds(Settings(feeds=tmp_path), contracts)
    assert list(feeds.by_clinic) == ["C001"]
    assert isinstance(feeds.problems[0], FeedError)


def test_no_feeds_at_all_says_what_to_do(tmp_path: Path, contracts: Contracts) -> None:
    with pytest.raises(ConfigurationError, match="no feeds"):
        load_feeds(Settings(feeds=tmp_path), contracts)


def test_every_shipped_feed_loads(contracts: Contracts) -> None:
    assert load_feeds(Settings(), contracts).problems == []


def mapped(tmp_path: Path, contracts: Contracts, tables: str, frame: pl.DataFrame, head: str = "") -> pl.DataFrame:
    text = HEAD + f'  - pattern: "c*.csv"\n    format: csv\n    mode: snapshot\n{head}    tables:\n{tables}'
    entry = feed(tmp_path, text, contracts).files[0]
    (mapping,) = compile_mappings(entry, entry.tables, contracts.tables, frame.columns)
    raw = frame.with_columns(pl.int_range(2, frame.height + 2, dtype=pl.Int64).alias(LINE))
    return mapping.to_contract(mapping.records(raw))


CONSENT = """
      - table: consent_event
        where: {kind: [consent]}
        columns:
          patient_id: {template: "p_{nr:026}"}
          seq: {constant: 1}
          event: {from: Ereignis, values: {ja: registry_consent}}
          study_day: Tag
"""


def test_columns_are_renamed_translated_set_and_filtered(tmp_path: Path, contracts: Contracts) -> None:
    frame = pl.DataFrame(
        {
            "kind": ["consent", "other", "consent"],
            "nr": ["7", "8", "9"],
            "Ereignis": ["ja", "ja", "nein"],
            "Tag": ["3", "4", "NA"],
        }
    )
    rows = mapped(tmp_path, contracts, CONSENT, frame, '    null_values: ["NA"]\n')
    assert rows.select("patient_id", "seq", "event", "study_day", LINE).rows() == [
        ("p_" + "7".zfill(26), "1", "registry_consent", "3", 2),
        ("p_" + "9".zfill(26), "1", "nein", None, 4),
    ]


WIDE = """
      - table: outcome_assessment
        columns:
          assessment_id: {template: "{visit}-{id}"}
          patient_id: id
          mode: {constant: self}
          recall: {constant: 14d}
          scored_by: {constant: source}
        unpivot:
          into: total
          columns:
            base: {visit: b, instrument: phq9, study_day: -1, timing_rel_dose: none}
            week4: {visit: w4, instrument: phq9, study_day: 28, timing_rel_dose: none}
"""


def test_a_wide_row_becomes_one_record_per_filled_cell(tmp_path: Path, contracts: Contracts) -> None:
    frame = pl.DataFrame({"id": ["x", "y"], "base": ["20,5", "18"], "week4": [None, "9"]})
    rows = mapped(tmp_path, contracts, WIDE, frame, '    csv: {decimal: ","}\n')
    assert rows.select("assessment_id", "study_day", "total", LINE).rows() == [
        ("b-x", "-1", "20.5", 2),
        ("b-y", "-1", "18", 3),
        ("w4-y", "28", "9", 3),
    ]


def test_a_mapped_column_that_the_file_lacks_refuses_the_delivery(tmp_path: Path, contracts: Contracts) -> None:
    with pytest.raises(DeliveryRefusedError, match="week4"):
        mapped(tmp_path, contracts, WIDE, pl.DataFrame({"id": ["x"], "base": ["1"]}))
