"""FHIR bulk files: every value of a resource is a cell with a name that says where it stood."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.feeds.mapping import LINE
from registry_pipeline.feeds.model import FileFeed
from registry_pipeline.feeds.readers.base import Part
from registry_pipeline.feeds.readers.fhir import open_parts
from registry_pipeline.feeds.readers.fhir_resource import flattened
from registry_pipeline.feeds.readers.objects import NotFlatError
from registry_pipeline.feeds.sources import FhirBulk
from tests.properties import examples

LOINC = "http://loinc.org"
Row = tuple[object, ...]


def flat(**members: object) -> dict[str, str | None]:
    words = FhirBulk(systems={"loinc": LOINC}, answers={"LA6571-9": "3"})
    cells = flattened({"resourceType": "X", **members}, words)
    assert cells.pop("entered_in_error") == "false"
    return cells


def test_objects_and_lists_become_dotted_names_and_the_type_is_left_out() -> None:
    assert flat(id="a", name=[{"family": "F", "given": ["G", "H"]}], active=True, nothing=None) == {
        "id": "a",
        "name.0.family": "F",
        "name.0.given.0": "G",
        "name.0.given.1": "H",
        "active": "true",
    }


@pytest.mark.parametrize(
    ("reference", "cell"),
    [
        ("Patient/p-1", "p-1"),
        ("https://clinic.example/fhir/Patient/p.1", "p.1"),
        ("Patient/p1/_history/3", "p1"),
        ("urn:uuid:6385ddd7-2639", "6385ddd7-2639"),
        ("#contained", "#contained"),
        ("https://clinic.example/find?x=1", "https://clinic.example/find?x=1"),
    ],
)
def test_a_reference_is_the_id_it_points_to(reference: str, cell: str) -> None:
    assert flat(subject={"reference": reference}) == {"subject.reference": cell}


def test_a_code_of_a_named_system_is_found_wherever_it_stands_among_the_codings() -> None:
    ours = {"system": LOINC, "code": "8480-6"}
    other = {"system": "http://other", "code": "x"}
    assert flat(code={"coding": [ours]})["code.loinc"] == "8480-6"
    assert flat(code={"coding": [other, {**ours, "display": "D"}, ours]}) == {
        "code.coding.0.system": "http://other",
        "code.coding.0.code": "x",
        "code.loinc": "8480-6",
        "code.loinc.display": "D",
        "code.loinc.1": "8480-6",
    }


def test_components_are_named_by_their_code() -> None:
    systolic = {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": {"value": "120"}}
    assert flat(component=[systolic])["component.8480-6.valueQuantity.value"] == "120"


def test_an_extension_stands_under_the_last_part_of_its_address() -> None:
    nested = {"url": "http://x/race", "extension": [{"url": "omb", "valueCoding": {"code": "c", "display": "d"}}]}
    assert flat(extension=[{"url": "http://x/study-day", "valueInteger": "7"}, nested]) == {
        "extension.study-day": "7",
        "extension.race.extension.omb": "c",
        "extension.race.extension.omb.display": "d",
    }


def test_two_addresses_with_one_last_part_are_not_mixed_up() -> None:
    with pytest.raises(NotFlatError):
        flat(extension=[{"url": "http://x/day", "valueInteger": "1"}, {"url": "http://y/day", "valueInteger": "2"}])


def test_items_at_any_depth_are_named_by_their_link_and_give_their_answer() -> None:
    deep = {"linkId": "deep", "answer": [{"valueDecimal": "1.50", "item": [{"linkId": "why", "answer": []}]}]}
    under_answer = {"linkId": "q2", "answer": [{"valueBoolean": False, "item": [deep]}]}
    items = [
        {"linkId": "group", "text": "T", "item": [{"linkId": "q1", "answer": [{"valueInteger": "2"}]}, under_answer]},
        {"linkId": "q3", "answer": [{"valueCoding": {"system": LOINC, "code": "LA6568-5", "display": "Never"}}]},
        {"linkId": "q4", "answer": [{"valueString": "a"}, {"valueString": "b"}]},
        {"linkId": "q5", "answer": [{"valueQuantity": {"value": "5", "unit": "mg"}}]},
        {"linkId": "q6"},
    ]
    assert flat(item=items) == {
        "item.group.text": "T",
        "item.q1": "2",
        "item.q2": "false",
        "item.deep": "1.50",
        "item.q3": "LA6568-5",
        "item.q3.system": LOINC,
        "item.q3.display": "Never",
        "item.q4": "a",
        "item.q4.1": "b",
        "item.q5": "5",
        "item.q5.unit": "mg",
    }


def test_a_coded_answer_counts_what_the_feed_says() -> None:
    answers = [{"valueCoding": {"code": "LA6571-9"}}, {"valueCoding": {"code": "LA0000-0"}}]
    assert flat(item=[{"linkId": "q", "answer": answers}]) == {"item.q": "3", "item.q.1": "LA0000-0"}


def test_answers_of_a_group_that_repeats_stay_with_their_repetition() -> None:
    def visit(**answers: str) -> dict[str, object]:
        items = [{"linkId": link, "answer": [{"valueString": value}]} for link, value in answers.items()]
        return {"linkId": "visit", "item": items}

    # The first repetition lacks an answer; the second one's must not move into its place.
    assert flat(item=[visit(day="1"), visit(day="2", dose="30")]) == {
        "item.day": "1",
        "item.day.1": "2",
        "item.dose.1": "30",
    }


def test_a_procedure_tells_what_was_done_to_whom_in_which_course() -> None:
    procedure = {
        "status": "completed",
        "code": {"coding": [{"system": LOINC, "code": "ketamine"}]},
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "EpisodeOfCare/c1"},
        "extension": [{"url": "http://x/dose", "valueQuantity": {"value": "30.5", "unit": "mg"}}],
    }
    assert flat(**procedure) == {
        "status": "completed",
        "code.loinc": "ketamine",
        "subject.reference": "p1",
        "encounter.reference": "c1",
        "extension.dose": "30.5",
        "extension.dose.unit": "mg",
    }


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["item", "coding", "linkId", "answer", "extension", "url", "valueX"]), inner),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=examples(200))
@given(st.dictionaries(st.sampled_from(["item", "code", "component", "extension", "subject"]), json_values))
def test_whatever_a_resource_holds_it_is_flat_or_told_to_be_not(members: dict[str, object]) -> None:
    try:
        cells = flat(**members)
    except NotFlatError:
        return
    assert all(isinstance(cell, str) for cell in cells.values())


def entry(kinds: Sequence[str], **options: object) -> FileFeed:
    tables = [{"table": "patient", "sheet": kind, "columns": {"patient_id": "id"}} for kind in kinds]
    content = {"pattern": "x", "format": "fhir", "mode": "snapshot", "tables": tables, **options}
    return FileFeed.model_validate(content)


def parts_of(
    folder: Path, lines: Iterable[object], kinds: Sequence[str], batch: int = 1 << 20, **options: object
) -> list[Part]:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "file.ndjson").write_text(text)
    return open_parts(folder / "file.ndjson", entry(kinds, **options), batch)


def frame_of(part: Part) -> pl.DataFrame:
    return pl.concat([batch.frame for batch in part.batches()])


def damages_of(part: Part) -> list[Row]:
    return [(damage.line, damage.rule_id) for batch in part.batches() for damage in batch.damages]


PATIENT = {"resourceType": "Patient", "id": "a"}
SCORE = {"resourceType": "Observation", "id": "o", "status": "final", "valueInteger": 7}


@pytest.mark.parametrize("batch", [1, 100, 1 << 20])
def test_each_resource_type_is_a_part_with_the_lines_of_the_file(tmp_path: Path, batch: int) -> None:
    patients, scores, rest = parts_of(tmp_path, [PATIENT, SCORE, "", PATIENT], ["Patient", "Observation"], batch)
    assert (patients.sheet, frame_of(patients).rows()) == ("Patient", [("a", "false", 1), ("a", "false", 4)])
    assert (scores.sheet, frame_of(scores)[LINE].to_list()) == ("Observation", [2])
    assert (rest.columns, damages_of(rest)) == ((), [])


def test_numbers_keep_the_spelling_they_were_sent_with(tmp_path: Path) -> None:
    line = '{"resourceType": "Observation", "id": "o", "valueQuantity": {"value": 29.330}}'
    (part,) = parts_of(tmp_path, [line], ["Observation"])
    assert frame_of(part)["valueQuantity.value"].to_list() == ["29.330"]


def test_an_element_that_only_the_feed_names_is_an_empty_column(tmp_path: Path) -> None:
    mapping = {"table": "patient", "sheet": "Patient", "columns": {"sex": "gender"}}
    (part,) = parts_of(tmp_path, [PATIENT], [], tables=[mapping])
    assert frame_of(part).select("id", "gender").rows() == [("a", None)]


def test_a_line_that_is_no_resource_costs_itself_only(tmp_path: Path) -> None:
    broken = ['{"resourceType": "Patient", ', "[1]", '{"id": "a"}', '{"resourceType": 1}', '{"id": NaN}']
    (part,) = parts_of(tmp_path, [*broken, PATIENT], ["Patient"])
    assert frame_of(part).rows() == [("a", "false", 6)]
    assert damages_of(part) == [(line, "record.json") for line in range(1, 6)]


def test_in_a_file_of_several_types_a_line_that_is_no_resource_is_of_none_of_them(tmp_path: Path) -> None:
    *parts, rest = parts_of(tmp_path, [PATIENT, "[1]", SCORE], ["Patient", "Observation"])
    assert [damages_of(part) for part in parts] == [[], []]
    assert (rest.columns, damages_of(rest)) == ((), [(2, "record.json")])


def test_a_resource_that_is_not_built_as_fhir_says_is_damage_of_its_type(tmp_path: Path) -> None:
    part, _, rest = parts_of(tmp_path, [{**PATIENT, "extension": [1]}, PATIENT, SCORE], ["Patient", "Observation"])
    assert (frame_of(part)[LINE].to_list(), damages_of(part)) == ([2], [(1, "record.json")])
    assert damages_of(rest) == []


def test_a_resource_entered_in_error_takes_back_what_was_sent_before(tmp_path: Path) -> None:
    wrong = {**SCORE, "status": "entered-in-error"}
    unsure = {**SCORE, "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}
    (part,) = parts_of(tmp_path, [SCORE, wrong, unsure], ["Observation"])
    assert frame_of(part)["entered_in_error"].to_list() == ["false", "true", "true"]


def test_a_type_that_the_feed_does_not_know_refuses_the_file_unless_it_is_ignored(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        parts_of(tmp_path, [PATIENT, SCORE], ["Patient"])
    assert refusal.value.rule_id == "delivery.sheet"
    (part,) = parts_of(tmp_path, [PATIENT, SCORE], ["Patient"], ignore_sheets=["Observation"])
    assert frame_of(part).height == 1


@pytest.mark.parametrize("lines", [[], ["CANARY"], ["", ""]])
def test_a_file_without_a_resource_of_the_feed_is_refused_without_its_content(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        parts_of(tmp_path, lines, ["Patient"])
    assert refusal.value.rule_id == "delivery.empty"
    assert "CANARY" not in str(refusal.value)


def shared_part(shared: Path, file: str, kind: str) -> Part:
    options = {"fhir": {"systems": {"loinc": LOINC}}}
    (part,) = open_parts(shared / "data/fhir" / file, entry([kind], **options), 1 << 16)
    return part


def test_the_shared_vital_signs_are_read_with_code_value_and_patient(shared: Path) -> None:
    part = shared_part(shared, "observation/vitals.ndjson", "Observation")
    columns = ("code.loinc", "valueQuantity.value", "valueQuantity.code", "subject.reference", LINE)
    patient = "6385ddd7-2639-6505-3789-0521b8f66c8b"
    assert frame_of(part).select(columns).rows() == [
        ("39156-5", "29.33", "kg/m2", patient, 1),
        ("72514-3", "2", "{score}", patient, 2),
    ]
    assert damages_of(part) == []


@pytest.mark.parametrize(("file", "n_patients"), [("patient1", 1), ("patient-remainder", 49)])
def test_the_shared_patients_are_refused_and_without_numbers_and_narrative_read_to_the_last(
    shared: Path, tmp_path: Path, file: str, n_patients: int
) -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        shared_part(shared, f"patient/{file}.ndjson", "Patient")
    assert refusal.value.rule_id == "delivery.identifier_field"
    lines = (shared / f"data/fhir/patient/{file}.ndjson").read_text().splitlines()
    patients = [
        {key: cell for key, cell in json.loads(line).items() if key not in {"identifier", "text"}} for line in lines
    ]
    (part,) = parts_of(tmp_path, patients, ["Patient"])
    # The names of these columns are left to the guard, which refuses them in every format.
    identifying = ["name.0.family", "birthDate", "address.0.line.0", "address.0.postalCode"]
    assert frame_of(part).select(identifying).null_count().row(0) == (0, 0, 0, 0)
    assert (frame_of(part).height, damages_of(part)) == (n_patients, [])
