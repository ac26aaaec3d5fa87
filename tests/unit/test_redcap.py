"""REDCap exports: every form's records with their columns, and nothing of a line lost between two forms."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from registry_pipeline.errors import DeliveryRefusedError, FeedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Part
from registry_pipeline.feeds.readers.redcap import open_parts
from registry_pipeline.feeds.readers.redcap_dictionary import read_dictionary
from tests.properties import examples

Row = tuple[object, ...]
DICTIONARY = """\
"Variable / Field Name","Form Name","Field Type","Choices, Calculations, OR Slider Labels",\
"Text Validation Type OR Show Slider Number",Identifier?
record_id,start,text,,,
age,start,text,,integer,
sex,start,radio,"1, Female | 2, Male, or so",,
gym,start,checkbox,"0, Monday | -1, Never | A.b, Other",,
hint,start,descriptive,,,
bp,bp,text,,integer,
calm,bp,yesno,,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dictionary.csv").write_text(DICTIONARY)
    return tmp_path


def entry(dictionary: Path, forms: Sequence[str], **options: object) -> FileFeed:
    redcap = {"dictionary": dictionary, "labels": options.pop("labels", [])}
    tables = [{"table": "patient", "sheet": form} for form in forms]
    content = {"pattern": "x", "format": "redcap", "mode": "snapshot", "redcap": redcap, "tables": tables, **options}
    return FileFeed.model_validate(content)


def parts_of(folder: Path, export: str, forms: Sequence[str] = ("start", "bp"), **options: object) -> list[Part]:
    (folder / "export.csv").write_text(export)
    return open_parts(folder / "export.csv", entry(folder / "dictionary.csv", forms, **options), 1 << 20)


def rows_of(parts: list[Part], form: str) -> list[Row]:
    (part,) = (part for part in parts if part.sheet == form)
    return [row for batch in part.batches() for row in batch.frame.select(*part.columns, LINE).rows()]


def damages_of(parts: list[Part]) -> list[Row]:
    return [(damage.line, damage.rule_id) for part in parts for batch in part.batches() for damage in batch.damages]


def refusal_of(folder: Path, export: str, forms: Sequence[str] = ("start", "bp"), **options: object) -> str:
    with pytest.raises(DeliveryRefusedError) as refusal:
        parts_of(folder, export, forms, **options)
    return refusal.value.rule_id


def test_a_line_of_two_forms_is_a_record_of_each_with_its_own_columns(folder: Path) -> None:
    parts = parts_of(folder, "record_id,age,start_complete,bp,bp_complete\n1,30,2,120,2\n2,40,2,,0\n")
    assert [part.columns for part in parts] == [
        (),
        ("record_id", "age", "start_complete"),
        ("record_id", "bp", "bp_complete"),
    ]
    assert rows_of(parts, "start") == [("1", "30", "2", 2), ("2", "40", "2", 3)]
    assert rows_of(parts, "bp") == [("1", "120", "2", 2)]
    assert damages_of(parts) == []


def test_a_form_may_repeat_in_one_event_and_not_in_another(folder: Path) -> None:
    parts = parts_of(
        folder,
        "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,bp\n"
        "1,baseline,,,120\n1,visits,bp,1,121\n1,visits,bp,2,122\n",
        ["bp"],
    )
    assert rows_of(parts, "bp") == [
        ("1", "baseline", "1", "120", 2),
        ("1", "visits", "1", "121", 3),
        ("1", "visits", "2", "122", 4),
    ]


def test_a_repeating_event_keeps_its_instance(folder: Path) -> None:
    header = "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,age,bp\n"
    parts = parts_of(folder, header + "1,visits,,3,30,120\n")
    assert rows_of(parts, "start") == [("1", "visits", "3", "30", 2)]
    assert rows_of(parts, "bp") == [("1", "visits", "3", "120", 2)]


def test_boxes_nobody_ticked_and_the_status_incomplete_do_not_make_a_record(folder: Path) -> None:
    parts = parts_of(
        folder,
        "record_id,gym___0,gym____1,gym___a_b,start_complete,bp\n1,0,0,0,0,5\n2,1,0,0,0,5\n3,0,0,0,1,5\n4,,,,,5\n",
    )
    assert [row[-1] for row in rows_of(parts, "start")] == [3, 4]


def test_a_line_that_is_empty_in_every_form_is_told_and_not_dropped(folder: Path) -> None:
    parts = parts_of(folder, "record_id,age,start_complete,bp\n1,30,2,\n2,,0,\n3,,,7\n")
    assert damages_of(parts) == [(3, "record.empty")]


def test_a_line_that_fills_a_form_beside_its_repeating_one_is_a_record_of_neither(folder: Path) -> None:
    parts = parts_of(
        folder,
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,age,bp\n1,bp,1,30,120\n1,nothing,1,,120\n1,bp,2,,8\n",
    )
    assert (rows_of(parts, "start"), rows_of(parts, "bp")) == ([], [("1", "2", "8", 4)])
    assert damages_of(parts) == [(2, "record.redcap"), (3, "record.redcap")]


