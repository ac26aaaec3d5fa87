"""Two real data sets go through the nightly run, and what is published of them comes out."""

import shutil
from pathlib import Path

import pytest

from registry_pipeline.content import content_path
from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.lake.receipts import Counts
from registry_pipeline.nightly import run_nightly
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.duck import open_database

FEEDS = Path(__file__).parent / "feeds"


def home_with(folder: Path, clinic_id: str, feed: str, file: Path) -> Settings:
    (folder / "landing" / clinic_id).mkdir(parents=True)
    (folder / "feeds").mkdir()
    shutil.copy(FEEDS / feed, folder / "feeds" / f"{clinic_id}.yaml")
    shutil.copy(file, folder / "landing" / clinic_id)
    return Settings(home=folder, settle_seconds=0)


def with_patient_contract(settings: Settings, *changes: tuple[str, str]) -> Settings:
    """Return settings whose patient contract differs from the shipped one by the given replacements."""
    folder = settings.layout.root / "contracts"
    shutil.copytree(content_path("data_contracts/tables"), folder)
    file = folder / "patient.odcs.yaml"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)
    return settings.model_copy(update={"contracts": folder})


def released(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    file = settings.layout.current / "restricted.duckdb"
    with open_database(file, read_only=True, settings=settings) as database:
        rows: list[tuple[object, ...]] = database.execute(sql).fetchall()
    return rows


@pytest.fixture
def adolescents(tmp_path: Path, shared: Path) -> Settings:
    file = shared / "data/esketamine_adolescents/Dataset.csv"
    return home_with(tmp_path / "home", "C901", "esketamine_adolescents.yaml", file)


@pytest.mark.slow
def test_two_of_ten_adolescents_respond_when_the_contract_admits_minors(adolescents: Settings) -> None:
    settings = with_patient_contract(
        adolescents, ("min: 18", "min: 12"), ('values: ["18-24"', 'values: ["0-17", "18-24"')
    )
    run_nightly(settings)
    overall = "indication = 'all' and dimension = 'overall' and level = 'all'"
    assert released(
        settings,
        f"""
        select numerator, denominator from marts.response_rates
        where {overall} and instrument = 'madrs' and time_window = 'acute' and definition = 'response'
            and estimand = 'nri'
        """,
    ) == [(2, 10)]
    assert released(
        settings,
        """
        select numerator, denominator from marts.adverse_event_frequencies
        where ae_term = 'dissociation' and basis = 'patient' and ascertainment = 'complete'
            and dimension = 'overall' and level = 'all'
        """,
    ) == [(5, 10)]


def test_the_adult_rule_refuses_every_adolescent_under_18(adolescents: Settings) -> None:
    # The file holds nine minors and one patient aged 18, whom the adult rule rightly takes.
    (receipt,) = ingest_landing(adolescents).receipts
    assert receipt.tables["patient"] == Counts(10, 1, 9, 0)
    assert receipt.rules["patient.age_years_range"] == 9


@pytest.mark.slow
def test_the_refused_adolescents_leave_nothing_behind_in_a_release(adolescents: Settings) -> None:
    run_nightly(adolescents)
    assert released(adolescents, "select count(*) from staging.stg_patient") == [(1,)]
    assert released(adolescents, "select count(*) from staging.stg_outcome_assessment") == [(2,)]
    assert released(
        adolescents, "select n_records = n_accepted + n_quarantined + n_duplicate from meta.deliveries"
    ) == [(True,)]


@pytest.mark.slow
def test_beat_the_blues_has_as_many_scores_at_each_visit_as_published(tmp_path: Path, shared: Path) -> None:
    plain = home_with(tmp_path / "home", "C902", "beat_the_blues.yaml", shared / "data/beat_the_blues/BtheB.csv")
    # The trial recorded no age, which the registry requires of its own clinics.
    age_band = "- name: age_band\n        logicalType: string\n        physicalType: VARCHAR\n        required: "
    settings = with_patient_contract(plain, (age_band + "true", age_band + "false"))
    run_nightly(settings)
    assert released(
        settings,
        """
        select study_day, count(distinct patient_id) from staging.stg_outcome_assessment
        where study_day > 0 group by study_day order by study_day
        """,
    ) == [(61, 97), (122, 73), (182, 58), (243, 52)]
