"""Readers that open the current release all the time, while one release after another is published and pruned."""

import hashlib
import logging
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import pytest

from registry_pipeline.cli.look import query_release
from registry_pipeline.lake.paths import Home
from registry_pipeline.progress import Progress
from registry_pipeline.release import write
from registry_pipeline.release.databases import new_database
from registry_pipeline.release.meta import Draft
from registry_pipeline.release.publish import publish_release
from registry_pipeline.release.releases import (
    current_release,
    published,
    read_manifest,
    reading_current,
    write_manifest,
)
from registry_pipeline.settings import Settings
from tests.faults.test_publish import leftovers
from tests.release_support import FakeBuild

pytestmark = pytest.mark.slow

N_PUBLISHES, N_READERS, N_ROWS = 300, 3, 500
SUMMARY = "select min(n), max(n), count(*), (select any_value(fingerprint) from meta.about) from marts.numbers"

Summary = tuple[int, int, int, str]


def fingerprint(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def write_numbers(staged: Path, draft: Draft, settings: Settings, _progress: Progress) -> None:
    """Write a release as `write_release` does, only smaller: every table says which one of all it belongs to."""
    number = int(draft.build.path.name)
    for name in ("restricted.duckdb", "registry.duckdb"):
        with new_database(staged / name, settings) as connection:
            connection.execute(
                f"""
                create schema marts; create schema meta;
                create table meta.about as select '{draft.build.fingerprint}' as fingerprint;
                create table marts.numbers as select {number} as n from range({N_ROWS});
                """
            )
    about = {"release_id": draft.release_id, "inputs_fingerprint": draft.build.fingerprint}
    write_manifest(staged, {**about, "published_at": draft.published_at, "number": number, "releases": []})


def read_all_the_time(home: Path, stop: Event, out: Any) -> None:
    """Read in each way in turn until told to stop, then send how often each went well."""
    settings, n_reads = Settings(home=home), Counter[str]()
    while not stop.is_set():
        for read in (by_the_command, by_any_client, file_by_file):
            assert_of_one_piece(read(settings))
            n_reads[read.__name__] += 1
    out.put(n_reads)


def assert_of_one_piece(found: Summary) -> None:
    lowest, highest, n_rows, of = found
    assert (lowest, n_rows, of) == (highest, N_ROWS, fingerprint(lowest))


def by_the_command(settings: Settings) -> Any:
    """Read as `registry query` does."""
    return query_release(settings, SUMMARY)[1][0]


def by_any_client(settings: Settings) -> Any:
    """Read as any DuckDB client does, through the link."""
    return summary(settings.layout.current / "registry.duckdb")


def summary(database: Path) -> Any:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(SUMMARY).fetchone()


def file_by_file(settings: Settings) -> Any:
    """Read the manifest first, and hold every file against it."""
    found = reading_current(settings.layout, compared)
    assert found is not None
    return found


def compared(folder: Path) -> Any:
    manifest = read_manifest(folder)
    assert manifest["release_id"] == folder.name
    for name, about in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"]
    number = manifest["number"]
    return number, number, N_ROWS, manifest["inputs_fingerprint"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(write, "write_release", write_numbers)
    return Settings(home=tmp_path / "home", keep_releases=3)


def publish(settings: Settings, number: int) -> None:
    publish_release(settings, FakeBuild(Path(str(number)), fingerprint(number)))


def test_readers_see_one_whole_release_or_another_over_hundreds_of_publishes(settings):
    publish(settings, 0)
    forking = get_context("forkserver")
    forking.set_forkserver_preload(["__main__", "duckdb", "registry_pipeline.warehouse.duck"])
    stop, out = forking.Event(), forking.Queue()
    readers = [forking.Process(target=read_all_the_time, args=(settings.home, stop, out)) for _ in range(N_READERS)]
    for reader in readers:
        reader.start()
    n_published = 1
    for number in range(1, N_PUBLISHES):
        publish(settings, number)
        n_published += 1
        # Lets the readers have their turn on a small machine.
        time.sleep(0.01)
    stop.set()
    n_reads = sum((out.get(timeout=60) for reader in readers), Counter[str]())
    for reader in readers:
        reader.join()
    assert [reader.exitcode for reader in readers] == [0] * N_READERS
    # Shown by `pytest --log-cli-level=info`.
    logging.getLogger(__name__).info("%d publishes, reads: %s", n_published, dict(n_reads))
    assert min(n_reads[way.__name__] for way in (by_the_command, by_any_client, file_by_file)) >= N_PUBLISHES / 10
    current = current_release(settings.layout)
    assert current is not None
    assert current.fingerprint == fingerprint(N_PUBLISHES - 1)
    assert len(list(published(settings.layout))) == settings.keep_releases
    assert leftovers(settings) == []


def test_a_release_pruned_between_finding_and_reading_it_is_not_missed(settings):
    only_one = settings.model_copy(update={"keep_releases": 1})
    overtaking = iter(range(1, 7))
    publish(only_one, 0)

    def read_late(folder: Path) -> int:
        """Read, after two publishes have come in between the first three times."""
        for number in (next(overtaking, None), next(overtaking, None)):
            if number is not None:
                publish(only_one, number)
        return int(read_manifest(folder)["number"])

    assert reading_current(settings.layout, read_late) == 6


def test_the_release_that_was_current_until_now_is_not_pruned_yet(settings):
    only_one = settings.model_copy(update={"keep_releases": 1})
    for number in range(4):
        publish(only_one, number)
        found = [release.fingerprint for release in published(settings.layout)]
        assert found == [fingerprint(older) for older in (number, number - 1) if older >= 0]


def test_what_cannot_be_read_while_current_stays_is_an_error(settings):
    publish(settings, 0)

    def fail(_folder: Path) -> None:
        raise OSError(5, "broken")

    with pytest.raises(OSError, match="broken"):
        reading_current(settings.layout, fail)


@pytest.mark.parametrize("link", ["none", "dangling"])
def test_no_release_is_none_whatever_the_link(tmp_path, link):
    home = Home(tmp_path)
    if link == "dangling":
        home.current.symlink_to("releases/gone")
    assert current_release(home) is None
