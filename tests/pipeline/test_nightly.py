"""The nightly job runs its stages in order, only when needed, and leaves nothing half-done."""

from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import Mock

import pytest

from registry_pipeline import nightly
from registry_pipeline.errors import ConfigurationError, GateRefusedError, LockHeldError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.progress import Progress
from registry_pipeline.release.releases import Release
from registry_pipeline.settings import Settings
from registry_pipeline.warehouse.build import Build
from tests.pipeline.conftest import COURSE_HEADER, Workbench, course_line

COURSES = f"{COURSE_HEADER}\n{course_line(1)}\n"


@dataclass
class Stages:
    """Stand-ins for build and publish that say when they were called."""

    settings: Settings
    fingerprint: str = "a" * 64
    calls: list[str] = field(default_factory=list)
    is_gate_shut: bool = False
    current: Release | None = None

    def inputs_fingerprint(self, _: Settings) -> str:
        return self.fingerprint

    def build(self, _: Settings, **__: object) -> Build:
        self.calls.append("build")
        return Build(path=Path("nowhere"), fingerprint=self.fingerprint)

    def publish(self, settings: Settings, build: Build, **_: object) -> Release:
        self.calls.append("publish")
        if self.is_gate_shut:
            raise GateRefusedError("A mart breaks its contract.")
        release_id = f"20261121-{build.fingerprint[:10]}"
        path = settings.layout.releases / release_id
        self.current = Release(release_id, path, build.fingerprint, "2026-11-21T02:00:00+00:00")
        return self.current

    def current_release(self, _: object) -> Release | None:
        return self.current


@pytest.fixture
def stages(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Stages:
    fake = Stages(bench.settings)
    monkeypatch.setattr("registry_pipeline.warehouse.build.inputs_fingerprint", fake.inputs_fingerprint)
    monkeypatch.setattr("registry_pipeline.warehouse.build.build_warehouse", fake.build)
    monkeypatch.setattr("registry_pipeline.release.publish.publish_release", fake.publish)
    monkeypatch.setattr("registry_pipeline.release.publish.current_release", fake.current_release)
    bench.feed()
    bench.drop("course_1.csv", COURSES)
    return fake


def test_a_first_night_ingests_builds_and_publishes(bench: Workbench, stages: Stages) -> None:
    result = nightly.run_nightly(bench.settings)
    assert stages.calls == ["build", "publish"]
    assert [receipt.counts.n_accepted for receipt in result.receipts] == [1]
    assert result.is_new
    assert result.release is not None


def test_a_night_without_news_neither_builds_nor_publishes(bench: Workbench, stages: Stages) -> None:
    first = nightly.run_nightly(bench.settings)
    second = nightly.run_nightly(bench.settings)
    assert stages.calls == ["build", "publish"]
    assert second.receipts == []
    assert not second.is_new
    assert second.release == first.release


def test_changed_rules_or_sql_are_news_even_without_a_new_file(bench: Workbench, stages: Stages) -> None:
    nightly.run_nightly(bench.settings)
    stages.fingerprint = "b" * 64
    assert nightly.run_nightly(bench.settings).is_new


def test_a_refused_gate_leaves_the_previous_release_and_the_ingested_deliveries(
    bench: Workbench, stages: Stages
) -> None:
    first = nightly.run_nightly(bench.settings).release
    stages.fingerprint, stages.is_gate_shut = "b" * 64, True
    bench.drop("course_2.csv", COURSES.replace("c1", "c2"))
    with pytest.raises(GateRefusedError):
        nightly.run_nightly(bench.settings)
    assert stages.current == first
    assert len(list(bench.home.glob("receipts/*/*.json"))) == 2


def test_the_lock_is_held_throughout_and_let_go_after(
    bench: Workbench, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def build(settings: Settings, progress: object = None) -> Build:
        with pytest.raises(LockHeldError), exclusive(settings.layout.lock):
            pass
        seen.append(True)
        return stages.build(settings)

    monkeypatch.setattr("registry_pipeline.warehouse.build.build_warehouse", build)
    nightly.run_nightly(bench.settings)
    assert seen == [True]
    with exclusive(bench.settings.layout.lock):
        pass


def test_a_mistyped_home_is_named_and_not_created(tmp_path: Path) -> None:
    missing = tmp_path / "hmoe"
    with pytest.raises(ConfigurationError, match="does not exist") as caught:
        nightly.run_nightly(Settings(home=missing))
    assert caught.value.file == str(missing)
    assert not missing.exists()


def test_a_home_without_landing_is_told_what_to_create(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="landing"):
        nightly.run_nightly(Settings(home=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_one_clinics_trouble_is_reported_and_does_not_stop_the_night(bench: Workbench, stages: Stages) -> None:
    bench.drop("course_1.csv", COURSES, clinic_id="C999")
    result = nightly.run_nightly(bench.settings)
    assert result.is_new
    assert any("C999" in str(problem) for problem in result.problems)


def test_progress_is_told_of_the_stages(bench: Workbench, stages: Stages) -> None:
    watch = Mock(spec=Progress)
    nightly.run_nightly(bench.settings, progress=watch)
    assert watch.step.call_args_list[0].args == ("Looking for new files",)
