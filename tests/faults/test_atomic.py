"""Durable writes: a crash, a full disk or a second run leaves the old state or the new one, never a mixture."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_pipeline.errors import LockHeldError, StorageError
from registry_pipeline.lake import atomic
from registry_pipeline.lake.atomic import (
    empty_directory,
    exclusive,
    point,
    publish_directory,
    replacing,
    storage_errors,
    write_text,
)


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a file that holds `old`."""
    file = tmp_path / "file.json"
    write_text(file, "old")
    return file


def test_a_written_file_holds_the_text_and_leaves_nothing_beside_it(old):
    write_text(old, "new")
    assert old.read_text() == "new"
    assert names(old.parent) == ["file.json"]


def test_missing_folders_are_made(tmp_path):
    write_text(tmp_path / "a" / "b" / "file", "x")
    assert (tmp_path / "a" / "b" / "file").read_text() == "x"


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_writer_that_fails_leaves_the_old_file_alone(old, error):
    def write_half() -> None:
        with replacing(old) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert old.read_text() == "old"
    assert names(old.parent) == ["file.json"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("target", ["os.fsync", "Path.replace", "Path.write_text"])
def test_a_full_disk_leaves_the_old_file_and_names_it(old, monkeypatch, code, target):
    owner, name = target.split(".")
    monkeypatch.setattr(Path if owner == "Path" else atomic.os, name, failing(code))
    with pytest.raises(StorageError, match="The disk is full") as caught:
        write_text(old, "new")
    monkeypatch.undo()
    assert caught.value.file == str(old)
    assert old.read_text() == "old"
    assert names(old.parent) == ["file.json"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_refused_write_says_to_check_permissions(old, monkeypatch, code):
    monkeypatch.setattr(Path, "replace", failing(code))
    with pytest.raises(StorageError, match="Check its permissions"):
        write_text(old, "new")
    assert old.read_text() == "old"


def test_another_operating_system_error_is_not_taken_for_a_storage_problem(tmp_path):
    with pytest.raises(OSError, match="broken"), storage_errors(tmp_path):
        raise OSError(errno.EIO, "broken")


def test_a_published_folder_appears_whole_and_its_files_are_flushed_first(tmp_path, monkeypatch):
    staged = tmp_path / "staged"
    (staged / "sub").mkdir(parents=True)
    (staged / "sub" / "file").write_text("x")
    final = tmp_path / "releases" / "one"
    flushed = []
    fsync = os.fsync
    monkeypatch.setattr(atomic.os, "fsync", lambda handle: (flushed.append(final.exists()), fsync(handle)))
    publish_directory(staged, final)
    assert (final / "sub" / "file").read_text() == "x"
    assert not staged.exists()
    assert flushed == [False, True]


def test_a_full_disk_while_flushing_keeps_the_folder_from_appearing(tmp_path, monkeypatch):
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "file").write_text("x")
    monkeypatch.setattr(atomic.os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(StorageError):
        publish_directory(staged, tmp_path / "final")
    assert not (tmp_path / "final").exists()


def test_a_link_is_swapped_and_is_relative_so_that_the_home_may_be_moved(tmp_path):
    home = tmp_path / "home"
    for name in ("one", "two"):
        (home / "releases" / name).mkdir(parents=True)
        point(home / "current", home / "releases" / name)
    moved = home.rename(tmp_path / "moved")
    assert (moved / "current").resolve() == (moved / "releases" / "two").resolve()
    assert names(moved) == ["current", "releases"]


def test_a_swap_that_fails_leaves_the_old_link_and_the_next_one_works(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    point(link, tmp_path / "one")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing(errno.ENOSPC))
        with pytest.raises(StorageError):
            point(link, tmp_path / "two")
    assert link.resolve().name == "one"
    point(link, tmp_path / "two")
    assert link.resolve().name == "two"


def test_an_emptied_folder_is_there_and_empty(tmp_path):
    folder = tmp_path / "work" / "build"
    for _ in range(2):
        assert list(empty_directory(folder).iterdir()) == []
        (folder / "file").write_text("x")


def test_a_second_run_is_told_that_another_one_holds_the_lock(tmp_path):
    lock = tmp_path / "work" / "registry.lock"
    with exclusive(lock), pytest.raises(LockHeldError) as caught, exclusive(lock):
        pytest.fail("two runs at once")
    assert caught.value.exit_code == 4
    assert caught.value.file == str(lock)


def test_the_lock_is_free_again_after_a_run_whatever_became_of_it(tmp_path):
    lock = tmp_path / "registry.lock"
    with pytest.raises(ValueError, match="bad"), exclusive(lock):
        raise ValueError("bad")
    with exclusive(lock):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from registry_pipeline.lake.atomic import exclusive, replacing
with exclusive(Path(sys.argv[1])), replacing(Path(sys.argv[2])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_the_old_file_and_frees_the_lock(old):
    lock = old.parent / "registry.lock"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(lock), str(old)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert old.read_text() == "old"
    with exclusive(lock):
        write_text(old, "new")
    assert old.read_text() == "new"
    assert names(old.parent) == ["file.json", "registry.lock"]
