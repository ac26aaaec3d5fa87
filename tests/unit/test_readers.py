"""Every reader: all records, as text, with their physical line; damage costs the damaged line and nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import CsvDialect
from registry_pipeline.feeds.readers.csv import open_csv
from registry_pipeline.feeds.readers.excel import open_excel
from registry_pipeline.feeds.readers.ndjson import open_ndjson
from registry_pipeline.feeds.readers.parquet import open_parquet
from tests.properties import examples

Row = tuple[object, ...]


def read_csv(path: Path, content: bytes, batch: int = 1 << 20, **dialect: str) -> tuple[list[Row], list[Row]]:
    path.write_bytes(content)
    batches = list(open_csv(path, CsvDialect(**dialect), batch).batches())
    rows = [row for item in batches for row in item.frame.rows()]
    return rows, [(damage.line, damage.rule_id) for item in batches for damage in item.damages]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_clean_lines_keep_their_physical_numbers(file: Path) -> None:
    assert read_csv(file, b"a,b\n1,2\n3,4\n") == ([("1", "2", 2), ("3", "4", 3)], [])


def test_a_last_line_without_newline_is_a_record(file: Path) -> None:
    assert read_csv(file, b"a,b\n1,2")[0] == [("1", "2", 2)]


def test_windows_line_ends_and_a_byte_order_mark_are_not_part_of_the_values(file: Path) -> None:
    assert read_csv(file, b"\xef\xbb\xbfa,b\r\n1,2\r\n") == ([("1", "2", 2)], [])


def test_quoted_delimiters_quotes_and_line_breaks_belong_to_their_cell(file: Path) -> None:
    rows, damages = read_csv(file, b'a,b\n1,"x,y"\n2,"say ""hi"""\n3,"two\nlines"\n4,z\n')
    assert rows == [("1", "x,y", 2), ("2", 'say "hi"', 3), ("3", "two\nlines", 4), ("4", "z", 6)]
    assert damages == []


def test_a_stray_quote_costs_its_own_line_only(file: Path) -> None:
    rows, damages = read_csv(file, b'a,b\n1,"open\n2,x\n3,y\n')
    assert rows == [("2", "x", 3), ("3", "y", 4)]
    assert damages == [(2, "record.quote")]


def test_a_quote_inside_an_unquoted_cell_costs_its_own_line_only(file: Path) -> None:
    rows, damages = read_csv(file, b'a,b\n1,5"x"\n2,x\n')
    assert (rows, damages) == ([("2", "x", 3)], [(2, "record.quote")])


def test_a_short_and_a_long_line_are_both_found_though_their_delimiters_add_up(file: Path) -> None:
    rows, damages = read_csv(file, b"a,b,c\n1,2\n1,2,3,4\n5,6,7\n")
    assert rows == [("5", "6", "7", 4)]
    assert damages == [(2, "record.ragged"), (3, "record.ragged")]


def test_blank_lines_are_no_records_and_still_count_as_lines(file: Path) -> None:
    assert read_csv(file, b"a,b\n1,2\n\n\r\n3,4\n\n")[0] == [("1", "2", 2), ("3", "4", 5)]


def test_bytes_outside_the_encoding_cost_their_own_line_only(file: Path) -> None:
    rows, damages = read_csv(file, b"a,b\n1,\xff\n2,\xc3\xa9\n")
    assert (rows, damages) == ([("2", "é", 3)], [(2, "record.encoding")])


def test_latin_1_with_semicolons_is_read_as_the_feed_says(file: Path) -> None:
    content = "Größe;Wert\n1,5;ä\n".encode("latin-1")
    assert read_csv(file, content, delimiter=";", encoding="latin-1")[0] == [("1,5", "ä", 2)]


@pytest.mark.slow
def test_an_open_quote_across_a_block_border_is_still_one_record(file: Path) -> None:
    content = b"a,b\n" + b"".join(b"%d,x\n" % number for number in range(50)) + b'50,"two\nlines"\n51,z\n'
    for batch in range(5, 60):
        rows, damages = read_csv(file, content, batch)
        assert damages == []
        assert [row[2] for row in rows] == [*range(2, 53), 54]


def test_blanks_around_a_cell_are_not_part_of_it_and_an_empty_cell_is_null(file: Path) -> None:
    assert read_csv(file, b"a,b\n 1 ,\n2,\t3\n")[0] == [("1", None, 2), ("2", "3", 3)]


