"""Damaged text: one bad line costs one line, and nothing that was not touched is lost, altered or moved."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.damaged import DIALECTS, Dialect, Row, Sample, csv_sample, ndjson_sample
from benchmarks.fuzz import check, write
from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import CsvDialect
from registry_pipeline.feeds.readers.base import Part
from registry_pipeline.feeds.readers.csv import open_csv
from registry_pipeline.feeds.readers.ndjson import open_ndjson
from registry_pipeline.ingest.run import ingest_landing
from registry_pipeline.settings import Settings
from tests.properties import examples

Read = tuple[list[tuple[object, ...]], list[tuple[int, str]]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """Return a function that reads delimited text: (cells …, line) of the records, (line, rule) of the damage."""

    def reader(content: bytes, batch: int = 1 << 20, **dialect: str) -> Read:
        path = tmp_path / "file"
        path.write_bytes(content)
        return contents(open_csv(path, CsvDialect(**dialect), batch))

    return reader


def contents(part: Part) -> Read:
    batches = list(part.batches())
    rows = [row for batch in batches for row in batch.frame.rows()]
    return rows, [(damage.line, damage.rule_id) for batch in batches for damage in batch.damages]


RAGGED, QUOTE, ENCODING, JSON = "record.ragged", "record.quote", "record.encoding", "record.json"


@pytest.mark.parametrize(
    ("body", "rows", "damages"),
    [
        pytest.param('1,"open\n2,x\n', [("2", "x", 3)], [(2, QUOTE)], id="an unterminated quote"),
        pytest.param('1,"open\n2,"open\n3,x\n', [("3", "x", 4)], [(2, QUOTE), (3, QUOTE)], id="two of them"),
        pytest.param('1,5"\n2,x\n', [("2", "x", 3)], [(2, QUOTE)], id="inches"),
        pytest.param('1"\n2,x"y\n3,z\n', [("3", "z", 4)], [(2, QUOTE), (3, QUOTE)], id="two in the middle of words"),
        pytest.param('1,"a" b\n2,x\n', [("2", "x", 3)], [(2, QUOTE)], id="text behind a closing quote"),
        pytest.param('1,a"b"\n2,x\n', [("2", "x", 3)], [(2, QUOTE)], id="quotes inside an unquoted cell"),
        pytest.param("1\n2,x\n", [("2", "x", 3)], [(2, RAGGED)], id="a short line"),
        pytest.param("1,2,3\n2,x\n", [("2", "x", 3)], [(2, RAGGED)], id="a long line"),
        pytest.param('1,2,"3"\n2,x\n', [("2", "x", 3)], [(2, RAGGED)], id="a long line with quotes"),
        pytest.param("1,2,\n2,x\n", [("1", "2", 2), ("2", "x", 3)], [], id="a trailing delimiter on one line"),
        pytest.param("1,2,\n3,4,\n", [("1", "2", 2), ("3", "4", 3)], [], id="a trailing delimiter on every line"),
        pytest.param('1,2,\n3,"4",\n5,6\n', [("1", "2", 2), ("3", "4", 3), ("5", "6", 4)], [], id="on most lines"),
        pytest.param("1,2,\n3,4,\n5,6,7\n", [("1", "2", 2), ("3", "4", 3)], [(4, RAGGED)], id="a value behind it"),
        pytest.param("1,2,,\n3,4,,\n", [("1", "2", 2), ("3", "4", 3)], [], id="two surplus fields"),
        pytest.param("1,\n2,\n", [("1", None, 2), ("2", None, 3)], [], id="an empty last cell is no surplus"),
        pytest.param("\0,1\n2,x\n", [("2", "x", 3)], [(2, ENCODING)], id="a NUL byte"),
        pytest.param("\n\n1,2\n \n3,4\n\n", [("1", "2", 4), ("3", "4", 6)], [], id="blank lines"),
        pytest.param(",\n1,2\n,,,\n , \n3,4\n", [("1", "2", 3), ("3", "4", 6)], [], id="lines of delimiters alone"),
        pytest.param('1,"a,b"\n2,"x\ny"\n3,"q""q"\n', [("1", "a,b", 2), ("2", "x\ny", 3), ("3", 'q"q', 5)], [], id="RFC"),
        pytest.param('1,""\n"",2\n', [("1", None, 2), (None, "2", 3)], [], id="empty quotes"),
        pytest.param('1,"x\n\n\ny"\n2,z\n', [("1", "x\n\n\ny", 2), ("2", "z", 6)], [], id="blank lines inside a cell"),
        pytest.param('1,"o\n2,x\n3,"two\nlines"\n', [("2", "x", 3), ("3", "two\nlines", 4)], [(2, QUOTE)], id="open, then closed"),
        pytest.param('1,"open\n3,"two\nlines"\n', [("3", "two\nlines", 3)], [(2, QUOTE)], id="open before a cell of two lines"),
        pytest.param("1,a\u2028b\n2,c\x85d\n3,e\x0bf\x0cg\n", [("1", "a\u2028b", 2), ("2", "c\x85d", 3), ("3", "e\x0bf\x0cg", 4)], [], id="Unicode's separators are text"),
        pytest.param("1,\x0bx\x0c\n2,y\n", [("1", "x", 2), ("2", "y", 3)], [], id="blanks of any kind are stripped"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("batch", [1 << 20, 7, 3])
def test_one_bad_line_costs_one_line(
    read: Callable[..., Read], body: str, rows: list[tuple[object, ...]], damages: list[tuple[int, str]], batch: int
) -> None:
    assert read(("a,b\n" + body).encode(), batch) == (rows, damages)
    assert read(("a,b\n" + body).removesuffix("\n").encode(), batch) == (rows, damages)
    assert read(("a,b,\n" + body).encode(), batch) == (rows, damages), "a header that ends in a delimiter"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.slow
def test_lines_end_as_editors_count_and_a_quoted_cell_keeps_its_own_line_ends(
    read: Callable[..., Read], end: str
) -> None:
    text = end.join(["a,b", "1,2", '3,"x', 'y"', "", '4,"z"', '5,"lost', "6,7"]) + end
    for batch in range(3, 40):
        assert read(text.encode(), batch) == (
            [("1", "2", 2), ("3", f"x{end}y", 3), ("4", "z", 6), ("6", "7", 8)],
            [(7, QUOTE)],
        )


def test_line_ends_may_be_mixed(read: Callable[..., Read]) -> None:
    rows, damages = read(b'a,b\r1,2\n3,4\r\n\r\r\n5,"x\ry"\n6,7\r')
    assert (rows, damages) == ([("1", "2", 2), ("3", "4", 3), ("5", "x\ry", 6), ("6", "7", 8)], [])


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_mark(read: Callable[..., Read], codec: str) -> None:
    content = "\ufeffa,b\r\n1,é\r\n2,東\r\n".encode(codec)
    assert read(content, 5, encoding="utf-16") == ([("1", "é", 2), ("2", "東", 3)], [])


def test_a_file_in_another_encoding_than_the_feed_says_is_refused_by_its_header_or_costs_its_lines(
    read: Callable[..., Read],
) -> None:
    assert read("a,b\n1,é\n2,x\n".encode("latin-1")) == ([("2", "x", 3)], [(2, ENCODING)])
    for content in ("é,b\n1,2\n".encode("latin-1"), "a,b\n1,2\n".encode("utf-16")):
        with pytest.raises(DeliveryRefusedError, match="encoding"):
            read(content)


@pytest.mark.parametrize("encoding", ["utf-16", "klingon", "base64"])
def test_an_encoding_that_does_not_fit_refuses_the_file(read: Callable[..., Read], encoding: str) -> None:
    with pytest.raises(DeliveryRefusedError, match="encoding") as refusal:
        read("a,b\n1,2\n".encode("utf-16-le"), encoding=encoding)
    assert refusal.value.rule_id == "delivery.unreadable"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_delimiter_beyond_ascii_works_in_every_encoding(read: Callable[..., Read], encoding: str) -> None:
    content = 'a§b\n1§x\n2§"y§z"\n3\n4§\x1f\n'.encode(encoding)
    rows, damages = read(content, delimiter="§", encoding=encoding)
    assert (rows, damages) == ([("1", "x", 2), ("2", "y§z", 3)], [(4, RAGGED), (5, ENCODING)])


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_any_usual_delimiter_works(read: Callable[..., Read], delimiter: str) -> None:
    text = "a,b\n1,2\n\n3,\n4,'x,y'\n".replace(",", delimiter)
    assert read(text.encode(), delimiter=delimiter, quote="'")[0] == [
        ("1", "2", 2),
        ("3", None, 4),
        ("4", f"x{delimiter}y", 5),
    ]


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\t\r\n", b"\xef\xbb\xbf", b"\r", b"\n\n\n"])
def test_a_file_without_a_header_is_refused(read: Callable[..., Read], content: bytes) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        read(content)
    assert refusal.value.rule_id == "delivery.empty"


def test_a_header_alone_has_no_records(read: Callable[..., Read]) -> None:
    assert read(b"a,b\n") == read(b"a,b") == read(b"a,b\r") == ([], [])


def test_a_header_may_come_late_and_span_lines(read: Callable[..., Read]) -> None:
    assert read(b'\n\na,"b\nc"\n1,2\n') == ([("1", "2", 5)], [])


def test_one_column_is_a_table_too(read: Callable[..., Read]) -> None:
    assert read(b'a\n1\n\n2,\n"x"\n3,4\n') == ([("1", 2), ("2", 4), ("x", 5)], [(6, RAGGED)])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_ten_megabytes_is_a_cell(read: Callable[..., Read], quote: str) -> None:
    cell = "x" * 10_000_000
    rows, damages = read(f"a,b\n1,2\n3,{quote}{cell}{quote}\n4,5\n6\n".encode())
    assert [(row[0], len(str(row[1])), row[2]) for row in rows] == [("1", 1, 2), ("3", 10_000_000, 3), ("4", 1, 4)]
    assert damages == [(5, RAGGED)]


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    read: Callable[..., Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_pipeline.feeds.readers.text._MAX_LINE_BYTES", 1_000)
    with pytest.raises(DeliveryRefusedError, match="a line of more than"):
        read(b"a,b\n" + b"x" * 5_000, batch=100)


def test_a_message_about_a_header_never_shows_it(read: Callable[..., Read]) -> None:
    for header in (b"CANARY,CANARY\n", b'"CANARY" x,y\n', b"CANARY\xff\n"):
        with pytest.raises(DeliveryRefusedError) as refusal:
            read(header)
        assert "CANARY" not in str(refusal.value)


def as_read(row: Row) -> dict[str, str | None]:
    """Return a row as readers give it: text without surrounding blanks, null when empty."""
    return {name: cell.strip() or None for name, cell in row.items()}


def accounted_lines(rows: list[dict[str, object]], damages: list[tuple[int, str]], lines: list[str]) -> set[int]:
    """Return the physical lines that records and damages stand for."""
    starts = sorted([*(int(str(row[LINE])) for row in rows), *(line for line, _ in damages)])
    assert len(starts) == len(set(starts)), "a line stands for two things"
    covered = set(starts)
    for row in rows:
        start = int(str(row[LINE]))
        following = min((other for other in starts if other > start), default=len(lines) + 1)
        if any(re.search(r"[\r\n]", str(cell)) for cell in row.values()) or lines[start - 1].count('"') % 2:
            covered |= set(range(start, following))
    return covered


dialects = st.sampled_from([dialect for dialect in DIALECTS if dialect.quote == '"'])


@settings(deadline=None, max_examples=examples(60))
@given(st.randoms(use_true_random=False), dialects, st.integers(8, 300))
def test_whatever_the_damage_every_line_is_accounted_for_and_intact_records_come_out_once_and_unaltered(
    tmp_path_factory: pytest.TempPathFactory, rng: Random, dialect: Dialect, batch: int
) -> None:
    sample = csv_sample(rng, dialect)
    path = tmp_path_factory.mktemp("damage") / "file"
    path.write_bytes(sample.content)
    own = CsvDialect(delimiter=dialect.delimiter, quote=dialect.quote, encoding=dialect.encoding)
    part = open_csv(path, own, batch)
    batches = list(part.batches())
    rows = [row for item in batches for row in item.frame.iter_rows(named=True)]
    damages = [(damage.line, damage.rule_id) for item in batches for damage in item.damages]
    by_line = {row[LINE]: row for row in rows}
    for line, row in sample.intact.items():
        assert by_line[line] == as_read(row) | {LINE: line}
    lines = re.split("\r\n|\r|\n", sample.content.decode(dialect.encoding, "replace").removeprefix("\ufeff"))
    content = re.compile(rf"[^\s\"{re.escape(dialect.delimiter)}]")
    with_content = {number for number, text in enumerate(lines, start=1) if content.search(text)} - {1}
    assert with_content <= accounted_lines(rows, damages, lines)


@settings(deadline=None, max_examples=examples(40))
@given(st.randoms(use_true_random=False), st.integers(8, 300))
def test_intact_objects_come_out_once_and_unaltered(
    tmp_path_factory: pytest.TempPathFactory, rng: Random, batch: int
) -> None:
    sample = ndjson_sample(rng)
    path = tmp_path_factory.mktemp("damage") / "file"
    path.write_bytes(sample.content)
    batches = list(open_ndjson(path, batch).batches())
    rows = {row[LINE]: row for item in batches for row in item.frame.iter_rows(named=True)}
    for line, row in sample.intact.items():
        assert {name: rows[line][name] for name in row} == as_read(row)


@settings(deadline=None, max_examples=examples(5))
@given(st.lists(st.randoms(use_true_random=False), min_size=1, max_size=5))
@pytest.mark.slow
def test_through_all_of_ingest_counts_balance_and_no_intact_record_is_lost_or_altered(
    tmp_path_factory: pytest.TempPathFactory, sources: list[Random]
) -> None:
    samples: dict[str, Sample] = {}
    for index, rng in enumerate(sources):
        dialect = rng.randrange(len(DIALECTS))
        samples[f"{index:07d}_{dialect:02d}.csv"] = csv_sample(rng, DIALECTS[dialect])
    home = Settings(home=tmp_path_factory.mktemp("home"), settle_seconds=0)
    write(home, samples)
    assert check(home, samples, ingest_landing(home)).failures == []


@pytest.mark.parametrize(
    "line",
    ['{"a": 1', "[1]", "1", '"x"', "{'a': 1}", '{"a": NaN}', '{"a": -Infinity}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}',
     '{"a": [1]}', '{"a": 1}{"a": 2}', "[" * 5_000, '{"a": "\x01"}', '{"a": 01}'],
)  # fmt: skip
@pytest.mark.parametrize("batch", [1 << 20, 10])
def test_a_line_that_is_not_one_flat_object_costs_itself(tmp_path: Path, line: str, batch: int) -> None:
    (tmp_path / "file").write_text(f'{{"a": 7}}\n{line}\n\n{{"a": 8}}\n')
    part = open_ndjson(tmp_path / "file", batch)
    assert contents(part) == ([("7", 1), ("8", 4)], [(2, JSON)])


def test_json_values_keep_what_they_say_and_lines_may_have_different_keys(tmp_path: Path) -> None:
    text = '\ufeff{"a": 123456789012345678901234567890, "b": 0.10}\r\n{"c": true}\r{"d": {"e": "x\u2028y\x85z"}, "b": null}'
    (tmp_path / "file").write_bytes(text.encode())
    part = open_ndjson(tmp_path / "file", 16)
    assert part.columns == ("a", "b", "c", "d.e")
    assert contents(part)[0] == [
        ("123456789012345678901234567890", "0.10", None, None, 1),
        (None, None, "true", None, 2),
        (None, None, None, "x\u2028y\x85z", 3),
    ]


def test_bytes_that_are_not_utf_8_cost_their_json_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b'{"a": "\xff"}\n{"a": 1}\n')
    assert contents(open_ndjson(tmp_path / "file", 1 << 20)) == ([("1", 2)], [(1, ENCODING)])
