"""Packed files: unpacked by what their bytes say, refused with a reason when they cannot be."""

import gzip
import io
import os
import zipfile
from errno import ENOSPC
from pathlib import Path
from typing import NoReturn

import polars as pl
import pytest
import xlsxwriter

from registry_pipeline.errors import DeliveryRefusedError, StorageError
from registry_pipeline.feeds.readers import compressed
from registry_pipeline.feeds.readers.compressed import unpacked

TEXT = b"a,b\n" + b"".join(b"%d,x\n" % number for number in range(1_000))


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "landing.csv"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_plain_file_is_read_where_it_is(file: Path, scratch: Path) -> None:
    file.write_bytes(TEXT)
    assert unpacked(file, scratch) == file


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT),
        gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
        zipped(**{"courses.csv": TEXT}),
        zipped(
            **{"export/": b"", "export/courses.csv": TEXT, "__MACOSX/._courses.csv": b"x", "export/.DS_Store": b"x"}
        ),
    ],
    ids=["gzip", "gzip in two members", "zip", "zip with litter"],
)
def test_a_packed_file_is_unpacked_whatever_its_name(file: Path, scratch: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert unpacked(file, scratch).read_bytes() == TEXT
    assert file.read_bytes() == content


def test_a_workbook_and_a_parquet_file_are_not_unpacked(tmp_path: Path, scratch: Path) -> None:
    workbook, parquet = tmp_path / "a.zip", tmp_path / "b.gz"
    xlsxwriter.Workbook(str(workbook)).close()
    pl.DataFrame({"a": [1]}).write_parquet(parquet)
    assert unpacked(workbook, scratch) == workbook
    assert unpacked(parquet, scratch) == parquet


def encrypted() -> bytes:
    content = bytearray(zipped(**{"a.csv": TEXT}))
    content[6] |= 1  # the flag in the file's own header
    content[content.find(b"PK\x01\x02") + 8] |= 1  # and in the directory
    return bytes(content)


def with_wrong_checksum() -> bytes:
    content = bytearray(gzip.compress(TEXT))
    content[-8] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(TEXT)[:-20], "damaged or cut off"),
        (with_wrong_checksum(), "damaged or cut off"),
        (gzip.compress(TEXT) + b"garbage", "damaged or cut off"),
        (zipped(**{"a.csv": TEXT})[:-30], "damaged or cut off"),
        (zipped(**{"a.csv": TEXT}).replace(b"\x00\x00a.csv", b"\x00\x00b.csv", 1), "damaged or cut off"),
        (encrypted(), "encrypted"),
        (zipped(), "0 files"),
        (zipped(**{"a.csv": TEXT, "b.csv": TEXT}), "2 files"),
    ],
    ids=["gzip cut", "gzip checksum", "gzip tail", "zip cut", "zip names", "encrypted", "empty zip", "two files"],
)
def test_what_cannot_be_unpacked_is_refused_with_a_remedy(
    file: Path, scratch: Path, content: bytes, words: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(DeliveryRefusedError, match=words) as refusal:
        unpacked(file, scratch)
    assert refusal.value.rule_id == "delivery.unreadable"
    assert refusal.value.remedy


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped(**{"a.csv": content})], ids=["gzip", "zip"])
def test_a_bomb_is_refused_before_it_fills_the_disk(
    file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, pack: type[bytes]
) -> None:
    monkeypatch.setattr(compressed, "_HARMLESS_BYTES", 2 << 20)
    monkeypatch.setattr(compressed, "_MAX_RATIO", 100)
    file.write_bytes(pack(bytes(20 << 20)))
    with pytest.raises(DeliveryRefusedError, match="far more"):
        unpacked(file, scratch)
    assert sum(path.stat().st_size for path in scratch.iterdir()) <= 3 << 20


def test_a_full_disk_is_our_trouble_and_not_the_clinics(
    file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(gzip.compress(TEXT))

    def full(*_: object) -> NoReturn:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    original = Path.open

    def opened(path: Path, *arguments: object) -> object:
        return full() if path.parent == scratch else original(path, *arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(StorageError, match="full"):
        unpacked(file, scratch)
