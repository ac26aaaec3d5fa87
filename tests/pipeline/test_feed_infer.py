"""A drafted feed is close to the one a person would write, asks where it is unsure, and repeats no cell."""

import csv
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry_pipeline.cli.dry_run import dry_run
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import FeedError
from registry_pipeline.feeds.infer.run import draft_feed
from registry_pipeline.feeds.load import load_feed
from registry_pipeline.feeds.model import Feed
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.run import simulate
from tests.conftest import ROOT
from tests.pipeline.conftest import patient_id
from tests.properties import examples


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("simulated") / "home"
    return simulate(Settings(home=home), n_patients=60, with_defects=False).landing


def drafted(folder: Path, files: list[Path], contracts: Contracts, clinic_id: str = "C901") -> tuple[Path, Feed]:
    """Return the draft for some files, as a file and as a feed."""
    file = folder / f"{clinic_id}.yaml"
    file.write_text(draft_feed(Settings(), files, clinic_id, "pain"), encoding="utf-8")
    return file, load_feed(file, contracts)


def files_of(landing: Path, clinic_id: str) -> list[Path]:
    return sorted(path for path in (landing / clinic_id).rglob("*") if path.is_file() and "late" not in path.name)


def mapped(feed: Feed) -> set[tuple[str, str, str]]:
    """Return (table, column of the contract, column of the clinic) for everything that is renamed."""
    return {
        (mapping.table, name, column.source)
        for entry in feed.files
        for mapping in entry.tables
        for name, column in mapping.columns.items()
        if column.source is not None and column.source != name
    }


@pytest.mark.slow
def test_the_canonical_files_are_drafted_without_a_question_and_accepted(
    landing: Path, contracts: Contracts, tmp_path: Path
) -> None:
    files = files_of(landing, "C001")
    file, feed = drafted(tmp_path, files, contracts, "C001")
    assert all(not mapping.columns for entry in feed.files for mapping in entry.tables)
    for path in files:
        result = dry_run(Settings(), file, path)
        assert result.receipt.status == "accepted", path.name
        assert result.receipt.counts.n_accepted == result.receipt.counts.n_records > 0


@pytest.mark.slow
@pytest.mark.parametrize("clinic_id", ["C002", "C004", "C005", "C006", "C007"])
def test_renamed_and_foreign_columns_are_found_as_in_the_shipped_feed(
    landing: Path, contracts: Contracts, tmp_path: Path, clinic_id: str
) -> None:
    _, feed = drafted(tmp_path, files_of(landing, clinic_id), contracts)
    shipped = mapped(load_feed(ROOT / f"data_contracts/feeds/{clinic_id}.yaml", contracts))
    found = mapped(feed)
    assert found <= shipped
    assert len(found) >= 0.95 * len(shipped)


@pytest.mark.slow
def test_wide_visits_are_found_with_their_days(landing: Path, contracts: Contracts, tmp_path: Path) -> None:
    _, feed = drafted(tmp_path, [landing / "C003/outcomes_wide_0001.csv"], contracts)
    (mapping,) = feed.files[0].tables
    (shipped,) = next(
        entry.tables
        for entry in load_feed(ROOT / "data_contracts/feeds/C003.yaml", contracts).files
        if entry.pattern.startswith("outcomes_wide")
    )
    assert mapping.unpivot is not None
    assert shipped.unpivot is not None
    days = {
        name: (constants["instrument"], constants["study_day"]) for name, constants in shipped.unpivot.columns.items()
    }
    assert days == {
        name: (constants["instrument"], constants["study_day"]) for name, constants in mapping.unpivot.columns.items()
    }


CANARY = "zzcanary"


def cohort(folder: Path) -> Path:
    """Write a file that a US clinic might send: renamed, wide, with an identifier, items and a free text."""
    head = "Subject ID,Age,Age group,Gender,State,Weight (lb),Last day on file,MRN,Note,Phase of moon,"
    head += "PHQ9_Baseline,PHQ9_Wk4,MADRS_Post," + ",".join(f"gad7_{n}" for n in range(1, 8))
    rows = [
        f"{patient_id(n)},{30 + n},25-34,{'FM'[n % 2]},CO,{150 + n},100,{CANARY}{n},{CANARY} note,{CANARY},"
        f"{20 - n},{n},3," + ",".join("1" * 7)
        for n in range(5)
    ]
    file = folder / "cohort_2025.csv"
    file.write_text("\n".join([head, *rows]) + "\n")
    return file


