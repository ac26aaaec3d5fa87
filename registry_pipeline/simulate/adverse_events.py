"""Adverse events: what happens at every session, and the part of it that reaches the form."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import (
    PATIENT_NO,
    Bools,
    Ints,
    at,
    choose,
    expit,
    happens,
    logit,
    numbered,
    where_known,
    words,
)
from registry_pipeline.simulate.patients import Patients
from registry_pipeline.simulate.sessions import COMPLETE, SPONTANEOUS_ONLY, Sessions

_VERBATIM = tuple(text for event in planted.ADVERSE_EVENTS for text in event.verbatim)
_ACTIONS = ("none", "slowed", "medicated", "stopped", "unknown", "hospital")
_HOSPITAL = 5
_SERIOUS = 0.002


@dataclass(frozen=True)
class Occurrences:
    """What really happened: (session, event)."""

    happened: Bools
    reported: Bools


def draw_occurrences(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> Occurrences:
    """Return what happened at each session, and what of it is on the form."""
    first = logit(np.array([event.probability for event in planted.ADVERSE_EVENTS]))
    by_route = np.array([route.ae_logit for route in planted.ROUTES])[sessions.route]
    proneness = rng.normal(0, planted.PATIENT_AE_LOGIT_SD, patients.n)[sessions.patient]
    is_later = (sessions.course_no > 1) | (sessions.session_no > 1)
    shift = by_route + proneness + planted.LATER_SESSION_LOGIT * is_later
    shape = (sessions.n, len(planted.ADVERSE_EVENTS))
    happened = rng.random(shape) < expit(first + shift[:, None])
    told = happens(rng, planted.SPONTANEOUS, shape[0] * shape[1]).reshape(shape)
    is_complete = (sessions.form_status == COMPLETE)[:, None]
    is_spontaneous = (sessions.form_status == SPONTANEOUS_ONLY)[:, None]
    return Occurrences(happened, happened & (is_complete | (is_spontaneous & told)))


def adverse_event_table(
    patients: Patients, sessions: Sessions, occurrences: Occurrences, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the rows of `adverse_event` that name a session."""
    row, event = np.nonzero(occurrences.reported)
    return _rows(
        ids=numbered("e", sessions.number[row] * 100 + event),
        patient_no=patients.number[sessions.patient[row]],
        session_id=at(sessions.session_id, row),
        followup_id=words([None], np.zeros(len(row))),
        event=event,
        day=sessions.day[row],
        rng=rng,
    )


def contact_event_table(contacts: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `adverse_event` that name a follow-up contact: few, and only from complete forms."""
    terms = [event.term for event in planted.ADVERSE_EVENTS]
    asked = contacts.filter(pl.col("ae_form_status") == "complete")
    told = asked.filter(pl.Series(happens(rng, 0.04, asked.height), dtype=pl.Boolean))
    event = np.where(happens(rng, 0.7, told.height), terms.index("fatigue"), terms.index("urinary_frequency_dysuria"))
    return _rows(
        ids=pl.select(pl.format("e_{}", told["followup_id"])).to_series(),
        patient_no=told[PATIENT_NO].to_numpy(),
        session_id=words([None], np.zeros(told.height)),
        followup_id=told["followup_id"],
        event=event,
        day=told["study_day"].to_numpy(),
        rng=rng,
    )


def _rows(
    *,
    ids: pl.Series,
    patient_no: Ints,
    session_id: pl.Series,
    followup_id: pl.Series,
    event: Ints,
    day: Ints,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n = len(event)
    usual_onset = np.array([kind.onset_min for kind in planted.ADVERSE_EVENTS])[event]
    usual_minutes = np.array([kind.minutes for kind in planted.ADVERSE_EVENTS])[event]
    onset = np.rint(usual_onset * rng.uniform(0.5, 1.8, n)).astype(np.int64)
    end = onset + np.rint(usual_minutes * rng.lognormal(0, 0.4, n)).astype(np.int64)
    is_serious = happens(rng, _SERIOUS, n)
    grade = np.where(is_serious, 3, 1 + choose(rng, (0.70, 0.26, 0.04), n))
    is_ongoing = happens(rng, 0.02, n)
    action = np.where(is_serious, _HOSPITAL, choose(rng, (0.80, 0.06, 0.08, 0.02, 0.04), n))
    is_timed = happens(rng, 0.93, n)
    is_worded = happens(rng, 0.6, n)
    return pl.DataFrame(
        {
            PATIENT_NO: patient_no,
            "ae_id": ids,
            "session_id": session_id,
            "followup_id": followup_id,
            "verbatim": where_known(words(_VERBATIM, event * 2 + rng.integers(0, 2, n)), is_worded),
            "ae_term": words([kind.term for kind in planted.ADVERSE_EVENTS], event),
            "meddra_pt_code": words([None], np.zeros(n)).cast(pl.Int64),
            "ctcae_grade": grade,
            "serious": is_serious,
            "sae_reason": where_known(words(["hospital", "important"], rng.integers(0, 2, n)), is_serious),
            "related": words(["possible", "probable", "definite", "unlikely"], choose(rng, (0.4, 0.35, 0.2, 0.05), n)),
            "onset_day": day,
            "onset_min": where_known(onset, is_timed),
            "end_min": where_known(end, is_timed & ~is_ongoing),
            "ongoing": is_ongoing,
            "action": words(_ACTIONS, action),
            "outcome": words(["recovered", "recovering"], is_ongoing),
        }
    )