def test_a_damaged_line_is_told_once_and_costs_no_other(folder: Path) -> None:
    parts = parts_of(folder, 'record_id,age,bp\n1,30,5\n2,30\n3,"open,4\n4,40,6\n')
    assert [row[0] for row in rows_of(parts, "start")] == ["1", "4"]
    assert damages_of(parts) == [(3, "record.ragged"), (4, "record.quote")]


def test_a_missing_code_ticked_empties_its_whole_group(folder: Path) -> None:
    export = "record_id,gym___0,gym____1,gym___ni,bp\n1,0,0,1,5\n2,1,0,0,5\n"
    parts = parts_of(folder, export, null_values=["NI"])
    assert rows_of(parts, "start") == [("1", None, None, 2), ("2", "1", "0", 3)]
    assert refusal_of(folder, export) == "delivery.dictionary"


def test_the_feed_sees_labels_where_it_asks_for_them(folder: Path) -> None:
    export = "record_id,sex,start_complete,bp,calm\n1,2,1,1,1\n2,9,2,1,0\n"
    parts = parts_of(folder, export, labels=["sex", "c*", "start_complete"])
    assert rows_of(parts, "start") == [("1", "Male, or so", "Unverified", 2), ("2", "9", "Complete", 3)]
    assert rows_of(parts, "bp") == [("1", "1", "Yes", 2), ("2", "1", "No", 3)]


def test_a_form_the_feed_ignores_gives_no_records_but_its_columns_are_seen(folder: Path) -> None:
    parts = parts_of(folder, "record_id,age,bp\n1,30,\n1,,5\n", ["start"], ignore_sheets=["bp"])
    assert [part.sheet for part in parts] == [None, "start"]
    assert parts[0].unread == ("record_id", "age", "bp")
    assert damages_of(parts) == []


def test_a_column_that_the_dictionary_does_not_have_refuses_the_export(folder: Path) -> None:
    assert refusal_of(folder, "record_id,age,bp,extra\n1,30,5,x\n") == "delivery.dictionary"


def test_a_form_that_the_feed_does_not_know_refuses_the_export(folder: Path) -> None:
    assert refusal_of(folder, "record_id,age,bp\n1,30,5\n", ["start"]) == "delivery.sheet"


def test_a_form_that_the_feed_maps_and_the_export_lacks_refuses_it(folder: Path) -> None:
    assert refusal_of(folder, "record_id,age\n1,30\n") == "delivery.sheet"


def test_a_file_without_header_does_not_tell_its_first_line(folder: Path) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        parts_of(folder, "CANARY,30,5\n2,30,5\n")
    assert refusal.value.rule_id == "delivery.header"
    assert "CANARY" not in str(refusal.value)


@pytest.mark.parametrize("field", ["mail,start,text,,,y", "mail,start,text,,email,", "mail,start,text,,phone,"])
def test_an_identifier_field_refuses_the_export_whether_the_feed_ignores_it_or_not(folder: Path, field: str) -> None:
    (folder / "dictionary.csv").write_text(DICTIONARY + field + "\n")
    assert refusal_of(folder, "record_id,mail,bp\n1,,5\n", ignore=["mail"]) == "delivery.identifier_field"
    assert parts_of(folder, "record_id,age,bp\n1,30,5\n")


def test_the_identifier_of_a_survey_refuses_the_export(folder: Path) -> None:
    export = "record_id,redcap_survey_identifier,age,bp\n1,,30,5\n"
    assert refusal_of(folder, export, ignore=["redcap_*"]) == "delivery.identifier_field"


def test_without_a_dictionary_an_export_is_refused(folder: Path) -> None:
    (folder / "export.csv").write_text("record_id\n1\n")
    bare = entry(folder / "x", ["start"]).model_copy(update={"redcap": FileFeed.model_fields["redcap"].default})
    with pytest.raises(DeliveryRefusedError, match="names no data dictionary"):
        open_parts(folder / "export.csv", bare, 1 << 20)


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", DICTIONARY + "age,start,text,,,\n", DICTIONARY + ",start,text,,,\n"]
)
def test_what_is_no_data_dictionary_is_an_error_of_the_feed(folder: Path, content: str) -> None:
    (folder / "dictionary.csv").write_text(content)
    with pytest.raises(FeedError) as error:
        parts_of(folder, "record_id,age\n1,30\n")
    assert error.value.file == str(folder / "dictionary.csv")


def test_a_feed_without_dictionary_or_sheets_is_told_at_once(folder: Path) -> None:
    content = entry(folder / "dictionary.csv", ["start"]).model_dump(by_alias=True)
    changes: list[dict[str, object]] = [{"redcap": {}}, {"tables": [{"table": "patient"}]}]
    for change in changes:
        with pytest.raises(ValidationError, match="redcap"):
            FileFeed.model_validate({**content, **change})


