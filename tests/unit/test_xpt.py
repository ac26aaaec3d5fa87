"""SAS transport files: every record, every number as it was meant, and dates called by their name."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.readers.xpt import open_xpt
from tests.properties import examples
from tests.xport import Column, member, transport

Row = tuple[object, ...]
COLUMNS: list[Column] = [("ID", 4, ""), ("DOSE", 0, ""), ("SITE", 8, "")]


def read(path: Path, content: bytes, batch: int = 1 << 20) -> tuple[list[Row], list[Row]]:
    path.write_bytes(content)
    batches = list(open_xpt(path, "utf-8", batch).batches())
    rows = [row for item in batches for row in item.frame.rows()]
    return rows, [(damage.line, damage.rule_id) for item in batches for damage in item.damages]


def rows_of(path: Path, columns: Sequence[Column], rows: Sequence[Sequence[float | str | bytes]]) -> list[Row]:
    return read(path, transport(member(columns, rows)))[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.xpt"


def test_numbers_lose_nothing_and_gain_no_dust(file: Path) -> None:
    numbers = (35.0, 0.1, 0.3, -2.75, 0.0, 1e-7, 123456789.125)
    rows = rows_of(file, [("N", 0, "")], [(number,) for number in numbers])
    assert [row[0] for row in rows] == ["35", "0.1", "0.3", "-2.75", "0", "1e-7", "123456789.125"]


def test_missing_values_of_every_kind_are_empty(file: Path) -> None:
    rows = rows_of(file, [("N", 0, ""), ("T", 2, "")], [(".", "a"), ("A", "b"), ("Z", "c"), ("_", "d"), (1, "")])
    assert rows == [(None, "a", 1), (None, "b", 2), (None, "c", 3), (None, "d", 4), ("1", None, 5)]


def test_text_comes_without_the_blanks_that_fill_it_up(file: Path) -> None:
    assert rows_of(file, COLUMNS, [("p1", 5.5, "a b"), ("p2", 6, "é")]) == [
        ("p1", "5.5", "a b", 1),
        ("p2", "6", "é", 2),
    ]


def test_no_record_is_lost_to_blanks_at_its_end(file: Path) -> None:
    # pandas alone takes eight blanks anywhere in the last card for padding, and would give fewer records.
    rows = rows_of(file, COLUMNS, [(f"p{number}", number, "") for number in range(1, 8)])
    assert [row[0] for row in rows] == [f"p{number}" for number in range(1, 8)]


@settings(deadline=None, max_examples=examples(100))
@given(
    st.lists(st.tuples(st.text("abc ", max_size=7), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=30),
    st.integers(1, 200),
)
def test_whatever_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, float]], batch: int
) -> None:
    file = tmp_path_factory.mktemp("xpt") / "f"
    rows, _ = read(file, transport(member([("T", 7, ""), ("N", 0, "")], table)), batch)
    assert [(row[0], float(str(row[1])), row[2]) for row in rows] == [
        (text.strip() or None, number, line) for line, (text, number) in enumerate(table, start=1)
    ]


def test_a_number_with_a_date_format_is_shown_as_the_date_it_is(file: Path) -> None:
    columns = [("BORN", 0, "DATE"), ("SEEN", 0, "E8601DT"), ("AT", 0, "TIME"), ("N", 0, "BEST")]
    assert rows_of(file, columns, [(21915, 86400.0 * 21915, 3600, 21915), (".", ".", ".", ".")]) == [
        ("2020-01-01", "2020-01-01T00:00:00", "3600", "21915", 1),
        (None, None, None, None, 2),
    ]


def test_a_byte_outside_the_encoding_costs_one_record(file: Path) -> None:
    content = transport(member(COLUMNS, [("p1", 1, b"\xff"), ("p2", 2, "ok")]))
    assert read(file, content) == ([("p2", "2", "ok", 2)], [(1, "record.encoding")])


def test_a_second_data_set_refuses_the_file_instead_of_becoming_rows_of_the_first(file: Path) -> None:
    one = member(COLUMNS, [("p1", 1, "x")])
    with pytest.raises(DeliveryRefusedError, match="more than one data set"):
        read(file, transport(one, one))


@pytest.mark.parametrize("content", [b"", b"CANARY", b"CANARY" * 200, transport(member(COLUMNS, []))[:240]])
def test_what_is_no_transport_file_is_refused_without_its_content(file: Path, content: bytes) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        read(file, content)
    assert refusal.value.rule_id == "delivery.unreadable"
    assert "CANARY" not in str(refusal.value)


def test_a_file_that_is_cut_off_is_refused(file: Path) -> None:
    with pytest.raises(DeliveryRefusedError, match="cut off"):
        read(file, transport(member(COLUMNS, [("p1", 1, "x")]))[:-3])


def test_a_data_set_without_records_has_columns_and_no_rows(file: Path) -> None:
    assert read(file, transport(member(COLUMNS, []))) == ([], [])
