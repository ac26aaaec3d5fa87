"""Sessions: day, route, dose, surroundings, and whether anybody asked about adverse events."""

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
    decimal,
    happens,
    numbered,
    where_known,
    words,
)
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.courses import Course, course_ids
from registry_pipeline.simulate.patients import Patients

FORM_STATUS = ("complete", "spontaneous_only", "not_done")
COMPLETE, SPONTANEOUS_ONLY, NOT_DONE = range(3)
_PHASES = ("induction", "maintenance_scheduled", "booster_prn")
_SETTINGS = ("clinic", "hospital", "home_supervised", "home_telehealth")
_HOME_ROUTES = (planted.SUBLINGUAL, planted.ORAL)
_ESKETAMINE_CENTS = np.array([5600, 8400])
_OLD = 65
_PAIN_MINUTES = 80


@dataclass(frozen=True)
class Sessions:
    """The sessions that the clinic may send, one array element each, in order of patient, course and day."""

    patient: Ints
    """Row of the patient in the chunk."""
    course_no: Ints
    session_no: Ints
    day: Ints
    route: Ints
    is_scheduled: Bools
    form_status: Ints
    number: Ints
    """Unique within the clinic; the ids are made of it."""

    @property
    def n(self) -> int:
        """Return how many there are."""
        return len(self.patient)

    @property
    def session_id(self) -> pl.Series:
        """Return the ids."""
        return numbered("s", self.number)


def draw_sessions(clinic: Clinic, patients: Patients, courses: list[Course], rng: np.random.Generator) -> Sessions:
    """Return the sessions of a chunk of patients, up to each one's reach."""
    parts = []
    for course in courses:
        row, column = np.nonzero(course.given(patients.reach))
        days, scheduled = course.days[row, column], course.is_scheduled[row]
        parts.append(np.column_stack([row, np.full(len(row), course.course_no), column + 1, days, scheduled]))
    table = np.concatenate(parts).astype(np.int64)
    table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
    row, course_no = table[:, 0], table[:, 1]
    goes_home = happens(rng, 0.2, patients.n)[row] & (course_no > 1) & (patients.route[row] == planted.IV)
    return Sessions(
        patient=row,
        course_no=course_no,
        session_no=table[:, 2],
        day=table[:, 3],
        route=np.where(goes_home, planted.SUBLINGUAL, patients.route[row]),
        is_scheduled=table[:, 4] > 0,
        form_status=choose(rng, clinic.form_status, len(row)),
        number=1_000_000_000 + patients.number[row] * 100 + course_no * 10 + table[:, 2],
    )


def _dose_cents(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> Ints:
    """Return doses in hundredths of a milligram, steady within a patient."""
    usual = np.array([route.mg_per_kg for route in planted.ROUTES])[sessions.route]
    spread = np.array([route.mg_per_kg_sd for route in planted.ROUTES])[sessions.route]
    habit = rng.normal(0, 0.8, patients.n)[sessions.patient] + rng.normal(0, 0.4, sessions.n)
    mg_per_kg = np.clip(usual + spread * habit, 0.2, 1.9)
    cents = np.rint(mg_per_kg * patients.weight[sessions.patient]) * 10
    spray = np.where(patients.age >= _OLD, _ESKETAMINE_CENTS[0], rng.choice(_ESKETAMINE_CENTS, patients.n))
    return np.where(sessions.route == planted.INTRANASAL, spray[sessions.patient], cents).astype(np.int64)


def _minutes(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> Ints:
    usual = np.array([route.minutes for route in planted.ROUTES])[sessions.route]
    is_pain = patients.indication[sessions.patient] < len(planted.PAIN)
    usual = np.where(is_pain & (sessions.route == planted.IV), _PAIN_MINUTES, usual)
    minutes = usual + np.rint(rng.normal(0, 0.08, sessions.n) * usual)
    return np.asarray(np.maximum(minutes, 1), dtype=np.int64)


def _setting(clinic: Clinic, sessions: Sessions, rng: np.random.Generator) -> Ints:
    at_clinic = 1 if clinic.clinic_type == "hospital" else 0
    at_home = 3 if clinic.clinic_type == "telehealth" else 2
    is_home = np.isin(sessions.route, _HOME_ROUTES) & happens(rng, 0.8, sessions.n)
    return np.where(is_home, at_home, at_clinic)


def session_table(clinic: Clinic, patients: Patients, sessions: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `session`."""
    n, row = sessions.n, sessions.patient
    weight = patients.weight[row]
    cents = _dose_cents(patients, sessions, rng)
    minutes = _minutes(patients, sessions, rng)
    per_kg = np.rint(cents * 100 / weight).astype(np.int64)
    is_known = happens(rng, 0.985, n)
    is_iv = sessions.route == planted.IV
    is_spray = sessions.route == planted.INTRANASAL
    setting = _setting(clinic, sessions, rng)
    phase = np.where(sessions.course_no == 1, 0, np.where(sessions.is_scheduled, 1, 2))
    staffed = setting < _SETTINGS.index("home_supervised")
    stop = choose(rng, (0.965, 0.015, 0.015, 0.005), n)
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[row],
            "session_id": sessions.session_id,
            "course_id": _course_id(patients, sessions),
            "session_no": sessions.session_no,
            "study_day": sessions.day,
            "phase_reported": words(_PHASES, phase),
            "route": words([route.code for route in planted.ROUTES], sessions.route),
            "drug": words(["racemic", "esketamine"], is_spray),
            "product": words(["approved", "compounded"], np.isin(sessions.route, _HOME_ROUTES)),
            "dose_mg": decimal(cents, 7, 2, is_known),
            "dose_mg_per_kg": decimal(per_kg, 6, 3, is_known),
            "rate_mg_kg_h": decimal(np.rint(per_kg * 60 / minutes), 6, 3, is_known & is_iv),
            "duration_min": minutes,
            "setting": words(_SETTINGS, setting),
            "local_hour_band": words(["morning", "afternoon", "evening"], choose(rng, (0.5, 0.42, 0.08), n)),
            "stop_reason": words(["completed", "adverse_event", "patient_request", "technical"], stop),
            "discharge_min": where_known(minutes + rng.integers(30, 120, n), staffed),
            "monitor_bp": staffed | happens(rng, 0.3, n),
            "monitor_spo2": staffed,
            "monitor_ecg": is_iv & happens(rng, 0.4, n),
            "monitor_etco2": np.zeros(n, dtype=np.bool_),
            "staff_level": words(["peer", "rn", "physician"], staffed * rng.integers(1, 3, n)),
            "ae_form_status": words(FORM_STATUS, sessions.form_status),
        }
    )


def _course_id(patients: Patients, sessions: Sessions) -> pl.Series:
    first, second = (at(course_ids(patients, number), sessions.patient) for number in (1, 2))
    return first.zip_with(pl.Series(sessions.course_no == 1), second)
