"""Files that come packed: gzip, and zip with one data file in it, told by their first bytes whatever their name.

What belongs here: getting at the plain bytes. What does not: what they mean. Workbooks, zips too, stay as they are.
"""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.lake.atomic import storage_errors

_GZIP, _ZIPS = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOK = "[Content_Types].xml"
_DAMAGED = (
    *(zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, LZMAError, EOFError, struct.error),
    *(RuntimeError, ValueError, OSError),  # of a method nobody knows, of a name that is no text, of an impossible place
)
_IS_ENCRYPTED = 0x1
_PIECE = 1 << 20
_HARMLESS_BYTES, _MAX_RATIO = 1 << 30, 200
"""Text packs to a fifth or a twentieth; what grows beyond both of these was made to fill the disk."""


def unpacked(path: Path, scratch: Path) -> Path:
    """Return a plain file with the content of `path`: itself, unless it is packed.

    Raises:
        DeliveryRefusedError: If it is damaged, encrypted, holds anything but one file, or unpacks to far too much.
        StorageError: If the disk is full.
    """
    if not _is_packed(path):
        return path
    plain = scratch / "unpacked"
    limit = max(_HARMLESS_BYTES, _MAX_RATIO * path.stat().st_size)
    with content_of(path) as packed, storage_errors(plain), plain.open("wb") as handle:
        while piece := packed.read(_PIECE):
            limit -= len(piece)
            if limit < 0:
                raise _refusal("The file unpacks to far more than it should.", "Send it unpacked, or in parts.")
            handle.write(piece)
    return plain


@contextmanager
def content_of(path: Path) -> Iterator[IO[bytes]]:
    """Open the plain bytes of a file, packed or not, for reading from front to back.

    Raises:
        DeliveryRefusedError: If the file is damaged, now or while it is read.
    """
    try:
        if not _is_packed(path):
            with path.open("rb") as handle:
                yield handle
        elif _starts(path).startswith(_GZIP):
            with gzip.open(path) as unzipped:
                yield unzipped  # type: ignore[misc]  # a GzipFile reads like any binary file
        else:
            with zipfile.ZipFile(path) as archive, archive.open(_only_file(archive)) as member:
                yield member
    except FileNotFoundError:
        raise
    except _DAMAGED as error:
        raise _refusal("The packed file is damaged or cut off.", "Pack it and send it again.") from error


def _is_packed(path: Path) -> bool:
    start = _starts(path)
    return start.startswith(_GZIP) or (start.startswith(_ZIPS) and not is_workbook(path))


def _starts(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(4)
    except PermissionError as error:
        raise _refusal("The file may not be read.", "Give the registry permission to read it.") from error


def is_workbook(path: Path) -> bool:
    """Tell whether a file is an Office document: a zip with a list of its content types."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _WORKBOOK in archive.namelist()
    except _DAMAGED:
        return False


def _only_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [info for info in archive.infolist() if not info.is_dir() and not _is_litter(info.filename)]
    if len(files) != 1:
        raise _refusal(f"The zip file holds {len(files)} files instead of one.", "Send each file by itself.")
    if files[0].flag_bits & _IS_ENCRYPTED:
        raise _refusal("The zip file is encrypted.", "Send it without a password, over a protected channel.")
    return files[0]


def _is_litter(name: str) -> bool:
    """Tell whether a file is what macOS and Windows add by themselves."""
    path = PurePosixPath(name)
    return path.parts[0] == "__MACOSX" or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}


def _refusal(message: str, remedy: str) -> DeliveryRefusedError:
    return DeliveryRefusedError("delivery.unreadable", message, remedy=remedy)
