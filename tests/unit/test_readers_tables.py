"""Parquet and Excel: whatever type a cell has, it comes as text that says the same, or as a finding; never as a guess."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.readers.excel import open_excel
from registry_pipeline.feeds.readers.parquet import open_parquet

Row = tuple[object, ...]


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    return tmp_path / "file.parquet"


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    return tmp_path / "book.xlsx"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([Decimal("1.50"), None]), ["1.50", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array([1, 2]).dictionary_encode(), ["1", "2"]),
        (pa.array([2**63 - 1, None]), ["9223372036854775807", None]),
        (pa.array([2**64 - 1, 0], pa.uint64()), ["18446744073709551615", "0"]),
        (pa.array([float("nan"), 1.5]), [None, "1.5"]),
        (pa.array([float("inf"), 35.0]), ["inf", "35.0"]),
        (pa.array([0.1, 35.0], pa.float32()), ["0.1", "35.0"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.nulls(2), [None, None]),
        (pa.array([" a ", ""], pa.large_string()), ["a", None]),
        (pa.array([b"ab", None]), ["ab", None]),
        (pa.array([date(2024, 3, 5), None]), ["2024-03-05", None]),
        (pa.array([time(13, 30), None]), ["13:30:00", None]),
        (pa.array([datetime(2024, 3, 5, 1, tzinfo=UTC), None]), ["2024-03-05 01:00:00.000000+00:00", None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_parquet_types_come_as_text_that_says_the_same(parquet: Path, values: pa.Array, text: list[str | None]) -> None:
    pq.write_table(pa.table({"a": values, "b": [1, 2]}), parquet)
    (batch,) = open_parquet(parquet).batches()
    assert batch.frame["a"].to_list() == text
    assert batch.damages == []


def test_bytes_that_are_no_text_cost_their_row(parquet: Path) -> None:
    pq.write_table(pa.table({"a": [b"x", b"\xff\x00", b"z"]}), parquet)
    (batch,) = open_parquet(parquet).batches()
    assert batch.frame.rows() == [("x", 1), ("z", 3)]
    assert [(damage.line, damage.rule_id) for damage in batch.damages] == [(2, "record.encoding")]


@pytest.mark.parametrize("value", [[1], {"x": 1}, timedelta(1)], ids=["list", "struct", "duration"])
def test_parquet_columns_without_plain_values_are_refused_by_position(parquet: Path, value: object) -> None:
    pq.write_table(pa.table({"CANARY": [value]}), parquet)
    with pytest.raises(DeliveryRefusedError, match="Column 1 of the file") as refusal:
        open_parquet(parquet)
    assert "CANARY" not in str(refusal.value)


def test_a_parquet_file_without_rows_has_no_records(parquet: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), parquet)
    part = open_parquet(parquet)
    assert part.columns == ("a",)
    assert sum(batch.frame.height for batch in part.batches()) == 0


def test_parquet_columns_of_the_same_name_are_refused(parquet: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a "]), parquet)
    with pytest.raises(DeliveryRefusedError, match="same name"):
        open_parquet(parquet)


def test_a_parquet_file_that_is_cut_off_or_broken_inside_is_refused(parquet: Path) -> None:
    pq.write_table(pa.table({"a": ["x" * 50] * 1_000}), parquet, compression="snappy", use_dictionary=False)
    content = parquet.read_bytes()
    for broken in (content[:-5], content[:100], b"PAR1", content[:40] + bytes(60) + content[100:]):
        parquet.write_bytes(broken)
        with pytest.raises(DeliveryRefusedError) as refusal:
            list(open_parquet(parquet).batches())
        assert refusal.value.rule_id == "delivery.unreadable"


def sheet_rows(path: Path) -> list[Row]:
    (part,) = open_excel(path, ["A"], [])
    return [row for batch in part.batches() for row in batch.frame.rows()]


def test_excel_cells_come_as_the_values_they_hold(workbook: Path) -> None:
    with xlsxwriter.Workbook(str(workbook)) as book:
        sheet = book.add_worksheet("A")
        day, moment, hour = (
            book.add_format({"num_format": form}) for form in ("d mmm yy", "dd.mm.yyyy hh:mm", "hh:mm")
        )
        sheet.write_row(0, 0, ["whole", "part", "yes", "date", "moment", "hour", "formula", "text", "blank"])
        sheet.write_row(1, 0, [35.0, 0.1 + 0.2, True])
        sheet.write_datetime(1, 3, datetime(2024, 3, 5), day)  # noqa: DTZ001 - Excel has no time zones
        sheet.write_datetime(1, 4, datetime(2024, 3, 5, 13, 30), moment)  # noqa: DTZ001
        sheet.write_datetime(1, 5, time(13, 30), hour)
        sheet.write_formula(1, 6, "=1+1", None, 2)
        sheet.write_string(1, 7, " 007 ")
        sheet.write_string(1, 8, "  ")
    # The blank column has a name, hence stays.
    assert sheet_rows(workbook) == [
        ("35", "0.3", "true", "2024-03-05 00:00:00", "2024-03-05 13:30:00", "13:30:00", "2", "007", None, 2)
    ]


def test_an_error_in_a_cell_is_not_taken_for_an_empty_one(workbook: Path) -> None:
    with xlsxwriter.Workbook(str(workbook)) as book:
        sheet = book.add_worksheet("A")
        sheet.write_row(0, 0, ["a", "b", "c"])
        for column, error in enumerate(["#N/A", "#DIV/0!", "#REF!"]):
            sheet.write_formula(1, column, "=x", None, error)
    assert sheet_rows(workbook) == [("#N/A", "#DIV/0!", "#REF!", 2)]


def test_rows_keep_the_sheets_numbers_though_some_are_empty_or_merged(workbook: Path) -> None:
    with xlsxwriter.Workbook(str(workbook)) as book:
        sheet = book.add_worksheet("A")
        sheet.write_row(2, 1, ["a", "b"])
        sheet.write_row(4, 1, [1, 2])
        sheet.merge_range(6, 1, 7, 1, "both")
        sheet.write(7, 2, 3)
        sheet.write_row(9, 1, ["", " "])
    assert sheet_rows(workbook) == [("1", "2", 5), ("both", None, 7), (None, "3", 8)]


def test_a_column_of_values_without_a_name_is_not_dropped(workbook: Path) -> None:
    with xlsxwriter.Workbook(str(workbook)) as book:
        sheet = book.add_worksheet("A")
        sheet.write_row(0, 0, ["a", "", "c"])
        sheet.write_row(1, 0, [1, 2, 3])
    (part,) = open_excel(workbook, ["A"], [])
    assert part.columns == ("a", "", "c")


def test_a_hidden_sheet_counts_as_any_other(workbook: Path) -> None:
    with xlsxwriter.Workbook(str(workbook)) as book:
        book.add_worksheet("A").write(0, 0, "a")
        book.add_worksheet("B").hide()
    with pytest.raises(DeliveryRefusedError, match="does not know"):
        open_excel(workbook, ["A"], [])
    assert len(open_excel(workbook, ["A"], ["B"])) == 1


def test_a_header_alone_has_no_records_and_an_empty_sheet_is_refused(workbook: Path) -> None:
    with xlsxwriter.Workbook(str(workbook)) as book:
        book.add_worksheet("A").write(0, 0, "a")
        book.add_worksheet("B")
    (part,) = open_excel(workbook, ["A"], ["B"])
    assert [batch.frame.height for batch in part.batches()] == [0]
    with pytest.raises(DeliveryRefusedError) as refusal:
        open_excel(workbook, ["B"], ["A"])
    assert refusal.value.rule_id == "delivery.empty"


@pytest.mark.parametrize("content", [b"", b"CANARY", b"PK\x03\x04 cut"])
def test_what_is_no_workbook_is_refused_without_its_content(workbook: Path, content: bytes) -> None:
    workbook.write_bytes(content)
    with pytest.raises(DeliveryRefusedError) as refusal:
        open_excel(workbook, ["A"], [])
    assert "CANARY" not in str(refusal.value)


def test_a_parquet_file_whose_text_is_no_text_is_refused(tmp_path: Path) -> None:
    offsets = pa.array([0, 2, 4], pa.int32()).buffers()[1]
    text = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"ok\xff\xfe"))
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"course_id": text}), file)

    with pytest.raises(DeliveryRefusedError, match="damaged or cut off"):
        list(open_parquet(file).batches())
