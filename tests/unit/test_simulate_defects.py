"""Every planted defect stands where the truth says, and nothing else is wrong."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import fastexcel
import polars as pl
import pytest

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.feeds.load import load_feeds
from registry_pipeline.feeds.model import Feed, FileFeed, TableMapping
from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.run import Simulation, simulate

N_PATIENTS = 240

SIGNS = {
    "out_of_range_score": "999",
    "unknown_code": "by_pump",
    "broken_type": "forty",
    "orphan": "c_none",
    "age_over_90": "93",
    "calendar_date": "2024-03-05",
    "phone_number": "212-555-0147",
    "unknown_ae_term": "giddy_spell",
    "conflict_first": "s_conflict",
    "conflict_second": "s_conflict",
    "unclaimed_row": "telephone_note_arm_1",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("defects"), settle_seconds=0)


@pytest.fixture(scope="module")
def simulated(settings: Settings) -> Simulation:
    return simulate(settings, n_patients=N_PATIENTS, seed=11)


@pytest.fixture(scope="module")
def feeds(settings: Settings) -> dict[str, Feed]:
    return load_feeds(settings, load_contracts(settings)).by_clinic


def planted_rows(simulation: Simulation) -> Iterator[dict[str, str]]:
    with (simulation.truth / "defects.csv").open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def entry_of(feed: Feed, defect: dict[str, str]) -> tuple[FileFeed, TableMapping]:
    prefix = defect["file"].rsplit("_", 1)[0].removesuffix("_late") if "_" in defect["file"] else defect["file"][:6]
    for entry in feed.files:
        for mapping in entry.tables:
            if entry.pattern.startswith(prefix) and mapping.table == (defect["table"] or "patient"):
                return entry, mapping
    raise AssertionError(defect)


def record(simulation: Simulation, feed: Feed, defect: dict[str, str]) -> dict[str, Any]:
    """Return the record that stands on a defect's line, as source columns."""
    path = simulation.landing / defect["clinic_id"] / defect["file"]
    line = int(defect["line"])
    if path.suffix == ".parquet":
        return pl.read_parquet(path).row(line - 1, named=True)
    entry, mapping = entry_of(feed, defect)
    if path.suffix == ".xlsx":
        sheet = fastexcel.read_excel(path).load_sheet(str(mapping.sheet), dtypes="string").to_polars()
        return sheet.row(line - 2, named=True)
    lines = path.read_text(encoding=entry.csv.encoding).splitlines()
    if path.suffix == ".ndjson":
        return json.loads(lines[line - 1])
    return next(csv.DictReader([lines[0], lines[line - 1]], delimiter=entry.csv.delimiter))


@pytest.mark.slow
def test_every_shape_has_its_defects_and_no_two_share_a_record(simulated: Simulation) -> None:
    rows = list(planted_rows(simulated))
    assert Counter(row["clinic_id"] for row in rows).keys() == {f"C00{n}" for n in range(1, 9)}
    places = Counter((row["clinic_id"], row["file"], row["table"], row["line"]) for row in rows)
    assert max(places.values()) == 1
    assert len({row["kind"] for row in rows}) >= 18


@pytest.mark.slow
def test_a_defect_of_a_cell_stands_in_the_record_of_its_line(simulated: Simulation, feeds: dict[str, Feed]) -> None:
    seen = 0
    for defect in planted_rows(simulated):
        if defect["kind"] in SIGNS:
            cells = record(simulated, feeds[defect["clinic_id"]], defect)
            assert any(SIGNS[defect["kind"]] in str(cell) for cell in cells.values()), defect
            seen += 1
    assert seen >= 60


@pytest.mark.slow
def test_a_missing_key_is_empty_and_a_duplicate_repeats_an_earlier_line(
    simulated: Simulation, feeds: dict[str, Feed]
) -> None:
    for defect in planted_rows(simulated):
        if defect["kind"] == "missing_key":
            _, mapping = entry_of(feeds[defect["clinic_id"]], defect) if defect["clinic_id"] != "C005" else (None, None)
            given = mapping.columns.get("session_id") if mapping else None
            source = str(given.source) if given else "session_id"
            assert record(simulated, feeds[defect["clinic_id"]], defect)[source] in {None, "", "k.A."}
        if defect["kind"] == "duplicate_row" and not defect["file"].endswith((".parquet", ".xlsx")):
            path = simulated.landing / defect["clinic_id"] / defect["file"]
            lines = path.read_bytes().splitlines()
            copy = lines[int(defect["line"]) - 1]
            cells = json.loads(copy) if path.suffix == ".ndjson" else copy
            earlier = lines[: int(defect["line"]) - 1]
            assert cells in ([json.loads(line) for line in earlier] if path.suffix == ".ndjson" else earlier)


@pytest.mark.slow
def test_a_damaged_line_is_damaged_and_its_neighbours_are_whole(simulated: Simulation) -> None:
    seen = set()
    for defect in planted_rows(simulated):
        lines = (simulated.landing / defect["clinic_id"] / defect["file"]).read_bytes().splitlines()
        line = lines[int(defect["line"]) - 1] if int(defect["line"]) <= len(lines) else b""
        if defect["kind"] == "stray_quote":
            assert line.count(b'"') == 1
        elif defect["kind"] == "ragged_row":
            delimiter = b";" if defect["clinic_id"] == "C002" else b","
            assert line.count(delimiter) == lines[0].count(delimiter) + 1
        elif defect["kind"] == "wrong_encoding":
            with pytest.raises(UnicodeDecodeError):
                line.decode("utf-8")
        elif defect["kind"] == "cut_json":
            with pytest.raises(ValueError, match=r"\w"):
                json.loads(line)
        else:
            continue
        seen.add(defect["kind"])
    assert seen == {"stray_quote", "ragged_row", "wrong_encoding", "cut_json"}


@pytest.mark.slow
@pytest.mark.slow
def test_ingest_finds_every_defect_once_and_accepts_everything_else(settings: Settings, simulated: Simulation) -> None:
    summary = ingest_landing(settings)
    assert summary.problems == []
    assert [receipt.refusal for receipt in summary.receipts if receipt.refusal] == []
    assert [receipt.warnings for receipt in summary.receipts if receipt.warnings] == []
    findings = pl.concat([pl.read_parquet(path) for path in settings.layout.quarantine.rglob("*.parquet")])
    found = Counter(
        (row["clinic_id"], row["file_name"], row["line"], row["table_name"] or "", row["rule_id"])
        for row in findings.iter_rows(named=True)
    )
    # An orphan is judged in the warehouse, against all that the clinic has sent.
    expected = Counter(
        (row["clinic_id"], row["file"], int(row["line"]), row["table"], row["rule_id"])
        for row in planted_rows(simulated)
        if row["kind"] != "orphan"
    )
    assert found == expected
    n_accepted = sum((Counter({t: c.n_accepted for t, c in r.tables.items()}) for r in summary.receipts), Counter())
    n_orphans = sum(row["kind"] == "orphan" for row in planted_rows(simulated))
    n_accepted["session"] -= n_orphans
    assert n_accepted.keys() - {"outcome_assessment"} == simulated.n_rows.keys() - {"outcome_assessment"}
    assert all(n_accepted[name] == n for name, n in simulated.n_rows.items() if name != "outcome_assessment")
    # The nightly clinic sends some assessments twice or three times.
    assert n_accepted["outcome_assessment"] > simulated.n_rows["outcome_assessment"]
