"""Vital signs at sessions: a reading before the dose and one at its peak."""

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import PATIENT_NO, at, decimal, words
from registry_pipeline.simulate.patients import Patients
from registry_pipeline.simulate.sessions import Sessions

_PARAMS = ("sbp", "dbp", "hr", "spo2")
_USUAL, _BETWEEN, _RISE, _RISE_SD = np.array(
    [planted.SYSTOLIC, planted.DIASTOLIC, (76.0, 9.0, 8.0, 5.0), (97.0, 1.0, -1.0, 0.7)]
).T
_LOWEST, _HIGHEST = np.array([60, 30, 40, 85]), np.array([250, 150, 210, 100])
_PHASES, _MINUTES = ("pre", "peak"), np.array([-5, 20])
_LEAST_GAP = 10
"""Between the two readings of one cuff."""


def vital_table(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `session_vital`."""
    shape = (sessions.n, len(_PHASES), len(_PARAMS))
    row, phase, param = (index.ravel() for index in np.indices(shape))
    habit = rng.normal(0, 1, (patients.n, len(_PARAMS)))[sessions.patient]
    before = _USUAL + _BETWEEN * (0.9 * habit + rng.normal(0, 0.4, (sessions.n, len(_PARAMS))))
    # A heart that races drives the pressure up too, so the parameters of a session rise together.
    together = rng.normal(0, 1, (sessions.n, 1))
    peak = before + _RISE + _RISE_SD * (0.8 * together + rng.normal(0, 0.6, (sessions.n, len(_PARAMS))))
    reading = np.clip(np.rint(np.stack([before, peak], axis=1)), _LOWEST, _HIGHEST)
    reading[:, :, 1] = np.minimum(reading[:, :, 1], reading[:, :, 0] - _LEAST_GAP)
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[sessions.patient[row]],
            "session_id": at(sessions.session_id, row),
            "phase": words(_PHASES, phase),
            "param": words(_PARAMS, param),
            "minute": _MINUTES[phase],
            "value": decimal(reading.ravel() * 10, 5, 1),
        }
    )
