"""One clinic's rows, chunk by chunk, in the contract's tables and columns, together with what is true of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.adverse_events import (
    Occurrences,
    adverse_event_table,
    contact_event_table,
    draw_occurrences,
)
from registry_pipeline.simulate.besides import recorded_besides
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.contacts import consent_table, contact_table, home_patients
from registry_pipeline.simulate.courses import course_table, draw_boosters, draw_induction, last_day
from registry_pipeline.simulate.ideation import Ideation, draw_ideation, ideation_table
from registry_pipeline.simulate.illness import Illness, draw_illness
from registry_pipeline.simulate.outcomes import assessment_table
from registry_pipeline.simulate.patients import Patients, diagnosis_table, draw_patients, patient_table
from registry_pipeline.simulate.sessions import Sessions, draw_sessions, session_table
from registry_pipeline.simulate.visits import Visits, draw_visits

CHUNK_PATIENTS = 10_000
"""Patients held in memory at a time. Part of the definition of the output: changing it changes the bytes."""


@dataclass(frozen=True)
class Chunk:
    """Some of a clinic's patients: rows by table, and the world behind them."""

    tables: dict[str, pl.DataFrame]
    patients: Patients
    illness: Illness
    sessions: Sessions
    visits: Visits
    occurrences: Occurrences
    ideation: Ideation


def generate(clinic: Clinic) -> Iterator[Chunk]:
    """Yield the clinic's chunks; the same clinic always yields the same ones."""
    rng, ideation_rng = (np.random.default_rng(seed) for seed in (clinic.data_seed, clinic.ideation_seed))
    for first in range(0, clinic.n_patients, CHUNK_PATIENTS):
        yield _chunk(clinic, rng, ideation_rng, first, min(CHUNK_PATIENTS, clinic.n_patients - first))


def _chunk(clinic: Clinic, rng: np.random.Generator, ideation_rng: np.random.Generator, first: int, n: int) -> Chunk:
    patients = draw_patients(clinic, rng, first, n)
    induction, stops_early = draw_induction(rng, n)
    illness = draw_illness(clinic, patients, rng, last_day(induction), stops_early)
    boosters = draw_boosters(patients, illness, rng)
    sessions = draw_sessions(clinic, patients, [induction, boosters], rng)
    visits = draw_visits(clinic, patients, illness, rng)
    occurrences = draw_occurrences(patients, sessions, rng)
    contacts = contact_table(clinic, patients, illness, rng)
    at_home = home_patients(patients, sessions, (planted.SUBLINGUAL, planted.ORAL))
    tables = {
        "patient": patient_table(clinic, patients, rng),
        "diagnosis": diagnosis_table(patients, rng),
        "consent_event": consent_table(patients, at_home, rng),
        "course": pl.concat([course_table(patients, course, rng) for course in (induction, boosters)]),
        "session": session_table(clinic, patients, sessions, rng),
        "outcome_assessment": assessment_table(clinic, patients, illness, rng, visits=visits, sessions=sessions),
        "followup_contact": contacts,
        "adverse_event": pl.concat(
            [adverse_event_table(patients, sessions, occurrences, rng), contact_event_table(contacts, rng)]
        ),
    }
    tables |= recorded_besides(clinic, patients, illness, rng, sessions=sessions, tables=tables)
    ideation = draw_ideation(clinic, patients, ideation_rng)
    if clinic.rates_ideation:
        # Last, so that what is made of the assessments above knows nothing of the ratings.
        ratings = ideation_table(patients, illness, ideation, tables["outcome_assessment"])
        tables["outcome_assessment"] = pl.concat([tables["outcome_assessment"], ratings])
    return Chunk(tables, patients, illness, sessions, visits, occurrences, ideation)