cells = st.sampled_from(["", "", "0", "1", "2", "NI"])
instruments = st.sampled_from(["", "", "bp", "start", "nothing"])


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.tuples(instruments, *[cells] * 6), min_size=1, max_size=20), st.integers(10, 300))
def test_every_line_is_a_record_of_a_form_or_told_why_not(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, ...]], batch: int
) -> None:
    folder = tmp_path_factory.mktemp("redcap")
    (folder / "dictionary.csv").write_text(DICTIONARY)
    header = "record_id,redcap_repeat_instrument,age,gym___0,gym___ni,start_complete,bp,bp_complete\n"
    (folder / "export.csv").write_text(header + "".join(f"1,{','.join(row)}\n" for row in table))
    feed = entry(folder / "dictionary.csv", ["start", "bp"], null_values=["NI"])
    parts = open_parts(folder / "export.csv", feed, batch)
    of_forms = [{row[-1] for row in rows_of(parts, form)} for form in ("start", "bp")]
    damaged = [line for line, _ in damages_of(parts)]
    assert len(damaged) == len(set(damaged))
    assert set.union(*of_forms) | set(damaged) == set(range(2, len(table) + 2))
    assert not set.union(*of_forms) & set(damaged)


# Eight real-world shapes (MIT, synthetic people). As they are, most carry identifiers; the second test exports them
# again as REDCap does with its option to remove identifier fields.


def export_of(shared: Path, name: str) -> tuple[Path, Path]:
    folder = shared / "data/redcap" / name
    return folder / "data.csv", next(folder.glob("dict*.csv"))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, "delivery.identifier_field") for name in ("dag", "decimal-comma", "longitudinal", "survey")),
        ("repeating-instruments", "delivery.identifier_field"),
        ("repeating-instruments-sparse", "delivery.identifier_field"),
        ("empty-rows", "delivery.empty"),
    ],
)
def test_a_shared_export_with_identifiers_is_refused(shared: Path, name: str, rule: str) -> None:
    data, dictionary = export_of(shared, name)
    with pytest.raises(DeliveryRefusedError) as refusal:
        open_parts(data, entry(dictionary, list(read_dictionary(dictionary).forms)), 1 << 20)
    assert refusal.value.rule_id == rule


def without_identifiers(data: Path, dictionary: Path, target: Path) -> Path:
    identifiers = {field.name for field in read_dictionary(dictionary).fields if field.is_identifier}
    with data.open(newline="") as source, target.open("w", newline="") as copy:
        rows = list(csv.DictReader(source))
        kept = [name for name in rows[0] if name not in identifiers | {"redcap_survey_identifier"}]
        writer = csv.DictWriter(copy, kept, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.mark.parametrize(
    ("name", "n_records", "empty"),
    [
        # Without names there is nothing left in the first export but the record ids.
        ("dag", {"demographics": 0}, [2, 3, 4]),
        ("decimal-comma", {"demographics": 4}, []),
        (
            "longitudinal",
            {
                "demographics": 3,
                "contact_info": 5,
                "baseline_data": 3,
                "visit_lab_data": 4,
                "patient_morale_questionnaire": 10,
                "visit_blood_workup": 4,
                "visit_observed_behavior": 6,
                "completion_data": 2,
                "completion_project_questionnaire": 3,
            },
            [],
        ),
        ("nonnumeric-record-id", {"demographics": 3}, []),
        ("repeating-instruments", {"demographics": 2, "bp": 4}, []),
        ("repeating-instruments-sparse", {"demographics": 4, "bp": 4}, [10]),
        (
            "survey",
            {
                "prescreening_survey": 2,
                "participant_info_survey": 0,
                "participant_morale_questionnaire": 0,
                "completion_data": 0,
            },
            [],
        ),
    ],
)
def test_a_shared_export_without_identifiers_is_split_into_its_forms(
    shared: Path, tmp_path: Path, name: str, n_records: dict[str, int], empty: list[int]
) -> None:
    data, dictionary = export_of(shared, name)
    copy = without_identifiers(data, dictionary, tmp_path / "export.csv")
    parts = open_parts(copy, entry(dictionary, list(n_records)), 1 << 20)
    assert {form: len(rows_of(parts, form)) for form in n_records} == n_records
    assert damages_of(parts) == [(line, "record.empty") for line in empty]


def test_every_line_of_the_longitudinal_export_is_in_at_least_one_form(shared: Path, tmp_path: Path) -> None:
    data, dictionary = export_of(shared, "longitudinal")
    copy = without_identifiers(data, dictionary, tmp_path / "export.csv")
    forms = list(read_dictionary(dictionary).forms)
    parts = open_parts(copy, entry(dictionary, forms), 1 << 20)
    lines = {row[-1] for form in forms for row in rows_of(parts, form)}
    assert lines == set(range(2, 20))