def test_a_wide_american_file_is_split_into_tables(contracts: Contracts, tmp_path: Path) -> None:
    _, feed = drafted(tmp_path, [cohort(tmp_path)], contracts)
    tables = {mapping.table: mapping for mapping in feed.files[0].tables if mapping.unpivot is None}
    patient = tables["patient"].columns
    assert patient["patient_id"].source == "Subject ID"
    assert patient["sex"].values == {"F": "female", "M": "male"}
    assert (patient["weight_kg"].source, patient["weight_kg"].unit) == ("Weight (lb)", "lb")
    wide = next(mapping.unpivot for mapping in feed.files[0].tables if mapping.unpivot is not None)
    assert wide.columns["PHQ9_Wk4"]["study_day"] == "28"
    assert "MADRS_Post" not in wide.columns
    assert tables["outcome_assessment"].columns["items_sum"].sum_of == [f"gad7_{n}" for n in range(1, 8)]


def test_what_is_unsure_is_marked_and_what_must_not_be_sent_is_named(contracts: Contracts, tmp_path: Path) -> None:
    file, _ = drafted(tmp_path, [cohort(tmp_path)], contracts)
    text = file.read_text()
    assert "Must not be sent" in text
    assert "#   MRN (mrn)" in text
    assert "weight_kg: {from: Weight (lb), unit: lb}  # check:" in text
    assert "# recall: {constant: …}" in text
    assert "# ignore: [Note, Phase of moon, MADRS_Post]" in text
    result = dry_run(Settings(), file, tmp_path / "cohort_2025.csv")
    assert result.receipt.refusal is not None


def test_no_cell_is_repeated_but_words_that_mean_one_of_ours(contracts: Contracts, tmp_path: Path) -> None:
    file, _ = drafted(tmp_path, [cohort(tmp_path)], contracts)
    assert CANARY not in file.read_text()
    assert "p_0" not in file.read_text()


def test_a_file_without_a_header_repeats_none_of_its_cells(contracts: Contracts, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(f"{CANARY},1,2\n{CANARY},3,4\n")
    with pytest.raises(FeedError, match="No table of the contract") as error:
        drafted(tmp_path, [file], contracts)
    assert CANARY not in str(error.value)


def test_words_in_another_spelling_are_translated_and_the_rest_counted(contracts: Contracts, tmp_path: Path) -> None:
    file = tmp_path / "kurse_1.csv"
    file.write_text(
        "course_id,patient_id,course_no,intent,target_dx_seq,start_day,end_reason,payer_type\n"
        f"k1,{patient_id(1)},1,Induction,1,0,completed,{CANARY}\nk2,{patient_id(2)},1,INDUCTION,1,0,lost,self\n"
    )
    drafted_file, feed = drafted(tmp_path, [file], contracts)
    (mapping,) = feed.files[0].tables
    assert mapping.columns["intent"].values == {"INDUCTION": "induction", "Induction": "induction"}
    assert "# check: 1 of its 2 words are none of the contract's (self, insurer" in drafted_file.read_text()
    assert CANARY not in drafted_file.read_text()


def test_a_form_that_is_not_plain_csv_is_written_down(contracts: Contracts, tmp_path: Path) -> None:
    file = tmp_path / "patienten_1.csv"
    head = "PatNr;Alter;Altersgruppe;Geschlecht;Region;Gewicht_kg;Stand_Tag\n"
    rows = "".join(f"{patient_id(n)};4{n};35-44;männlich;k.A.;7{n},5;90\n" for n in range(5))
    file.write_bytes((head + rows).encode("cp1252"))
    drafted_file, feed = drafted(tmp_path, [file], contracts)
    (entry,) = feed.files
    assert (entry.pattern, entry.csv.delimiter, entry.csv.decimal, entry.csv.encoding) == (
        "patienten_*.csv",
        ";",
        ",",
        "cp1252",
    )
    assert entry.null_values == ["k.A."]
    assert entry.tables[0].columns["sex"].values == {"männlich": "male"}
    assert yaml.safe_load(drafted_file.read_text(encoding="utf-8"))["clinic_id"] == "C901"


odd_names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(bool)


@pytest.mark.slow
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(odd_names, unique=True, max_size=8), st.sampled_from(["sex", "Gender", "GENRE"]))
@example(["*", "^.*$"], "sex")
@example(["0'"], "sex")
def test_whatever_columns_are_called_the_draft_loads(
    contracts: Contracts, tmp_path: Path, names: list[str], sex: str
) -> None:
    header = ["patient_id", "age_years", sex, *(name for name in names if name not in ("patient_id", "age_years", sex))]
    file = tmp_path / "patients.csv"
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, [patient_id(1), "40", "F", *("x" for _ in header[3:])]])
    _, feed = drafted(tmp_path, [file], contracts)
    # A column may be called as an instrument is; then the file holds scores as well.
    assert "patient" in {entry.table for entry in feed.files[0].tables}


@pytest.mark.parametrize(("clinic_id", "clinic_type"), [("9", "pain"), ("C901", "spa")])
def test_a_clinic_that_cannot_be_is_refused(tmp_path: Path, clinic_id: str, clinic_type: str) -> None:
    with pytest.raises(FeedError):
        draft_feed(Settings(), [cohort(tmp_path)], clinic_id, clinic_type)