def test_a_repeated_column_name_refuses_the_delivery(file: Path) -> None:
    file.write_bytes(b"a,a\n1,2\n")
    with pytest.raises(DeliveryRefusedError, match="same name"):
        open_csv(file, CsvDialect(), 1024)


# Python and polars agree on what a blank is, but for the control characters.
cells = st.text(st.characters(codec="utf-8", exclude_characters="\ufffd", exclude_categories=["Cs", "Cc"]), max_size=6)


def tidy(row: Sequence[str]) -> list[str | None]:
    return [cell.strip() or None for cell in row]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(100))
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=12), st.integers(8, 64))
def test_whatever_is_properly_quoted_is_read_back_unaltered(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str, str]], batch: int
) -> None:
    text = "a,b,c\n" + "".join(",".join(quoted(cell) for cell in row) + "\n" for row in table)
    rows, damages = read_csv(tmp_path_factory.mktemp("csv") / "f", text.encode(), batch)
    assert damages == []
    assert [list(row[:3]) for row in rows] == [tidy(row) for row in table if any(tidy(row))]


plain = st.text("abc123 .-", max_size=5)
damage = st.sampled_from(['x,"y', "x", "x,y,z,w", 'x,y"y,z', '"x"x,y,z'])


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(st.one_of(st.tuples(plain, plain, plain), damage), min_size=1, max_size=30), st.integers(8, 200))
def test_no_undamaged_line_is_lost_altered_or_moved_by_its_damaged_neighbours(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str, str] | str], batch: int
) -> None:
    text = "a,b,c\n" + "".join((line if isinstance(line, str) else ",".join(line)) + "\n" for line in lines)
    rows, damages = read_csv(tmp_path_factory.mktemp("csv") / "f", text.encode(), batch)
    intact = [(*tidy(line), number) for number, line in enumerate(lines, start=2) if not isinstance(line, str)]
    expected = [row for row in intact if any(row[:3])]
    assert [row for row in rows if row in expected] == expected
    assert len(rows) + len(damages) == len(lines) - len(intact) + len(expected)


def test_ndjson_gives_numbers_and_words_as_text_and_bad_lines_as_damage(file: Path) -> None:
    file.write_text('{"a": 1, "b": "x"}\n\nnot json\n[1]\n{"b": null, "c": true}\n')
    part = open_ndjson(file, 1 << 20)
    (batch,) = part.batches()
    assert part.columns == ("a", "b", "c")
    assert batch.frame.rows() == [("1", "x", None, 1), (None, None, "true", 5)]
    assert [(item.line, item.rule_id) for item in batch.damages] == [(3, "record.json"), (4, "record.json")]


def test_ndjson_finds_a_key_that_only_a_late_line_has(file: Path) -> None:
    file.write_text("".join(json.dumps({"a": number}) + "\n" for number in range(100)) + '{"late": 1}\n')
    assert open_ndjson(file, 64).columns == ("a", "late")


def test_parquet_values_become_text_with_their_row_number(file: Path) -> None:
    pl.DataFrame({"a": [1, None], "b": [True, False], "c": [1.5, 2.0]}).write_parquet(file)
    (batch,) = open_parquet(file).batches()
    assert batch.frame.rows() == [("1", "true", "1.5", 1), (None, "false", "2.0", 2)]


def test_a_file_that_is_not_parquet_is_refused_without_its_content(file: Path) -> None:
    file.write_text("CANARY")
    with pytest.raises(DeliveryRefusedError) as refusal:
        open_parquet(file)
    assert "CANARY" not in str(refusal.value)


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    book = xlsxwriter.Workbook(str(path))
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()


def test_excel_sheets_are_parts_with_the_sheets_own_row_numbers(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    workbook(path, {"One": [["a", "b"], [1, "x"], [], [2.5, "y"]], "Notes": [["free text"]]})
    (part,) = open_excel(path, ["One"], ["Notes"])
    (batch,) = part.batches()
    assert part.sheet == "One"
    assert batch.frame.sort(LINE).rows() == [("1", "x", 2), ("2.5", "y", 4)]


def test_a_sheet_that_the_feed_does_not_know_refuses_the_workbook(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    workbook(path, {"One": [["a"]], "Other": [["b"]]})
    with pytest.raises(DeliveryRefusedError, match="does not know"):
        open_excel(path, ["One"], [])
