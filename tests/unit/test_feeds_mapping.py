"""Every word of the mapping language does what docs/how-to/map-a-feed.md says, and a mistake shows at its line."""

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_pipeline.contracts.compile import compile_table
from registry_pipeline.contracts.load import Contracts, load_contracts
from registry_pipeline.errors import DeliveryRefusedError, FeedError
from registry_pipeline.feeds.load import load_feed
from registry_pipeline.feeds.mapping import LINE, CompiledMapping, compile_mappings
from registry_pipeline.feeds.mapping.convert import number, or_as_sent, rounded, times
from registry_pipeline.feeds.units import Factor, factor
from registry_pipeline.ingest.cast import cast_batch
from registry_pipeline.settings import Settings
from tests.properties import examples

HEAD = "clinic_id: C901\nversion: 1.0.0\nclinic_type: pain\ndeid_method: safe_harbor\nfiles:\n"
ENTRY = '  - pattern: "*.csv"\n    format: csv\n    mode: snapshot\n'


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings())


@pytest.fixture
def compiled(tmp_path: Path, contracts: Contracts):
    def compile_(tables: str, columns: list[str], entry: str = "", head: str = HEAD) -> list[CompiledMapping]:
        file = tmp_path / "C901.yaml"
        file.write_text(head + ENTRY + entry + "    tables:\n" + tables, encoding="utf-8")
        (one,) = load_feed(file, contracts).files
        return compile_mappings(one, one.tables, contracts.tables, columns)

    return compile_


