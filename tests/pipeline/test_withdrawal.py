"""A patient who withdraws with deletion is in no layer any more, and nobody else is missing."""

import gzip
import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from registry_pipeline.cli import app
from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.settings import Settings
from registry_pipeline.status import registry_status
from registry_pipeline.withdrawal.night import apply_withdrawals
from registry_pipeline.withdrawal.search import search_home, search_landing
from registry_pipeline.withdrawal.tombstones import read_tombstones
from registry_pipeline.withdrawal.withdraw import BY_HAND, look, withdraw
from tests.withdrawal_support import Deliveries, as_csv, busiest, consent, new_home, simulated, take

PROVENANCE = ("delivery_id", "line", "warnings")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Deliveries:
    return simulated(tmp_path_factory.mktemp("clinic"), 12)


@pytest.fixture(scope="module")
def patient(clinic: Deliveries) -> str:
    found = busiest(clinic)
    assert {"patient", "course", "session", "outcome_assessment", "consent_event"} <= clinic.of(found).counts().keys()
    return found


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, clinic: Deliveries) -> Path:
    settings = new_home(tmp_path_factory.mktemp("ingested") / "home", clinic)
    clinic.drop(settings)
    take(settings)
    return settings.layout.root


@pytest.fixture
def home(tmp_path: Path, ingested: Path) -> Settings:
    """Return a home of one test, which ingesting anew for each of them would make slow."""
    return Settings(home=shutil.copytree(ingested, tmp_path / "home"), settle_seconds=0)


