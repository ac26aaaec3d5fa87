"""What a file seems to be, when a feed is drafted for it."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.model import CsvDialect, Format
from registry_pipeline.feeds.readers.sniff import sniff_csv, sniff_format

GERMAN = "Größe;Wert;Ort\n1,5;ä;Zürich\n2,25;ö;Köln\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (b"a,b\n1.5,2\n", CsvDialect()),
        (b"a\tb\r\n1\t2\r\n", CsvDialect(delimiter="\t")),
        (b"a|b\r1|2\r", CsvDialect(delimiter="|")),
        (b"a;b\n1,5;2,5\n1,5;2,5\n", CsvDialect(delimiter=";", decimal=",")),
        (b"a,b\n'x,y',2\n'z',3\n", CsvDialect(quote="'")),
        # An apostrophe that quotes nothing.
        (b"a,'\n1,2\n", CsvDialect()),
        (b'a,b\n"x;y;z",2\n"1;2;3",3\n', CsvDialect()),
        (b"a\n1\n", CsvDialect()),
        (GERMAN.encode(), CsvDialect(delimiter=";", decimal=",")),
        (b"\xef\xbb\xbf" + GERMAN.encode(), CsvDialect(delimiter=";", decimal=",")),
        (GERMAN.encode("cp1252"), CsvDialect(delimiter=";", decimal=",", encoding="cp1252")),
        (GERMAN.encode("utf-16"), CsvDialect(delimiter=";", decimal=",", encoding="utf-16")),
        (gzip.compress(GERMAN.encode("cp1252"), mtime=0), CsvDialect(delimiter=";", decimal=",", encoding="cp1252")),
        (b"a,b\n" + b"1,2\n" * 500_000 + "é,3\n".encode("cp1252"), CsvDialect(encoding="cp1252")),
    ],
)
def test_the_dialect_is_told_from_the_content(file: Path, content: bytes, dialect: CsvDialect) -> None:
    file.write_bytes(content)
    assert sniff_csv(file) == dialect


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"a,b\n1,2\n", "csv"),
        (GERMAN.encode("utf-16"), "csv"),
        (b'{"a": 1}\n{"a": 2}\n', "ndjson"),
        (b'{"resourceType": "Patient", "id": "1"}\n', "fhir"),
        (b'\xef\xbb\xbf \n[{"a": 1}]', "json"),
        (json.dumps({"a": [1]}, indent=1).encode(), "json"),
        (b"record_id,redcap_event_name,x\n1,baseline_arm_1,2\n", "redcap"),
        (b"record_id,sex,intake___1,intake_complete\n1,2,0,2\n", "redcap"),
        (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  ", "xpt"),
        (gzip.compress(b'{"a": 1}\n', mtime=0), "ndjson"),
    ],
)
def test_the_format_is_told_from_the_content(file: Path, content: bytes, name: Format) -> None:
    file.write_bytes(content)
    assert sniff_format(file) == name


def test_workbooks_and_parquet_files_are_told_from_their_magic(file: Path) -> None:
    xlsxwriter.Workbook(str(file)).close()
    assert sniff_format(file) == "excel"
    file.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    assert sniff_format(file) == "excel"
    pl.DataFrame({"a": [1]}).write_parquet(file)
    assert sniff_format(file) == "parquet"


@pytest.mark.parametrize("content", [b"", b" \n", b"\x7fELF\x00\x01", gzip.compress(b"x" * 100, mtime=0)[:-9]])
def test_what_is_no_data_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(DeliveryRefusedError):
        sniff_format(file)


def test_real_exports_are_told_apart(shared: Path) -> None:
    for path in sorted((shared / "data/redcap").rglob("*.csv"))[:3]:
        assert sniff_csv(path).delimiter in {",", ";"}
    assert sniff_format(next((shared / "data/fhir/patient").iterdir())) == "fhir"
