"""Two runs in one home: the second is told so and touches nothing; a killed run leaves no lock behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry_pipeline.errors import LockHeldError
from registry_pipeline.lake.atomic import exclusive
from registry_pipeline.lake.paths import Home
from registry_pipeline.nightly import run_nightly
from registry_pipeline.settings import Settings

HOLDER = """
import sys
from pathlib import Path
from registry_pipeline.lake.atomic import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process."""
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "landing" / "C001").mkdir(parents=True)
    (tmp_path / "landing" / "C001" / "course_1.csv").write_text("course_id\n")
    return Settings(home=tmp_path, settle_seconds=0)


def everything(home: Home) -> list[str]:
    return sorted(str(path.relative_to(home.root)) for path in home.root.rglob("*"))


def test_a_second_run_is_refused_with_a_remedy_and_touches_nothing(settings: Settings) -> None:
    with holder(settings.layout.lock):
        before = everything(settings.layout)
        with pytest.raises(LockHeldError, match="Wait for it to end") as caught:
            run_nightly(settings)
        assert caught.value.exit_code == 4
        assert everything(settings.layout) == before


@pytest.mark.slow
def test_the_command_line_ends_with_4_while_another_run_is_going(settings: Settings) -> None:
    command = [str(Path(sys.executable).with_name("registry")), "run", "--home", str(settings.home)]
    with holder(settings.layout.lock):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "Another run" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_run_leaves_no_lock_behind(settings: Settings) -> None:
    with holder(settings.layout.lock) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with exclusive(settings.layout.lock):
            pass


def test_a_failed_run_lets_the_lock_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("registry_pipeline.ingest.run.ingest_landing", fail)
    with pytest.raises(RuntimeError):
        run_nightly(settings)
    with exclusive(settings.layout.lock):
        pass
