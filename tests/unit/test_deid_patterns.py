"""Patterns: every spelling of a date, phone or number is seen, and what only looks like one by chance is not."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.deid.guard import WITHHELD, load_identifiers
from registry_pipeline.errors import DeliveryRefusedError
from registry_pipeline.settings import Settings

PATTERNS = Settings().vocabulary_path("deid_patterns.csv")
IDENTIFIERS = load_identifiers(PATTERNS)
DATES = """05.03.2024|5.3.24|5-Mar-2024|05MAR2024|Mar-05-2024|Mar 5, 2024|March 5th, 2024|5th of March|2024-W10-2
2024W10|2024-03-05T10:00|2024-03-05 10:00:00|20240305T1000|20240305101500|5. März 2024|5. Maerz|5 mars 2024|1er mai
5 de marzo de 2024|2024/03/05|2024.03.05|2024-03|03/2024|2024 Mar 5|Mar-2024|Mar '24|März 2024|marzo de 2024|5/3/2024
5 / 3 / 2024|2024 03 05|05 03 2024|2024\u201103\u201105|05\u201303\u20132024|am 5. Mai|on 3/5/24|5 août 2023
3 maggio|4 mei 2024|20240305"""
OTHERS = """93-jährig|95 ans|age 93|93yo|91-year-old|06 12 34 56 78|079 123 45 67|+41 79 123 45 67|0041 79 123 45 67
tel: 2125550147|Tel. 089/123456|Bahnhofstrasse 12|12 rue de la Paix|PLZ 80331|MRN 00482|J.DOE@EXAMPLE.ORG
seen by Dr Meier|wife Anna came|Mary Smith"""
CLEAN = """PHQ-9 18|dose 0.5 mg/kg|BP 142/91|12/10 pain|5 decisions|10 mg i.v.|SpO2 97-98 %|ratio 1:2:3|at 10:30
20 to 30 min|T cell 1200-1500|given via IV line 20|via tube 2|50 ans|85 Jahre|100 mg in 250 ml|120/80 mmHg
score 27 to 14 to 9|week 10, day 2|version 2.0.1|2 sessions/wk x 3|HR 90, RR 16, T 36.8|after 5th infusion|IV 12 mg
march was fine|in may better|1 octave|walked 2000 m|1999 cohort|sat 95|pulse 120 to 95|rate 10 ml/h|C5-C6|12-lead ECG
24/7|50/50|1/2 tablet|7/10 to 3/10|ICD F32.2|GCS 4-5-6"""


def split(text: str) -> list[str]:
    return re.split(r"[|\n]", text)


@pytest.mark.parametrize("text", split(DATES))
def test_a_calendar_date_is_seen_in_any_spelling(text: str) -> None:
    (rule_id,) = IDENTIFIERS.in_free_text(pl.Series([text]))
    assert rule_id is not None
    assert rule_id.startswith("deid.date_")
    assert rule_id not in IDENTIFIERS.refuse_delivery


@pytest.mark.parametrize("text", split(OTHERS))
def test_other_identifiers_are_seen_in_local_forms(text: str) -> None:
    assert IDENTIFIERS.in_free_text(pl.Series([text])).is_not_null().all()


@pytest.mark.parametrize("text", split(CLEAN))
def test_clinical_shorthand_is_left_alone(text: str) -> None:
    assert IDENTIFIERS.in_free_text(pl.Series([text])).to_list() == [None]


def positives() -> list[str]:
    oracle = Path(__file__).resolve().parents[3] / "shared" / "oracles" / "deid_strings_expected.csv"
    strings = split(DATES) + split(OTHERS)
    if oracle.exists():
        strings += pl.read_csv(oracle, infer_schema=False).filter(pl.col("must_flag") == "1")["text"].to_list()
    return strings


PROSE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60)


@pytest.mark.slow
@settings(deadline=None)
@given(st.sampled_from(positives()), PROSE, PROSE)
def test_an_identifier_is_seen_whatever_text_stands_around_it(identifier: str, before: str, after: str) -> None:
    text = f"{before}. {identifier} ; {after}"
    assert IDENTIFIERS.in_free_text(pl.Series([text])).is_not_null().all()


@pytest.mark.slow
@settings(deadline=None)
@given(st.sampled_from(positives()), st.lists(PROSE, max_size=5))
def test_a_withheld_cell_keeps_nothing_and_its_neighbours_stay(identifier: str, cells: list[str]) -> None:
    others = pl.Series([text for text in cells if text], dtype=pl.String)
    clean = others.filter(IDENTIFIERS.in_free_text(others).is_null()).to_list()
    record = pl.DataFrame([[text] for text in [*clean, identifier]], schema=[f"c{i}" for i in range(len(clean) + 1)])
    assert IDENTIFIERS.withhold_cells(record).row(0) == (*clean, WITHHELD)


@pytest.mark.slow
def test_random_ids_are_never_taken_for_identifiers() -> None:
    rng = np.random.default_rng(1)

    def draw(alphabet: str, length: int) -> pl.Series:
        return pl.Series(["".join(letters) for letters in rng.choice(list(alphabet), size=(100_000, length))])

    base36, hexes = "0123456789abcdefghijklmnopqrstuvwxyz", "0123456789abcdef"
    uuids = draw(hexes, 8) + "-" + draw(hexes, 4) + "-" + draw(hexes, 4) + "-" + draw(hexes, 4) + "-" + draw(hexes, 12)
    for ids in ("p_" + draw(base36, 26), draw(base36, 12), draw(base36.upper(), 11), draw(hexes, 32), uuids):
        assert IDENTIFIERS.in_ids(ids, "session_id", is_key=True).is_null().all()
        assert IDENTIFIERS.in_refused_cells(ids, "session_id", is_key=True).is_null().all()


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("S-2024-03-05", "date_iso"), ("jane.doe@x.org", "email"), ("312-555-0147", "phone_fax"),
        ("123-45-6789", "ssn"), ("MRN-004829", "number_in_id"), ("mrn004829", "number_in_id"),
    ],
)  # fmt: skip
def test_an_id_made_of_an_identifier_is_seen(cell: str, rule: str) -> None:
    assert IDENTIFIERS.in_ids(pl.Series([cell]), "session_id", is_key=True).to_list() == [f"deid.{rule}"]


@pytest.mark.parametrize(
    ("column", "cell", "rule"),
    [
        ("region", "60614", "zip5"), ("region", "60614-2210", "zip5"), ("region", "SW1A 1AA", "zip5"),
        ("region", "606", None), ("region", "IL", None), ("total", "60614", None),
        ("age_years", "93", "age_over_89_in_years"),
        ("age_years", "93.0", "age_over_89_in_years"), ("age_years", "89", None), ("total", "93", None),
        ("staff_level", "Dr Smith", "name_title"), ("staff_level", "Karen Miller", "person_name"),
    ],
)  # fmt: skip
def test_a_refused_cell_is_judged_by_its_column(column: str, cell: str, rule: str | None) -> None:
    expected = f"deid.{rule}" if rule else None
    assert IDENTIFIERS.in_refused_cells(pl.Series([cell]), column, is_key=False).to_list() == [expected]


def test_a_file_is_refused_for_a_column_name_and_unknown_words_are_not_repeated() -> None:
    with pytest.raises(DeliveryRefusedError) as refusal:
        IDENTIFIERS.refuse_columns(["dose", "first_name"], "safe_harbor")
    assert refusal.value.rule_id == "delivery.identifier_column"
    assert refusal.value.message == "Column 2, `first_name`, is called like a direct identifier (name)."
    for hidden in ("xq7canary_first_name", "jane@x.org", "2024-03-05", "Emily Miller"):
        with pytest.raises(DeliveryRefusedError) as refusal:
            IDENTIFIERS.refuse_columns([hidden], "safe_harbor")
        assert hidden not in str(refusal.value)


def test_a_date_column_needs_an_expert_determination_and_a_birth_date_is_never_taken() -> None:
    IDENTIFIERS.refuse_columns(["visit_date", "2024-03-05"], "expert_determination")
    with pytest.raises(DeliveryRefusedError, match="a calendar date"):
        IDENTIFIERS.refuse_columns(["visit_date"], "safe_harbor")
    with pytest.raises(DeliveryRefusedError, match="date of birth"):
        IDENTIFIERS.refuse_columns(["dob"], "expert_determination")


def test_text_without_columns_is_blanked_where_patterns_match_and_whole_where_a_person_is_named() -> None:
    text = pl.Series(["1,jane@x.org,2024-03-05", "2,Mary Smith,x", "3,plain", None])
    assert IDENTIFIERS.withhold_text(text).to_list() == [f"1,{WITHHELD},{WITHHELD}", WITHHELD, "3,plain", None]


def test_every_pattern_is_plain_and_says_what_it_refuses() -> None:
    for row in read_vocabulary(PATTERNS):
        re.compile(row["pattern"])
        assert not re.search(r"\(\?[=!<]", row["pattern"]), row["rule"]
        assert row["refuses"] in {"delivery", "row"}
        assert (row["refuses"] == "row") == row["rule"].startswith(("date_", "age_")), row["rule"]