def rows(mapping: CompiledMapping, columns: dict[str, list[str | None]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the raw records of a frame, and what they become."""
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    records = mapping.records(frame.with_columns(pl.int_range(2, frame.height + 2, dtype=pl.Int64).alias(LINE)))
    return records, mapping.to_contract(records)


def type_findings(text: pl.DataFrame, contracts: Contracts, table: str) -> list[tuple[int, str]]:
    return cast_batch(text, compile_table(contracts.tables[table]))[1].rows()


PATIENT = """
      - table: patient
        columns:
          patient_id: id
          age_band: {constant: 25-34}
          sex: {constant: unknown}
          region: {constant: unknown}
          data_cut_day: {constant: 100}
"""
SESSION = """
      - table: session
        columns:
          session_id: id
          course_id: {constant: K1}
          session_no: {constant: 1}
          phase_reported: {constant: induction}
          route: {constant: iv}
          drug: {constant: racemic}
          product: {constant: approved}
          setting: {constant: clinic}
          stop_reason: {constant: completed}
          staff_level: {constant: rn}
          ae_form_status: {constant: complete}
"""
SCORE = """
      - table: outcome_assessment
        columns:
          assessment_id: {template: "{id}-{visit}"}
          patient_id: id
          instrument: {constant: phq9}
          mode: {constant: self}
          recall: {constant: 14d}
          scored_by: {constant: source}
          total: score
"""


def test_a_unit_is_converted_exactly_and_rounded_to_the_contracts_places(compiled) -> None:
    (mapping,) = compiled(
        PATIENT + "          weight_kg: {from: lb, unit: lb}\n          height_cm: {from: inches, unit: in}\n",
        ["id", "lb", "inches"],
    )
    _, text = rows(mapping, {"id": ["a", "b", "c"], "lb": ["154.5", None, "0.11"], "inches": ["70", "67.25", "5e1"]})
    assert text["weight_kg"].to_list() == ["70.1", None, "0.0"]
    assert text["height_cm"].to_list() == ["177.8", "170.8", "127.0"]


def test_a_dose_per_kg_takes_the_weight_of_its_row(compiled, contracts: Contracts) -> None:
    (mapping,) = compiled(
        SESSION + "          study_day: day\n          dose_mg: {from: dose, unit: mg/kg, weight: kg}\n",
        ["id", "day", "dose", "kg"],
    )
    columns = {
        "id": ["a", "b", "c", "d", "e"],
        "day": ["0"] * 5,
        "dose": ["0.5", "0.5", None, "abc", "0.30000000000000004"],
        "kg": ["70", None, "70", "70", "70"],
    }
    records, text = rows(mapping, columns)
    assert text["dose_mg"].to_list() == ["35.00", "0.5 (not converted)", None, "abc 70 (not converted)", "21.00"]
    assert type_findings(text, contracts, "session") == [(1, "session.dose_mg_type"), (3, "session.dose_mg_type")]
    assert records["dose"].to_list() == columns["dose"]


def test_decimal_commas_are_read_in_conversions(compiled) -> None:
    (mapping,) = compiled(
        PATIENT + "          weight_kg: {from: lb, unit: lb}\n",
        ["id", "lb"],
        '    csv: {delimiter: ";", decimal: ","}\n',
    )
    assert rows(mapping, {"id": ["a"], "lb": ["154,5"]})[1]["weight_kg"].to_list() == ["70.1"]


def test_a_day_is_counted_from_another_and_a_week_has_seven(compiled, contracts: Contracts) -> None:
    (mapping,) = compiled(
        SCORE + "          study_day: {from: day, minus: first}\n          timing_rel_dose: {constant: none}\n",
        ["id", "visit", "score", "day", "first"],
    )
    fixed = {"id": ["a"] * 4, "visit": ["v"] * 4, "score": ["9"] * 4}
    _, text = rows(mapping, {**fixed, "day": ["38", "10", None, "10.5"], "first": ["10", None, "10", "10"]})
    assert text["study_day"].to_list() == ["28", "10 (not converted)", None, "10.5 10 (not converted)"]
    assert {rule for _, rule in type_findings(text, contracts, "outcome_assessment")} == {
        "outcome_assessment.study_day_type"
    }
    (mapping,) = compiled(
        SCORE + "          study_day: {from: week, unit: weeks}\n          timing_rel_dose: {constant: none}\n",
        ["id", "visit", "score", "week"],
    )
    assert rows(mapping, {**fixed, "week": ["0", "4", "-1", "x"]})[1]["study_day"].to_list() == [
        "0",
        "28",
        "-7",
        "x (not converted)",
    ]


DATES = SCORE + (
    '          study_day: {from: seen_on, minus: began_on, dates: "%d.%m.%Y"}\n'
    "          timing_rel_dose: {constant: none}\n"
)


def test_dates_become_days_and_never_leave_the_mapping(compiled, contracts: Contracts) -> None:
    (mapping,) = compiled(
        DATES, ["id", "visit", "score", "seen_on", "began_on"], head=HEAD.replace("safe_harbor", "expert_determination")
    )
    columns = {
        "id": ["a"] * 3,
        "visit": ["v"] * 3,
        "score": ["9"] * 3,
        "seen_on": ["29.03.2024", "31.02.2024", None],
        "began_on": ["01.03.2024"] * 3,
    }
    records, text = rows(mapping, columns)
    assert text["study_day"].to_list() == ["28", "[date withheld] (not converted)", None]
    assert type_findings(text, contracts, "outcome_assessment") == [(1, "outcome_assessment.study_day_type")]
    kept = "".join(str(frame.rows()) for frame in (records, text))
    assert "2024" not in kept


def test_a_safe_harbor_feed_must_not_take_dates(compiled) -> None:
    with pytest.raises(FeedError, match="safe_harbor") as error:
        compiled(DATES, ["id", "visit", "score", "seen_on", "began_on"])
    assert error.value.line == 20


def test_a_date_column_serves_nothing_else(compiled) -> None:
    leak = DATES.replace("{id}-{visit}", "{id}-{seen_on}")
    with pytest.raises(FeedError, match="something else"):
        compiled(leak, ["id"], head=HEAD.replace("safe_harbor", "expert_determination"))


LOOKUP = (
    SCORE
    + """
        lookup:
          event:
            baseline_arm_1: {visit: base, study_day: -1, timing_rel_dose: none, minutes_post: ""}
            week_4_arm_1: {visit: w4, study_day: 28, timing_rel_dose: pre, minutes_post: ""}
"""
)


def test_a_lookup_sets_several_columns_and_passes_an_unknown_word_on(compiled, contracts: Contracts) -> None:
    (mapping,) = compiled(LOOKUP, ["id", "event", "score"])
    columns = {"id": ["a", "a", "a"], "event": ["baseline_arm_1", "week_4_arm_1", "moon"], "score": ["9", "5", "1"]}
    records, text = rows(mapping, columns)
    assert text.select("assessment_id", "study_day", "timing_rel_dose", "minutes_post").rows() == [
        ("a-base", "-1", "none", None),
        ("a-w4", "28", "pre", None),
        ("a-moon", "moon", "moon", "moon"),
    ]
    assert (2, "outcome_assessment.study_day_type") in type_findings(text, contracts, "outcome_assessment")
    assert records.select("id", "event", "score").to_dict(as_series=False) == columns


def test_a_column_of_the_file_that_the_feed_sets_itself_is_unknown(compiled) -> None:
    with pytest.raises(DeliveryRefusedError, match="study_day"):
        compiled(LOOKUP, ["id", "event", "score", "study_day"])


def test_a_row_belongs_to_a_table_when_any_of_its_columns_is_filled(compiled) -> None:
    tables = (
        PATIENT + "          weight_kg: kg\n        any_filled: [kg, cm]\n" + SESSION + "          study_day: day\n"
    )
    patient, session = compiled(tables, ["id", "kg", "cm", "day"], '    null_values: ["NA"]\n    ignore: [cm]\n')
    columns = {"id": ["a", "b", "c"], "kg": ["70", None, "NA"], "cm": [None, "170", None], "day": ["0", "1", "2"]}
    assert not patient.takes_every_row
    assert session.takes_every_row
    assert rows(patient, columns)[1]["patient_id"].to_list() == ["a", "b"]
    assert rows(session, columns)[1].height == 3


ITEMS = """
      - table: outcome_item
        columns:
          assessment_id: {template: "{id}-{visit}"}
        unpivot:
          into: value
          columns: {"phq9_{item_no:1..9}": {}}
"""
FROM_ITEMS = """
      - table: outcome_assessment
        columns:
          assessment_id: {template: "{id}-{visit}"}
          patient_id: id
          study_day: day
          timing_rel_dose: {constant: none}
          instrument: {constant: phq9}
          mode: {constant: self}
          recall: {constant: 14d}
          scored_by: {constant: registry}
          items_sum: {sum_of: ["phq9_{1..9}"]}
          n_items_answered: {count_of: ["phq9_{1..9}"]}
"""


def test_item_columns_become_items_and_a_sum_that_the_registry_scores(compiled, contracts: Contracts) -> None:
    names = ["id", "visit", "day", *(f"phq9_{n}" for n in range(1, 10))]
    items, scores = compiled(ITEMS + FROM_ITEMS, names, "    ignore: [day]\n")
    answers = [["1"] * 9, ["2"] * 8 + [None], [None] * 9, ["3"] * 8 + ["x"]]
    columns = {"id": list("abcd"), "visit": ["v"] * 4, "day": ["0"] * 4}
    columns |= {f"phq9_{n + 1}": [row[n] for row in answers] for n in range(9)}
    _, item_text = rows(items, columns)
    assert item_text.height == 9 + 8 + 0 + 9
    assert item_text.filter(pl.col("assessment_id") == "b-v")["item_no"].to_list() == [str(n) for n in range(1, 9)]
    _, score_text = rows(scores, columns)
    assert score_text.select("items_sum", "n_items_answered").rows() == [
        ("9.00", "9"),
        ("16.00", "8"),
        (None, None),
        ("3 3 3 3 3 3 3 3 x (not converted)", "9"),
    ]


def test_a_pattern_may_list_numbers_and_keep_their_zeros(compiled) -> None:
    tables = SCORE.replace("          total: score\n", "          study_day: {from: visit, unit: weeks}\n") + (
        '        unpivot:\n          into: total\n          columns: {"phq9_wk{visit:00,02,12}": {timing_rel_dose: none}}\n'
    )
    (mapping,) = compiled(tables, ["id", "phq9_wk00", "phq9_wk02", "phq9_wk12"])
    columns = {"id": ["a"], "phq9_wk00": ["20"], "phq9_wk02": [None], "phq9_wk12": ["3"]}
    assert rows(mapping, columns)[1].select("assessment_id", "study_day", "total").rows() == [
        ("a-00", "0", "20"),
        ("a-12", "84", "3"),
    ]


def test_ignored_columns_may_be_a_pattern_and_others_still_refuse(compiled) -> None:
    ignore = '    ignore: ["*_complete", "why?"]\n'
    compiled(PATIENT, ["id", "visit_complete", "ae_complete", "why?", "why2"], ignore)
    with pytest.raises(DeliveryRefusedError, match="`surprise`"):
        compiled(PATIENT, ["id", "visit_complete", "surprise"], ignore)


MISTAKES = [
    ("          weight_kg: {from: w, unit: stone}\n", "no conversion of `stone` into kg.*", 18),
    ("          weight_kg: {from: w, unit: in}\n", "no conversion of `in` into kg", 18),
    ("          index_year: {from: y, unit: years}\n", "no conversion", 18),
    ("          weight_kg: {from: w, unit: lb, weight: kg}\n", "no use", 18),
    ("          weight_kg: {from: w, weight: kg}\n", "`weight` needs", 18),
    ("          age_ge_46: {from: w, minus: kg}\n", "gives a number", 18),
    ("          height_cm: {template: nothing}\n", "names no column", 18),
    ("          height_cm: {template: '{a}{b'}\n", "brace", 18),
    ("          height_cm: {constant: 1, unit: in}\n", "`unit` needs `from`", 18),
    ('          height_cm: {from: a, dates: "%Y"}\n', "`dates` needs `minus`", 18),
    ("        lookup: {e: {w: {heigth_cm: 1}}}\n", "`heigth_cm` is no column", 18),
    ("        lookup: {e: {w: {sex: male}}}\n", "`sex` is set twice", 11),
    (
        "        lookup:\n          e:\n            a: {height_cm: 1}\n            b: {weight_kg: 1}\n",
        "same columns",
        21,
    ),
    ('        unpivot: {into: height_cm, columns: {"a{2..1}": {}}}\n', "upwards", 18),
    ('        unpivot: {into: height_cm, columns: {"a{1..2}": {}, a1: {}}}\n', "stands twice", 18),
    ("          height_cm: No\n", "put it in quotes", 18),
    ("          height_cm: {from: a, values: {no: 1}}\n", "put it in quotes", 18),
    ("        where: {dose: [no]}\n", "put it in quotes", 18),
    ('        any_filled: ["a{1..5000}"]\n', "range", 18),
]


@pytest.mark.parametrize(("text", "message", "line"), MISTAKES)
def test_a_mistake_is_named_with_its_line(compiled, text: str, message: str, line: int) -> None:
    with pytest.raises(FeedError, match=message) as error:
        compiled(PATIENT + text, [])
    assert error.value.line == line


def test_a_pattern_that_ignores_everything_is_a_mistake(compiled) -> None:
    with pytest.raises(FeedError, match="silently") as error:
        compiled(PATIENT, [], '    ignore: ["*"]\n')
    assert error.value.line == 9


plain_numbers = st.decimals(-99_999, 99_999, places=6, allow_nan=False, allow_infinity=False)


@settings(max_examples=examples(60), deadline=None)
@given(
    sent=st.lists(plain_numbers, min_size=1, max_size=20),
    unit=st.sampled_from([("lb", "kg", 1), ("in", "cm", 1), ("mcg", "mg", 2), ("s", "min", 0), ("weeks", "day", 0)]),
)
def test_a_conversion_is_exact_to_the_last_place(sent: list[Decimal], unit: tuple[str, str, int]) -> None:
    source, target, places = unit
    by = factor(source, target)
    assert by is not None
    text = pl.Series("x", [format(value, "f") for value in sent])
    cell = pl.col("x")
    result = text.to_frame().select(or_as_sent(rounded(times(number(cell, "."), by), places), [cell]))["x"]
    expected = [
        (value * Decimal(by.times) / by.by).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
        for value in sent
    ]
    assert [Decimal(value) for value in result] == expected


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=20))
def test_a_cell_that_was_sent_never_becomes_a_silent_null(cells: list[str | None]) -> None:
    frame = pl.DataFrame({"x": cells}, schema={"x": pl.String})
    cell = pl.col("x")
    result = frame.select(or_as_sent(rounded(times(number(cell, "."), Factor("2")), 2), [cell]))["x"]
    assert (result.is_null() == frame["x"].is_null()).all()


SPLITS = (
    PATIENT
    + "        any_filled: [s1, s2]\n"
    + SESSION
    + "          study_day: day\n"
    + SCORE.replace("          total: score\n", "          study_day: {constant: 0}\n")
    + "        unpivot:\n          into: total\n          columns:\n"
    + "            s1: {visit: a, timing_rel_dose: none}\n            s2: {visit: b, timing_rel_dose: none}\n"
)
cells = st.lists(st.sampled_from([None, "1", "x", "NA"]), min_size=4, max_size=4)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(cells, max_size=12))
def test_a_mapping_changes_the_number_of_records_only_by_its_splits(
    splits: list[CompiledMapping], table: list[list[str | None]]
) -> None:
    patient, session, scores = splits
    columns = {name: [row[n] for row in table] for n, name in enumerate(["id", "day", "s1", "s2"])}
    filled = [[cell not in (None, "NA") for cell in row[2:]] for row in table]
    assert rows(session, columns)[1].height == len(table)
    assert rows(patient, columns)[1].height == sum(any(row) for row in filled)
    assert rows(scores, columns)[1].height == sum(sum(row) for row in filled)


@pytest.fixture
def splits(compiled) -> list[CompiledMapping]:
    return compiled(SPLITS, ["id", "day", "s1", "s2"], '    null_values: ["NA"]\n')
