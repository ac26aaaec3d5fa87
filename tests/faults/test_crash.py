"""A night killed at any moment leaves the old release or the new one whole, and the next night makes all good."""

import hashlib
import logging
import shutil
import signal
from pathlib import Path

import duckdb
import pytest

from registry_pipeline.lake.receipts import read_receipts
from registry_pipeline.release.releases import current_release, published, read_manifest
from tests.faults.night import drop, prepare, run_night, settings_of
from tests.faults.test_publish import leftovers

# More than a hundred nights.
pytestmark = pytest.mark.slow

OLDEST, OLD, NEW = 30, 50, 70
"""How many courses the clinic has sent by then, which is what the mart counts."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with as many releases as are kept, to which a newer delivery has come."""
    home = tmp_path_factory.mktemp("before") / "home"
    prepare(home)
    for n_courses in (OLDEST, OLD):
        drop(home, f"course_{n_courses}.csv", n_courses)
        assert run_night(home) == 0
    drop(home, f"course_{NEW}.csv", NEW)
    assert shown(home) == OLD
    return home


@pytest.fixture(scope="module")
def moments(before: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return what an undisturbed night does, in order: the steps it tells of, and the changes to the file system."""
    home, log = copy(before, tmp_path_factory.mktemp("undisturbed")), tmp_path_factory.mktemp("log") / "log"
    assert run_night(home, log=log) == 0
    assert_all_is_good(home)
    lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
    return {kind: [what for found, what in lines if found == kind] for kind in ("step", "change")}


def copy(home: Path, folder: Path) -> Path:
    return shutil.copytree(home, folder / "home", symlinks=True)


def shown(home: Path) -> int:
    """Return what the current release says, once it has been found to be whole and of one piece."""
    current = current_release(settings_of(home).layout)
    assert current is not None
    manifest = read_manifest(current.path)
    for name, about in manifest["files"].items():
        assert hashlib.sha256((current.path / name).read_bytes()).hexdigest() == about["sha256"], name
    numbers = {numerator(current.path / name) for name in ("registry.duckdb", "restricted.duckdb")}
    assert len(numbers) == 1
    return numbers.pop()


def numerator(database: Path) -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        (found,) = connection.execute("select numerator from marts.response_rates").fetchall()
    return int(found[0])


def assert_all_is_good(home: Path) -> None:
    """Check that a home is as after an undisturbed night: the new release, what is kept, every delivery, no rubbish."""
    settings = settings_of(home)
    assert shown(home) == NEW
    assert [numerator(release.path / "registry.duckdb") for release in published(settings.layout)] == [NEW, OLD]
    assert leftovers(settings) == []
    receipts = sorted(read_receipts(settings.layout), key=lambda receipt: receipt.counts.n_accepted)
    assert [receipt.counts.n_accepted for receipt in receipts] == [OLDEST, OLD, NEW]
    lake = [path for path in settings.layout.lake.rglob("*") if path.is_file()]
    assert {path.stem for path in lake} == {receipt.delivery_id for receipt in receipts}
    assert not [path for path in home.rglob("*.tmp") if path.is_file() or path.is_symlink()]
    assert not (settings.layout.work / "build").exists()


def kill_at_each(kind: str, moments: dict[str, list[str]], before: Path, folder: Path) -> set[int]:
    """Kill a night at each moment of a kind, let another one follow, and return what was current after the kills."""
    found = set()
    for number, what in enumerate(moments[kind], start=1):
        home = copy(before, folder / f"{number}")
        assert run_night(home, **{f"at_{kind}": number}) == -signal.SIGKILL, what
        found.add(shown(home))
        assert run_night(home) == 0, what
        assert_all_is_good(home)
        shutil.rmtree(home)
    # Shown by `pytest --log-cli-level=info`.
    logging.getLogger(__name__).info("killed at each %s: %d times", kind, len(moments[kind]))
    return found


def test_a_night_killed_as_any_step_begins_leaves_the_old_release_and_the_next_night_heals(before, moments, tmp_path):
    told = " ".join(moments["step"])
    for name in ("Ingesting", "Building models", "write restricted", "check marts", "write registry", "publish"):
        assert name in told
    assert kill_at_each("step", moments, before, tmp_path) == {OLD}


def test_a_night_killed_before_any_change_to_the_file_system_leaves_a_whole_release_and_the_next_night_heals(
    before, moments, tmp_path
):
    told = "\n".join(moments["change"])
    for operation in ("os.rename", "os.symlink", ".staging-pruned-", "receipts", "current", "warehouse.duckdb"):
        assert operation in told
    assert kill_at_each("change", moments, before, tmp_path) == {OLD, NEW}
