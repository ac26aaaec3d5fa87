"""The simulator writes the same bytes for the same seed, and what it writes is what a clinic could send."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.feeds.load import load_feeds
from registry_pipeline.settings import Settings
from registry_pipeline.simulate.arrays import PATIENT_NO
from registry_pipeline.simulate.clinic import SHAPES, make_clinics
from registry_pipeline.simulate.feeds import shape_feeds
from registry_pipeline.simulate.generate import Chunk, generate
from registry_pipeline.simulate.run import Simulation, patients_for_assessments, simulate

N_PATIENTS = 60


def fingerprints(home: Path) -> dict[str, str]:
    files = sorted(path for path in home.rglob("*") if path.is_file())
    return {path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate(Settings(home=tmp_path_factory.mktemp("simulated")), n_patients=N_PATIENTS, seed=5)


@pytest.fixture(scope="module")
def chunks() -> dict[str, Chunk]:
    clinics = make_clinics(n_clinics=8, n_patients=400, seed=5)
    return {clinic.shape: next(generate(clinic)) for clinic in clinics}


@pytest.mark.slow
def test_the_same_seed_writes_the_same_bytes_in_all_eight_shapes(simulated: Simulation, tmp_path: Path) -> None:
    simulate(Settings(home=tmp_path), n_patients=N_PATIENTS, seed=5)
    assert fingerprints(tmp_path) == fingerprints(simulated.landing.parent)
    assert {name.split("/")[1] for name in fingerprints(tmp_path) if name.startswith("landing/")} == {
        f"C00{number}" for number in range(1, 9)
    }


@pytest.mark.slow
def test_another_seed_writes_other_bytes_in_every_file(simulated: Simulation, tmp_path: Path) -> None:
    simulate(Settings(home=tmp_path), n_patients=N_PATIENTS, seed=6)
    ours, theirs = fingerprints(simulated.landing.parent), fingerprints(tmp_path)
    assert not [name for name in ours if name.startswith("landing/") and ours[name] == theirs.get(name)]


@pytest.mark.slow
def test_leaving_out_defects_leaves_the_good_rows_as_they_are(simulated: Simulation, tmp_path: Path) -> None:
    clean = simulate(Settings(home=tmp_path), n_patients=N_PATIENTS, seed=5, with_defects=False)
    assert clean.n_rows == simulated.n_rows
    assert clean.parameters["overall"] == simulated.parameters["overall"]
    assert clean.defects == []
    good, mixed = (
        (home.landing / "C001" / "patient_0001.csv").read_bytes().splitlines() for home in (clean, simulated)
    )
    assert [line for line in mixed if line in good] == good


def test_a_clinic_does_not_depend_on_the_others() -> None:
    few = make_clinics(n_clinics=3, n_patients=90, seed=2)[2]
    many = make_clinics(n_clinics=30, n_patients=900, seed=2)[2]
    one, other = (next(generate(replace(clinic, n_patients=20))).tables for clinic in (few, many))
    assert all(one[name].equals(other[name]) for name in one)


def test_clinics_differ_in_size_and_share_all_patients() -> None:
    sizes = [clinic.n_patients for clinic in make_clinics(n_clinics=40, n_patients=1_003, seed=1)]
    assert sum(sizes) == 1_003
    assert min(sizes) >= 1
    assert max(sizes) > 2 * min(sizes)


def test_repeating_a_simulation_in_its_home_is_harmless_and_mixing_two_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    simulate(settings, n_clinics=1, n_patients=5, seed=1)
    before = fingerprints(tmp_path)
    simulate(settings, n_clinics=1, n_patients=5, seed=1)
    assert fingerprints(tmp_path) == before
    with pytest.raises(ConfigurationError, match="another simulation"):
        simulate(settings, n_clinics=1, n_patients=5, seed=2)


@pytest.mark.parametrize(
    "asked",
    [
        {"n_clinics": 5, "n_patients": 4},
        {"n_clinics": 0},
        {"n_clinics": 1_001, "n_patients": 2_000},
        {"seed": -1},
        {"shapes": ("papyrus",)},
    ],
)
def test_what_cannot_be_simulated_is_a_configuration_error(asked: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        simulate(Settings(home=tmp_path), **asked)


@pytest.mark.slow
def test_every_clinic_without_a_shipped_feed_gets_one_that_can_be_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    simulation = simulate(settings, n_clinics=10, n_patients=20, seed=1)
    assert simulation.feeds == tmp_path / "feeds"
    feeds = load_feeds(Settings(home=tmp_path), load_contracts(settings))
    assert feeds.problems == []
    assert sorted(feeds.by_clinic) == [clinic.clinic_id for clinic in simulation.clinics]
    assert all(feeds.by_clinic[clinic.clinic_id].clinic_type == clinic.clinic_type for clinic in simulation.clinics)


def test_the_canonical_shape_alone_writes_one_csv_per_table(tmp_path: Path) -> None:
    simulation = simulate(Settings(home=tmp_path), n_clinics=2, n_patients=20, seed=1, shapes=("canonical",))
    assert {path.suffix for path in simulation.landing.rglob("*_*")} == {".csv"}
    assert {clinic.shape for clinic in simulation.clinics} == {"canonical"}


def test_a_clinic_sends_the_tables_that_its_feed_describes(chunks: dict[str, Chunk]) -> None:
    feeds = shape_feeds(load_contracts(Settings()))
    for shape, chunk in chunks.items():
        described = {mapping.table for entry in feeds[shape].files for mapping in entry.tables}
        assert described == chunk.tables.keys(), shape


def test_each_further_table_that_a_mart_reads_comes_from_several_kinds_of_clinics() -> None:
    clinics = make_clinics(n_clinics=8, n_patients=80, seed=1)
    for table, least in {"opioid_day": 3, "co_therapy": 4, "screening_item": 3, "session_vital": 2}.items():
        kinds = {clinic.clinic_type for clinic in clinics if table in clinic.further_tables}
        assert len(kinds) >= least, table


def test_ratings_of_ideation_move_nothing_else() -> None:
    clinic = next(clinic for clinic in make_clinics(n_clinics=8, n_patients=400, seed=5) if clinic.rates_ideation)
    one, other = (
        next(generate(replace(clinic, ideation_seed=seed))).tables for seed in (clinic.ideation_seed, clinic.data_seed)
    )
    is_rating = pl.col("instrument") == "cssrs_ideation"
    scores, scores_again = (tables.pop("outcome_assessment") for tables in (one, other))
    assert all(one[name].equals(other[name]) for name in one)
    assert scores.filter(~is_rating).equals(scores_again.filter(~is_rating))
    assert not scores.filter(is_rating).equals(scores_again.filter(is_rating))


def test_ideation_is_rated_by_several_kinds_of_clinics_on_days_of_another_score(chunks: dict[str, Chunk]) -> None:
    clinics = [clinic for clinic in make_clinics(n_clinics=8, n_patients=80, seed=1) if clinic.rates_ideation]
    assert len({clinic.clinic_type for clinic in clinics}) >= 3
    rated = {clinic.shape for clinic in clinics}
    for shape, chunk in chunks.items():
        scores = chunk.tables["outcome_assessment"]
        assert scores["assessment_id"].is_unique().all()
        is_rating = pl.col("instrument") == "cssrs_ideation"
        ratings, others = scores.filter(is_rating), scores.filter(~is_rating)
        assert ratings.is_empty() == (shape not in rated)
        assert ratings.join(others, on=["patient_id", "study_day", "timing_rel_dose"], how="anti").is_empty()


def test_frames_have_the_columns_of_the_contracts_in_order(chunks: dict[str, Chunk]) -> None:
    contracts = load_contracts(Settings()).tables
    for chunk in chunks.values():
        for name, frame in chunk.tables.items():
            assert frame.columns == [PATIENT_NO, *(column.name for column in contracts[name].columns)]


def test_no_day_lies_after_the_patients_data_cut(chunks: dict[str, Chunk]) -> None:
    for chunk in chunks.values():
        cut = chunk.tables["patient"].select(PATIENT_NO, "data_cut_day")
        for frame in chunk.tables.values():
            days = [name for name in frame.columns if name in {"study_day", "start_day", "end_day", "onset_day"}]
            joined = frame.join(cut, on=PATIENT_NO)
            assert all(
                (joined[day].drop_nulls().len() == 0) or (joined[day] <= joined["data_cut_day"]).all() for day in days
            )


def test_every_patient_has_a_first_session_on_day_0_and_sessions_without_gaps(chunks: dict[str, Chunk]) -> None:
    for chunk in chunks.values():
        sessions, courses = chunk.tables["session"], chunk.tables["course"]
        first = sessions.group_by(PATIENT_NO).agg(pl.col("study_day").min())
        assert first.height == chunk.patients.n
        assert (first["study_day"] == 0).all()
        by_course = sessions.group_by("course_id").agg(pl.len(), pl.col("session_no").max(), pl.col("study_day").min())
        assert (by_course["len"] == by_course["session_no"]).all()
        assert by_course.join(courses, on="course_id").filter(pl.col("study_day") != pl.col("start_day")).is_empty()


def test_every_foreign_key_of_a_good_row_finds_its_parent(chunks: dict[str, Chunk]) -> None:
    contracts = load_contracts(Settings()).tables
    for chunk in chunks.values():
        for name, frame in chunk.tables.items():
            for key in contracts[name].foreign_keys:
                parents = chunk.tables[key.parent_table][key.parent_column]
                assert frame[key.column].drop_nulls().is_in(parents.implode()).all(), key.rule_id


def test_nothing_is_recorded_on_or_after_the_day_of_a_withdrawal(chunks: dict[str, Chunk]) -> None:
    seen = 0
    for chunk in chunks.values():
        withdrawn = chunk.tables["consent_event"].filter(pl.col("event").str.starts_with("withdrawn"))
        seen += withdrawn.height
        limit = withdrawn.select(PATIENT_NO, limit="study_day")
        for name in ("session", "outcome_assessment", "followup_contact"):
            late = chunk.tables[name].join(limit, on=PATIENT_NO).filter(pl.col("study_day") >= pl.col("limit"))
            assert late.is_empty()
    assert seen > 0


def test_the_number_of_patients_for_a_number_of_assessments_is_about_right() -> None:
    n = patients_for_assessments(100_000)
    clinics = make_clinics(n_clinics=4, n_patients=n, seed=3, shapes=("canonical",))
    n_assessments = sum(chunk.tables["outcome_assessment"].height for clinic in clinics for chunk in generate(clinic))
    assert n_assessments == pytest.approx(100_000, rel=0.05)


def test_the_truth_names_what_was_asked_for_and_every_clinic(simulated: Simulation) -> None:
    truth = json.loads((simulated.truth / "parameters.json").read_text(encoding="utf-8"))
    assert truth == simulated.parameters
    assert truth["arguments"]["seed"] == 5
    assert [clinic["shape"] for clinic in truth["clinics"].values()] == list(SHAPES)
    assert truth["overall"]["n_patients"] == N_PATIENTS


def test_a_corrected_score_is_sent_wrong_first_right_later_and_wrong_again_out_of_order(simulated: Simulation) -> None:
    folder = simulated.landing / "C008"
    first, third, late = (
        pl.read_csv(folder / f"outcome_assessment_{name}.csv", infer_schema=False)
        for name in ("0001", "0003", "late_0002")
    )
    resent = late.join(third, on="assessment_id", suffix="_right").join(first, on="assessment_id", suffix="_first")
    assert late.height == resent.height > 0
    assert (resent["total"] != resent["total_right"]).all()
    assert (resent["total"] == resent["total_first"]).all()
