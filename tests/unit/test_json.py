"""A JSON array: every object is one record, and what cannot be one costs itself only."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.readers import json as json_reader
from registry_pipeline.feeds.readers.json import open_json
from tests.properties import examples

Row = tuple[object, ...]


def read(path: Path, content: str | bytes, batch: int = 1 << 20) -> tuple[tuple[str, ...], list[Row], list[Row]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    part = open_json(path, batch)
    batches = list(part.batches())
    rows = [row for item in batches for row in item.frame.rows()]
    return part.columns, rows, [(damage.line, damage.rule_id) for item in batches for damage in item.damages]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


def test_each_object_is_a_record_numbered_by_its_position(file: Path) -> None:
    assert read(file, '[{"a": 1, "b": " x "},\n\n{"b": "", "c": true}]') == (
        ("a", "b", "c"),
        [("1", "x", None, 1), (None, None, "true", 2)],
        [],
    )


def test_numbers_keep_the_spelling_they_were_sent_with(file: Path) -> None:
    assert read(file, '[{"a": 0.10, "b": 9007199254740993, "c": 1e2}]')[1] == [("0.10", "9007199254740993", "1e2", 1)]


def test_objects_inside_become_columns_with_dotted_names(file: Path) -> None:
    columns, rows, _ = read(file, '[{"id": 1, "patient": {"age": 30, "site": {"code": "x"}}}]')
    assert (columns, rows) == (("id", "patient.age", "patient.site.code"), [("1", "30", "x", 1)])


@pytest.mark.parametrize(
    "element",
    [
        *("[1]", "1", '"text"', "null", '{"a": [1]}', '{"a": NaN}', '{"a": 1, "a": 2}', '{"a.b": 1, "a": {"b": 2}}'),
        *('{"a": "\\ud800"}', '{"\\ud800": 1}'),
    ],
)
def test_what_cannot_be_a_record_costs_itself_only(file: Path, element: str) -> None:
    _, rows, damages = read(file, f'[{{"a": 1}}, {element}, {{"a": 3}}]')
    assert rows == [("1", 1), ("3", 3)]
    assert damages == [(2, "record.json")]


def test_bytes_that_are_not_utf_8_cost_their_object_only(file: Path) -> None:
    assert read(file, b'[{"a": "\xff"}, {"a": "ok"}]')[1:] == ([("ok", 2)], [(1, "record.encoding")])


@pytest.mark.parametrize("content", ['{"CANARY": 1}', "CANARY", "", '"CANARY"', '{"a": 1}\n{"a": 2}\n'])
def test_a_file_that_is_not_an_array_is_refused_without_its_content(file: Path, content: str) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        read(file, content)
    assert refusal.value.rule_id == "delivery.unreadable"
    assert "CANARY" not in str(refusal.value)


@pytest.mark.parametrize("end", ["", ",", "]]", '] {"a": 2}', ',{"a": ', ',{"a": "open]', ' {"a": 2}]', ",]"])
def test_a_document_that_is_broken_or_cut_off_is_refused(file: Path, end: str) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        read(file, '[{"a": 1}' + end)
    assert refusal.value.rule_id == "delivery.unreadable"


@pytest.mark.parametrize("content", ["[]", " [ ] ", "[1, 2]", "[{}]"])
def test_an_array_without_a_record_is_called_empty(file: Path, content: str) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        read(file, content)
    assert refusal.value.rule_id == "delivery.empty"


def test_a_document_broken_in_its_middle_is_not_read_to_its_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reader, "_PIECE", 10)
    monkeypatch.setattr(json_reader, "_MAX_OBJECT", 100)
    with pytest.raises(DeliveryRefusedError, match="broken"):
        read(file, '[{"a": ' + "[" * 1000 + "]" * 1000 + "}]")


# Python and polars agree on what a blank is, but for the control characters.
words = st.text(st.characters(codec="utf-8", exclude_characters="\ufffd", exclude_categories=["Cs", "Cc"]), max_size=5)
values = st.one_of(st.none(), st.booleans(), st.integers(), words)


@settings(deadline=None, max_examples=examples(200))
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), values, min_size=1), min_size=1, max_size=20),
    st.integers(1, 30),
    st.integers(1, 200),
    st.sampled_from([None, 1]),
)
def test_whatever_the_window_every_object_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, object]], piece: int, batch: int, indent: int | None
) -> None:
    file = tmp_path_factory.mktemp("json") / "f"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reader, "_PIECE", piece)
        columns, rows, damages = read(file, json.dumps(table, indent=indent), batch)
    assert damages == []
    assert len(rows) == len(table)
    for line, (row, record) in enumerate(zip(rows, table, strict=True), start=1):
        sent = [record.get(name) for name in columns]
        plain = ["" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in sent]
        assert [*(cell or "" for cell in row[:-1]), row[-1]] == [*(text.strip() for text in plain), line]