def lake(settings: Settings, clinic_id: str = "C001") -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the lake, without where they came from."""
    rows: dict[str, list[tuple[object, ...]]] = {}
    for file in settings.layout.lake.glob(f"*/clinic_id={clinic_id}/*.parquet"):
        frame = pl.read_parquet(file, hive_partitioning=False)
        frame = frame.drop(name for name in PROVENANCE if name in frame.columns)
        rows.setdefault(file.parent.parent.name, []).extend(frame.rows())
    return {table: sorted(found, key=str) for table, found in rows.items()}


def erase(settings: Settings, patient: str, clinic_id: str = "C001") -> None:
    withdraw(settings, clinic_id, {patient: BY_HAND})


def files(settings: Settings) -> dict[str, bytes]:
    root = settings.layout.root
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def tombstoned(settings: Settings) -> set[str]:
    return {item.patient_id for item in read_tombstones(settings.layout)}


def test_the_id_is_found_before_and_only_in_landing_and_tombstone_after(home: Settings, patient: str) -> None:
    assert {file.parent.parent.name for file in search_home(home, patient)} >= {"patient", "course", "consent_event"}
    erase(home, patient)
    assert search_home(home, patient) == []
    hits = [name for name, content in files(home).items() if patient.encode() in content or patient in name]
    assert {name.split("/", 1)[0] for name in hits} == {"landing", "tombstones"}


def test_the_lake_is_as_if_the_patient_had_never_been_sent(
    tmp_path: Path, home: Settings, clinic: Deliveries, patient: str
) -> None:
    never = new_home(tmp_path / "never", clinic)
    clinic.without(patient).drop(never)
    take(never)
    erase(home, patient)
    assert {table: rows for table, rows in lake(home).items() if rows} == lake(never)


def test_receipts_keep_the_counts_of_ingest_and_say_what_was_erased(
    home: Settings, clinic: Deliveries, patient: str
) -> None:
    before = {receipt.source: receipt for receipt in read_receipts(home.layout)}
    erase(home, patient)
    erased: dict[str, int] = {}
    for receipt in read_receipts(home.layout):
        assert receipt.counts == before[receipt.source].counts
        assert receipt.counts.is_balanced
        erased |= receipt.erased
    assert erased == clinic.of(patient).counts()


@pytest.mark.slow
def test_what_a_dry_run_counts_is_what_is_erased(home: Settings, clinic: Deliveries, patient: str) -> None:
    assert look(home, "C001", patient).lake == clinic.of(patient).counts()
    assert withdraw(home, "C001", {patient: BY_HAND}).lake == clinic.of(patient).counts()
    assert look(home, "C001", patient).n_rows == 0


def test_a_dry_run_changes_nothing(home: Settings, patient: str) -> None:
    before = files(home)
    result = CliRunner().invoke(app, ["withdraw", "--home", str(home.home), "--clinic", "C001", "--patient", patient])
    assert result.exit_code == 0, result.output
    assert files(home) == before


@pytest.mark.slow
def test_superseded_rows_go_as_well(tmp_path: Path, clinic: Deliveries, patient: str) -> None:
    settings = new_home(tmp_path / "home", clinic, mode="incremental")
    clinic.drop(settings, "1")
    take(settings)
    clinic.of(patient).drop(settings, "2")
    take(settings)
    found = withdraw(settings, "C001", {patient: BY_HAND})
    assert found.lake == {table: 2 * n_rows for table, n_rows in clinic.of(patient).counts().items()}
    assert search_home(settings, patient) == []


@pytest.mark.slow
def test_an_id_that_two_clinics_use_is_erased_at_one_of_them(tmp_path: Path, clinic: Deliveries, patient: str) -> None:
    settings = new_home(tmp_path / "home", clinic, clinics=("C001", "C002"))
    clinic.drop(settings, clinic="C001")
    clinic.drop(settings, clinic="C002")
    take(settings)
    other = lake(settings, "C002")
    erase(settings, patient, "C001")
    assert lake(settings, "C002") == other
    assert search_home(settings, patient, clinic_id="C001") == []
    assert search_home(settings, patient, clinic_id="C002") != []


class TestQuarantine:
    """Refused records are in the clinic's own words."""

    def spoil(self, settings: Settings, clinic: Deliveries, name: str) -> None:
        """Send sessions that are refused, and patients that are."""
        sessions = [row | {"dose_mg": "-1"} for row in clinic.tables["session"]]
        patients = [row | {"age_years": "7"} for row in clinic.tables["patient"]]
        Deliveries({"session": sessions, "patient": patients}).drop(settings, name)

    def records(self, settings: Settings) -> list[str]:
        found = settings.layout.quarantine.rglob("*.parquet")
        return [record for file in found for record in pl.read_parquet(file, columns=["record"])["record"]]

    @pytest.mark.slow
    def test_refused_records_of_the_patient_go_and_those_of_others_stay(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        self.spoil(home, clinic, "2")
        take(home)
        keys = clinic.keys_of(patient)
        n_before = len(self.records(home))
        n_own = sum(any(f'"{key}"' in record for key in keys) for record in self.records(home))
        assert 0 < n_own < n_before
        found = withdraw(home, "C001", {patient: BY_HAND})
        assert sum(found.quarantine.values()) == n_own
        assert len(self.records(home)) == n_before - n_own
        assert not any(f'"{key}"' in record for key in keys for record in self.records(home))

    def test_a_patient_of_whom_everything_was_refused_can_be_withdrawn(
        self, tmp_path: Path, clinic: Deliveries, patient: str
    ) -> None:
        settings = new_home(tmp_path / "home", clinic)
        self.spoil(settings, clinic.of(patient), "1")
        take(settings)
        found = withdraw(settings, "C001", {patient: BY_HAND})
        assert found.lake == {}
        assert found.quarantine["patient"] >= 1
        assert search_home(settings, patient) == []

    @pytest.mark.slow
    def test_a_line_that_could_not_be_split_goes_when_it_names_the_patient(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        other = next(row["patient_id"] for row in clinic.tables["patient"] if row["patient_id"] != patient)
        lines = as_csv(clinic.tables["consent_event"]).splitlines()
        broken = [f"{patient},7,registry_consent", f"{other},7,registry_consent"]
        (home.layout.landing / "C001" / "consent_event_2.csv").write_text("\n".join([*lines, *broken]) + "\n")
        take(home)
        erase(home, patient)
        assert search_home(home, patient) == []
        assert any(other in record for record in self.records(home))


@pytest.mark.slow
class TestWhose:
    """Whose a row is, when deliveries disagree."""

    def two_patients(self, clinic: Deliveries) -> tuple[str, str]:
        with_sessions = [
            row["patient_id"]
            for row in clinic.tables["patient"]
            if {"course", "session"} <= clinic.of(row["patient_id"]).counts().keys()
        ]
        return with_sessions[0], with_sessions[1]

    def moved(self, clinic: Deliveries, course: str, to: str) -> Deliveries:
        """Return a correction: the course is of another patient."""
        row = next(row for row in clinic.tables["course"] if row["course_id"] == course)
        return Deliveries({"course": [row | {"patient_id": to, "course_no": "2"}]})

    def test_a_course_that_was_sent_under_the_wrong_patient_stays_with_its_owner(
        self, tmp_path: Path, clinic: Deliveries
    ) -> None:
        wrong, owner = self.two_patients(clinic)
        settings = new_home(tmp_path / "home", clinic, mode="incremental")
        course = next(row["course_id"] for row in clinic.tables["course"] if row["patient_id"] == wrong)
        n_sessions = sum(row["course_id"] == course for row in clinic.tables["session"])
        clinic.drop(settings, "1")
        take(settings)
        self.moved(clinic, course, owner).drop(settings, "2")
        take(settings)
        found = withdraw(settings, "C001", {wrong: BY_HAND})
        assert found.lake["course"] >= 1
        kept = pl.concat(
            pl.read_parquet(file, columns=["course_id"]) for file in settings.layout.lake.glob("session/*/*.parquet")
        )
        assert kept.filter(pl.col("course_id") == course).height == n_sessions

    def test_what_a_correction_replaced_does_not_come_back(self, tmp_path: Path, clinic: Deliveries) -> None:
        wrong, owner = self.two_patients(clinic)
        settings = new_home(tmp_path / "home", clinic, mode="incremental")
        course = next(row["course_id"] for row in clinic.tables["course"] if row["patient_id"] == wrong)
        clinic.drop(settings, "1")
        take(settings)
        self.moved(clinic, course, owner).drop(settings, "2")
        take(settings)
        erase(settings, owner)
        rows = lake(settings)
        assert not any(course in row for table in ("course", "session") for row in rows[table])
        assert any(wrong in row for row in rows["patient"])

    def test_a_course_that_was_taken_back_takes_its_sessions_along(
        self, tmp_path: Path, clinic: Deliveries, patient: str
    ) -> None:
        settings = new_home(tmp_path / "home", clinic, mode="incremental")
        clinic.drop(settings, "1")
        take(settings)
        for course in clinic.of(patient).tables["course"]:
            blank = dict.fromkeys(course, "") | {"course_id": course["course_id"], "entered_in_error": "true"}
            Deliveries({"course": [blank]}).drop(settings, course["course_id"])
        take(settings)
        found = withdraw(settings, "C001", {patient: BY_HAND})
        own = clinic.of(patient).counts()
        assert found.lake == own | {"course": 2 * own["course"]}


@pytest.mark.slow
class TestNight:
    """What the night does of its own accord."""

    def withdrawal(self, clinic: Deliveries, patient: str, event: str = "withdrawn_delete") -> Deliveries:
        return Deliveries({"consent_event": [*clinic.tables["consent_event"], consent(patient, event, seq=9, day=300)]})

    def test_a_withdrawal_that_a_delivery_brings_is_carried_out(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        assert apply_withdrawals(home) == []
        assert tombstoned(home) == set()
        self.withdrawal(clinic, patient).drop(home, "2")
        take(home)
        assert apply_withdrawals(home) == []
        (tombstone,) = read_tombstones(home.layout)
        assert (tombstone.patient_id, tombstone.state) == (patient, "done")
        assert tombstone.by.startswith("delivery ")
        assert search_home(home, patient) == []

    def test_a_withdrawal_for_the_future_erases_nothing(self, home: Settings, clinic: Deliveries, patient: str) -> None:
        before = lake(home)["session"]
        self.withdrawal(clinic, patient, "withdrawn_future").drop(home, "2")
        take(home)
        apply_withdrawals(home)
        assert tombstoned(home) == set()
        assert lake(home)["session"] == before

    def test_the_latest_step_of_consent_decides(self, home: Settings, clinic: Deliveries, patient: str) -> None:
        rows = self.withdrawal(clinic, patient).tables["consent_event"]
        Deliveries({"consent_event": [*rows, consent(patient, "registry_consent", seq=10, day=301)]}).drop(home, "2")
        take(home)
        apply_withdrawals(home)
        assert tombstoned(home) == set()

    def test_a_withdrawal_that_was_entered_in_error_and_taken_back_erases_nothing(
        self, tmp_path: Path, clinic: Deliveries, patient: str
    ) -> None:
        settings = new_home(tmp_path / "home", clinic, mode="incremental")
        clinic.drop(settings, "1")
        wrong = consent(patient, "withdrawn_delete", seq=9, day=300)
        Deliveries({"consent_event": [wrong]}).drop(settings, "2")
        taken_back = consent(patient, "", seq=9, day=0) | {"study_day": "", "version": "", "entered_in_error": "true"}
        Deliveries({"consent_event": [taken_back]}).drop(settings, "3")
        take(settings)
        apply_withdrawals(settings)
        assert tombstoned(settings) == set()

    def test_a_night_without_news_does_not_even_read_the_contracts(
        self, home: Settings, patient: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        erase(home, patient)
        apply_withdrawals(home)
        monkeypatch.setattr("registry_pipeline.withdrawal.night.load_contracts", None)
        assert apply_withdrawals(home) == []

    def test_a_snapshot_that_sends_the_patient_again_changes_nothing(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        erase(home, patient)
        apply_withdrawals(home)
        kept = lake(home)
        clinic.drop(home, "2")
        for file in (home.layout.landing / "C001").glob("*_2.csv"):
            file.write_text(file.read_text() + "\n")
        take(home)
        assert search_home(home, patient) != []
        assert apply_withdrawals(home) == []
        assert search_home(home, patient) == []
        again = lake(home)
        assert {table: sorted(set(rows), key=str) for table, rows in again.items()} == kept

    def test_children_that_come_without_their_parents_are_known_again(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        erase(home, patient)
        apply_withdrawals(home)
        sessions = clinic.of(patient).tables["session"]
        unknown = sessions[0] | {"session_id": "s_new", "session_no": "77"}
        rows = [*clinic.without(patient).tables["session"], *sessions, unknown]
        Deliveries({"session": rows}).drop(home, "2")
        take(home)
        apply_withdrawals(home)
        own = {row["session_id"] for row in [*sessions, unknown]}
        assert not any(own & set(map(str, row)) for row in lake(home)["session"])
        assert len(set(lake(home)["session"])) == len(clinic.without(patient).tables["session"])

    def test_an_id_that_somebody_else_is_given_later_is_theirs(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        erase(home, patient)
        apply_withdrawals(home)
        other = next(row["patient_id"] for row in clinic.tables["patient"] if row["patient_id"] != patient)
        course = clinic.of(patient).tables["course"][0]
        sessions = [row for row in clinic.of(patient).tables["session"] if row["course_id"] == course["course_id"]]
        courses = [*clinic.without(patient).tables["course"], course | {"patient_id": other, "course_no": "2"}]
        Deliveries({"course": courses}).drop(home, "2")
        take(home)
        apply_withdrawals(home)
        fresh = [row | {"session_id": f"n_{n}"} for n, row in enumerate(sessions)]
        Deliveries({"session": [*clinic.without(patient).tables["session"], *fresh]}).drop(home, "2")
        take(home)
        apply_withdrawals(home)
        assert sum(course["course_id"] in row for row in lake(home)["session"]) == len(fresh)

    def test_a_refused_consent_row_is_shouted_as_it_may_be_a_withdrawal(
        self, home: Settings, clinic: Deliveries, patient: str
    ) -> None:
        rows = [
            *clinic.tables["consent_event"],
            consent(patient, "withdrawn_delete", seq=9, day=300) | {"study_day": "soon"},
        ]
        Deliveries({"consent_event": rows}).drop(home, "2")
        take(home)
        (problem,) = apply_withdrawals(home)
        assert (problem.exit_code, problem.line) == (0, len(rows) + 1)
        assert "may be a withdrawal: look at it today" in str(problem)
        assert patient not in str(problem)
        assert [str(item) for item in registry_status(home).problems] == [str(problem)]
        assert apply_withdrawals(home) == []

    def test_a_consent_file_that_was_refused_whole_is_shouted(self, home: Settings) -> None:
        (home.layout.landing / "C001" / "consent_event_2.csv").write_text("patient_id,seq,event,study_day,what\n")
        take(home)
        (problem,) = apply_withdrawals(home)
        assert "A refused consent file of clinic C001 may hold a withdrawal" in str(problem)
        assert "A refused consent file" in str(registry_status(home).problems[0])


STEPS = (
    "registry_pipeline.withdrawal.lake.erase_lake",
    "registry_pipeline.withdrawal.lake.correct_receipts",
    "registry_pipeline.withdrawal.lake.erase_quarantine",
    "registry_pipeline.release.erase.erase_from_releases",
    "registry_pipeline.withdrawal.withdraw._clear_work",
)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_the_next_night_completes_what_a_crash_has_cut_short(
    home: Settings, clinic: Deliveries, patient: str, monkeypatch: pytest.MonkeyPatch, step: str, *, is_after: bool
) -> None:
    module, name = step.rsplit(".", 1)
    done = __import__(module, fromlist=[name]).__dict__[name]
    calls: list[int] = []

    def die(*arguments: object) -> object:
        result = done(*arguments) if is_after or (not calls and "clear" in name) else None
        calls.append(1)
        if "clear" in name and len(calls) < 2:
            return result
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, die)
        with pytest.raises(KeyboardInterrupt):
            erase(home, patient)
    assert tombstoned(home) == {patient}
    assert apply_withdrawals(home) == []
    (tombstone,) = read_tombstones(home.layout)
    assert (tombstone.state, tombstone.by) == ("done", BY_HAND)
    assert search_home(home, patient) == []
    erased: dict[str, int] = {}
    for receipt in read_receipts(home.layout):
        erased |= receipt.erased
    assert erased == clinic.of(patient).counts()


@pytest.mark.slow
def test_a_file_left_half_written_by_a_crash_is_removed(home: Settings, patient: str) -> None:
    file = next(home.layout.lake.glob("patient/*/*.parquet"))
    shutil.copy(file, file.with_name(f".{file.name}.tmp"))
    erase(home, patient)
    assert search_home(home, patient) == []


@pytest.mark.parametrize("wrong", ["p_" + "z" * 26, "p_1", "", "../../etc"])
def test_an_unknown_patient_is_told_and_nothing_is_written(home: Settings, wrong: str) -> None:
    before = files(home)
    with pytest.raises(ConfigurationError):
        look(home, "C001", wrong)
    for arguments in (["--clinic", "C001"], ["--clinic", "C777"], ["--clinic", "*"]):
        result = CliRunner().invoke(
            app, ["withdraw", "--home", str(home.home), *arguments, "--patient", wrong, "--yes"]
        )
        assert result.exit_code == 2, result.output
    assert {name for name in files(home) if name != "work/registry.lock"} == before.keys() - {"work/registry.lock"}


@pytest.mark.slow
def test_the_command_erases_proves_it_and_names_the_files_of_landing(home: Settings, patient: str) -> None:
    arguments = ["withdraw", "--home", str(home.home), "--clinic", "C001", "--patient", patient]
    shown = CliRunner().invoke(app, arguments)
    assert "Nothing has been changed" in shown.output
    assert "landing/C001/patient_1.csv" in shown.output
    done = CliRunner().invoke(app, [*arguments, "--yes"])
    assert done.exit_code == 0, done.output
    assert "the id is in no file but the tombstone" in done.output
    again = CliRunner().invoke(app, [*arguments, "--yes"])
    assert again.exit_code == 0, again.output
    assert "No row of this patient" in again.output


@pytest.mark.slow
def test_the_command_ends_with_1_where_the_id_is_still_found(home: Settings, patient: str) -> None:
    note = home.layout.root / "notes" / "call.txt"
    note.parent.mkdir()
    note.write_text(f"{patient} rang")
    result = CliRunner().invoke(
        app, ["withdraw", "--home", str(home.home), "--clinic", "C001", "--patient", patient, "--yes"]
    )
    assert result.exit_code == 1
    assert "notes/call.txt" in result.output


def test_landing_is_searched_whatever_the_files_are_packed_in(home: Settings, patient: str) -> None:
    folder = home.layout.landing / "C001"
    for file in folder.iterdir():
        file.unlink()
    (folder / "a.csv.gz").write_bytes(gzip.compress(f"x\n{patient}\n".encode()))
    with zipfile.ZipFile(folder / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<t>{patient}</t>")
    pl.DataFrame({"who": [patient] * 2_000}).write_parquet(folder / "c.parquet")
    (folder / "d.txt").write_text(f"id {patient}", encoding="utf-16")
    (folder / "e.csv").write_text("p_somebody_else\n")
    found = search_landing(home, "C001", patient)
    assert [file.name for file in found] == ["a.csv.gz", "b.xlsx", "c.parquet", "d.txt"]
