"""The one way anything durable is written: temporary name, fsync, rename. And the one lock."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry_pipeline.errors import LockHeldError, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a refused write into a `StorageError` that names the path and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                "The disk is full; nothing was half-written.", remedy="Free space and run again.", file=path
            ) from error
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
            raise StorageError("The file cannot be written.", remedy="Check its permissions.", file=path) from error
        raise


def fsync_directory(path: Path) -> None:
    """Make a rename inside `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, on failure it is gone.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
            fsync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that a crash leaves either the old file or the new one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def publish_directory(staged: Path, final: Path) -> None:
    """Rename a finished folder into place, its files flushed first."""
    with storage_errors(final):
        for file in staged.rglob("*"):
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
        final.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(final)
        fsync_directory(final.parent)


def point(link: Path, target: Path) -> None:
    """Swap the symbolic link `link` to `target` in one step."""
    with storage_errors(link):
        temporary = link.with_name(f".{link.name}.tmp")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(target, link.parent))
        temporary.replace(link)
        fsync_directory(link.parent)


def empty_directory(path: Path) -> Path:
    """Return `path` as an existing, empty folder."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    return path


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold the home's lock for the length of the block.

    Raises:
        LockHeldError: If another run holds it.
    """
    with storage_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("a+", encoding="utf-8")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockHeldError(
                "Another run is working in this home.",
                remedy="Wait for it to end, then run again.",
                file=lock,
            ) from error
        yield
