"""Planted defects: extra rows, each a copy of a good one with exactly one thing wrong with it.

What belongs here: what is wrong, and which rule must find it. What does not: damage to the text of a line, which only
a writer can do (it is told here by name). No good row is touched and nothing refers to a defective one, so taking them
out loses nothing and orphans nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from registry_pipeline.simulate.arrays import PATIENT_NO, random_ids
from registry_pipeline.simulate.clinic import MAX_CLINICS, Clinic
from registry_pipeline.simulate.shapes.source import DEFECT

_TEXT = ("canonical", "local", "wide", "ndjson", "excel", "redcap", "nightly")
_CSV_PER_TABLE = ("canonical", "local", "wide", "nightly")
_UTF8_CSV = ("canonical", "wide", "nightly")
_SENDS_CLINIC_ID = ("canonical", "ndjson", "parquet", "nightly")


@dataclass(frozen=True)
class Kind:
    """A kind of defect."""

    name: str
    rule_id: str
    table: str
    column: str | None = None
    cells: dict[str, str | None] = field(default_factory=dict)
    """What the copy says in place of the original."""
    fresh: str | None = None
    """The id column that the copy gets a new value in."""
    copies: dict[str, str] = field(default_factory=dict)
    """Target column: the column whose text it takes."""
    damage: str | None = None
    """What the writer does to the line."""
    shapes: tuple[str, ...] = (*_TEXT, "parquet")


_CONFLICT_MINUTES = ("31", "32")

KINDS = (
    Kind(
        "out_of_range_score",
        "outcome_assessment.total_range",
        "outcome_assessment",
        "total",
        {"total": "999.00"},
        fresh="assessment_id",
    ),
    Kind("unknown_code", "session.route_allowed", "session", "route", {"route": "by_pump"}, fresh="session_id"),
    Kind(
        "broken_type",
        "session.duration_min_type",
        "session",
        "duration_min",
        {"duration_min": "forty"},
        fresh="session_id",
        shapes=_TEXT,
    ),
    Kind("missing_key", "session.session_id_required", "session", "session_id", {"session_id": None}),
    Kind("duplicate_row", "session.key_duplicate", "session"),
    Kind("orphan", "session.course_id_orphan", "session", "course_id", {"course_id": "c_none"}, fresh="session_id"),
    Kind(
        "mg_as_mg_per_kg",
        "session.implied_weight",
        "session",
        None,
        fresh="session_id",
        copies={"dose_mg": "dose_mg_per_kg"},
    ),
    Kind(
        "conflict_first",
        "session.key_conflict",
        "session",
        None,
        {"session_id": "s_conflict", "duration_min": _CONFLICT_MINUTES[0]},
    ),
    Kind(
        "conflict_second",
        "session.key_conflict",
        "session",
        None,
        {"session_id": "s_conflict", "duration_min": _CONFLICT_MINUTES[1]},
    ),
    Kind("stray_quote", "record.quote", "followup_contact", damage="quote", shapes=_CSV_PER_TABLE),
    Kind("ragged_row", "record.ragged", "course", damage="ragged", shapes=_CSV_PER_TABLE),
    Kind("wrong_encoding", "record.encoding", "diagnosis", damage="encoding", shapes=_UTF8_CSV),
    Kind("cut_json", "record.json", "course", damage="json", shapes=("ndjson",)),
    Kind("unclaimed_row", "record.unmapped", "consent_event", damage="unmapped", shapes=("redcap",)),
    Kind(
        "foreign_clinic",
        "record.clinic_id",
        "patient",
        "clinic_id",
        {"clinic_id": "another clinic's"},
        fresh="patient_id",
        shapes=_SENDS_CLINIC_ID,
    ),
    Kind(
        "age_over_90",
        "deid.age_over_89_in_years",
        "patient",
        "age_years",
        {"age_years": "93", "age_band": "90+", "age_ge_46": "true"},
        fresh="patient_id",
    ),
    Kind(
        "calendar_date",
        "deid.date_iso",
        "followup_contact",
        "study_day",
        {"study_day": "2024-03-05"},
        fresh="followup_id",
        shapes=_TEXT,
    ),
    Kind(
        "phone_number",
        "deid.phone_fax",
        "adverse_event",
        "verbatim",
        {"verbatim": "dizzy at home, call back on 212-555-0147"},
        fresh="ae_id",
    ),
    Kind(
        "unknown_ae_term",
        "adverse_event.ae_term_allowed",
        "adverse_event",
        "ae_term",
        {"ae_term": "giddy_spell"},
        fresh="ae_id",
    ),
)


@dataclass(frozen=True)
class Defect:
    """One planted defect of one clinic."""

    number: int
    kind: Kind


def plant(clinic: Clinic, tables: dict[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], list[Defect]]:
    """Return the tables (all text, with the helper column `DEFECT`) with defective rows among the good ones.

    A kind that finds no row to copy, because the clinic has none in that table, is left out.
    """
    rng = np.random.default_rng(clinic.defect_seed)
    # What is known of a patient who asked for deletion is erased, refused rows included, so nothing would be found.
    erased = tables["consent_event"].filter(pl.col("event") == "withdrawn_delete")[PATIENT_NO].implode()
    kept = {
        name: frame.with_row_index(_POSITION).filter(~pl.col(PATIENT_NO).is_in(erased))
        for name, frame in tables.items()
    }
    planted: dict[str, list[pl.DataFrame]] = {}
    defects: list[Defect] = []
    for number, kind in enumerate(KINDS):
        # Drawn for every kind, so that one kind more or less does not move the others.
        draw, position = rng.random(2)
        if clinic.shape not in kind.shapes:
            continue
        n_rows = tables[kind.table].height
        row = _defective_row(clinic, kind, kept[kind.table], number, draw=float(draw), last=n_rows, position=position)
        if row is not None:
            planted.setdefault(kind.table, []).append(row)
            defects.append(Defect(number, kind))
    return {name: _inserted(frame, planted.get(name, [])) for name, frame in tables.items()}, defects


_POSITION = "_position"


def _defective_row(
    clinic: Clinic, kind: Kind, frame: pl.DataFrame, number: int, *, draw: float, last: int, position: float
) -> pl.DataFrame | None:
    candidates = frame.with_columns(pl.col(_POSITION).cast(pl.Float64))
    if kind.copies:
        candidates = candidates.drop_nulls([*kind.copies, *kind.copies.values()])
    if candidates.is_empty():
        return None
    # The two sides of a conflict copy one row, so that they travel in one file.
    original = candidates[0 if kind.rule_id.endswith(".key_conflict") else int(draw * candidates.height)]
    # Always after its original: of two equal rows the later one is the duplicate.
    start = original.item(0, _POSITION)
    place = np.floor(start + position * (last - start)) + 0.5
    return original.with_columns(
        **{name: pl.lit(text, dtype=pl.String) for name, text in _cells(clinic, kind, number).items()},
        **{name: pl.col(other).str.slice(0, 4) for name, other in kind.copies.items()},
        **{DEFECT: pl.lit(number, dtype=pl.Int32), _POSITION: pl.lit(place)},
    )


def _cells(clinic: Clinic, kind: Kind, number: int) -> dict[str, str | None]:
    cells = dict(kind.cells)
    rng = np.random.default_rng([clinic.number, number])
    if kind.fresh == "patient_id":
        cells["patient_id"] = random_ids(rng, 1)[0]
    elif kind.fresh is not None:
        cells[kind.fresh] = f"x_{number:03d}"
    if "clinic_id" in cells:
        cells["clinic_id"] = f"C{(clinic.number + 1) % MAX_CLINICS:03d}"
    if kind.fresh == "assessment_id" and clinic.has_fixed_visits:
        # A wide file makes its assessment ids of the patient's, so only a new patient makes a new id.
        cells["patient_id"] = random_ids(rng, 1)[0]
    return cells


def _inserted(frame: pl.DataFrame, rows: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if not rows:
        return frame
    placed = frame.with_row_index(_POSITION).with_columns(pl.col(_POSITION).cast(pl.Float64))
    return pl.concat([placed, *rows]).sort(_POSITION, maintain_order=True).drop(_POSITION)
