"""Consent and its withdrawal, and the contacts that follow treatment."""

import numpy as np
import polars as pl

from registry_pipeline.simulate.arrays import (
    NEVER,
    PATIENT_NO,
    Bools,
    Ints,
    at,
    choose,
    decimal,
    happens,
    numbered,
    words,
)
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.illness import Illness
from registry_pipeline.simulate.patients import Patients
from registry_pipeline.simulate.sessions import FORM_STATUS, Sessions

_EVENTS = (
    "treatment_consent",
    "registry_consent",
    "offlabel_acknowledged",
    "home_use_ack",
    "withdrawn_future",
    "withdrawn_delete",
)
_CONTACT_DAYS = (30, 90, 182, 364)
_TYPES = ("visit", "phone", "app", "record_only")


def consent_table(patients: Patients, at_home: Bools, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `consent_event`; a withdrawal is always a patient's last one."""
    before = -rng.integers(1, 30, patients.n)
    happened = np.zeros((patients.n, len(_EVENTS)), dtype=np.bool_)
    happened[:, :3] = True
    happened[:, 3] = at_home
    happened[:, 4] = (patients.withdrawn_day < NEVER) & ~patients.is_deleted
    happened[:, 5] = patients.is_deleted
    seq = np.cumsum(happened, axis=1)
    row, event = np.nonzero(happened)
    is_withdrawal = event >= _EVENTS.index("withdrawn_future")
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[row],
            "patient_id": at(patients.patient_id, row),
            "seq": seq[row, event],
            "event": words(_EVENTS, event),
            "study_day": np.where(is_withdrawal, patients.withdrawn_day[row], before[row]),
            "version": words(["v1", "v2"], happens(rng, 0.6, patients.n)[row]),
        }
    )


def home_patients(patients: Patients, sessions: Sessions, home_routes: tuple[int, ...]) -> Bools:
    """Return who has a session by a route that is taken at home."""
    at_home = np.zeros(patients.n, dtype=np.bool_)
    at_home[sessions.patient[np.isin(sessions.route, home_routes)]] = True
    return at_home


def contact_table(clinic: Clinic, patients: Patients, illness: Illness, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `followup_contact`: those within the patient's reach and before dropping out."""
    jitter = rng.integers(-2, 3, (patients.n, len(_CONTACT_DAYS)))
    day: Ints = np.array(_CONTACT_DAYS, dtype=np.int64) + jitter
    due = day <= np.minimum(patients.reach, illness.dropout_day)[:, None]
    row, number = np.nonzero(due & happens(rng, 0.8, due.size).reshape(due.shape))
    n = len(row)
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[row],
            "followup_id": numbered("f", 100_000_000 + patients.number[row] * 10 + number),
            "patient_id": at(patients.patient_id, row),
            "study_day": day[row, number],
            "type": words(_TYPES, choose(rng, (0.35, 0.4, 0.2, 0.05), n)),
            "ae_form_status": words(FORM_STATUS, choose(rng, clinic.form_status, n)),
            "vital_status": words(["alive", "unknown"], choose(rng, (0.97, 0.03), n)),
            "misuse_screen": words(["negative", "positive", "not_done"], choose(rng, (0.75, 0.02, 0.23), n)),
            "luts_status": words(["none", "symptoms", "not_asked"], choose(rng, (0.70, 0.03, 0.27), n)),
            "alt_x_uln": decimal(np.clip(np.rint(rng.normal(70, 25, n)), 10, 290), 5, 2, happens(rng, 0.3, n)),
        }
    )
