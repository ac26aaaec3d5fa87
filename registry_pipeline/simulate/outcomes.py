"""Outcome assessments: the scores that the visits record, drawn so that they show exactly the planted illness."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import (
    PATIENT_NO,
    Bools,
    Ints,
    at,
    decimal,
    happens,
    numbered,
    where_known,
    words,
)
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.courses import course_ids
from registry_pipeline.simulate.illness import Illness, in_response, limits
from registry_pipeline.simulate.patients import Patients
from registry_pipeline.simulate.sessions import Sessions
from registry_pipeline.simulate.visits import SCHEDULE, Visits

_BASELINE, _SCREENING, _AFTER_DOSE = 90, 91, 92
"""Visit codes in assessment ids, beside the positions of `SCHEDULE`."""
_TIMINGS = ("none", "pre", "post")
_NONE, _PRE, _POST = range(3)
_FIXED_BASELINE_DAY = -1
_DAYS_WITH_VISITS = SCHEDULE[-1] + 40
_HABIT = 0.6
"""How much of where a score lies in its interval belongs to the patient; the rest changes from visit to visit."""


@dataclass(frozen=True)
class _Scores:
    """Scores, one array element each."""

    instrument: Ints
    patient: Ints
    visit: Ints
    day: Ints
    steps: Ints
    timing: Ints


def _scores(
    instrument: int, patient: Ints, *, visit: npt.ArrayLike, day: npt.ArrayLike, steps: Ints, timing: npt.ArrayLike
) -> _Scores:
    def each(value: npt.ArrayLike) -> Ints:
        return np.broadcast_to(np.asarray(value), patient.shape)

    return _Scores(each(instrument), patient, each(visit), each(day), steps, each(timing))


@dataclass(frozen=True)
class _Scorer:
    """Draws the scores of a chunk of patients."""

    clinic: Clinic
    patients: Patients
    illness: Illness
    visits: Visits
    on_session: Bools
    """(patient, day): a session takes place, so the score is taken before it."""
    rng: np.random.Generator

    def baselines(self, j: int) -> _Scores:
        given = happens(self.rng, planted.BASELINE_GIVEN, self.patients.n)
        patient = np.flatnonzero(self.illness.has[:, j] & given)
        is_fixed = self.clinic.has_fixed_visits
        is_day_0 = happens(self.rng, 0.0 if is_fixed else 0.4, len(patient))
        before = self.rng.integers(_FIXED_BASELINE_DAY if is_fixed else -14, 0, len(patient))
        return _scores(
            j,
            patient,
            visit=_BASELINE,
            day=np.where(is_day_0, 0, before),
            steps=self.illness.baseline[patient, j],
            timing=np.where(is_day_0, _PRE, _NONE),
        )

    def follow_up(self, j: int) -> _Scores:
        shape = self.visits.day.shape
        filled_in = happens(self.rng, planted.SCORE_GIVEN, self.visits.day.size).reshape(shape)
        patient, visit = np.nonzero(self.visits.is_attended & self.illness.has[:, j, None] & filled_in)
        day = self.visits.day[patient, visit]
        timing = np.where(self.on_session[patient, day], _PRE, _NONE)
        return _scores(j, patient, visit=visit, day=day, steps=self._steps(j, patient, day), timing=timing)

    def extras(self, j: int) -> Iterator[_Scores]:
        """Yield scores that no window may use: from before the baseline window, and from after the first dose."""
        instrument, baseline = planted.INSTRUMENTS[j], self.illness.baseline[:, j]
        uses = self.illness.has[:, j]
        patient = np.flatnonzero(uses & happens(self.rng, 0.08, self.patients.n))
        steps = np.clip(baseline[patient] + self.rng.integers(-2, 3, len(patient)), 0, instrument.maximum)
        early = self.rng.integers(-28, -14, len(patient))
        yield _scores(j, patient, visit=_SCREENING, day=early, steps=steps, timing=_NONE)
        patient = np.flatnonzero(uses & (self.illness.main == j) & happens(self.rng, 0.05, self.patients.n))
        steps = baseline[patient] // self.rng.integers(1, 5, len(patient))
        yield _scores(j, patient, visit=_AFTER_DOSE, day=0, steps=steps, timing=_POST)

    def _steps(self, j: int, patient: Ints, day: Ints) -> Ints:
        """Return scores that lie in the interval of each patient's state on the day."""
        instrument, illness = planted.INSTRUMENTS[j], self.illness
        limit = limits(instrument, illness.baseline[patient, j])
        deep, worse = illness.deep[patient, j], illness.worsens[patient, j]
        responds = in_response(illness, j, patient, day)
        low = np.where(worse, limit.worse_from, limit.none_from)
        high = np.where(worse, instrument.maximum, np.minimum(limit.worse_from - 1, instrument.maximum))
        low = np.where(responds, np.where(deep, 0, limit.shallow_from), low)
        high = np.where(responds, np.where(deep, limit.deep_to, limit.response_to), high)
        low = np.minimum(low, instrument.maximum)
        habit = self.rng.random(self.patients.n)[patient]
        place = _HABIT * habit + (1 - _HABIT) * self.rng.random(len(patient))
        steps = low + np.floor(place * (np.maximum(high - low, 0) + 1))
        return np.asarray(steps, dtype=np.int64)


def assessment_table(
    clinic: Clinic,
    patients: Patients,
    illness: Illness,
    rng: np.random.Generator,
    *,
    visits: Visits,
    sessions: Sessions,
) -> pl.DataFrame:
    """Return the rows of `outcome_assessment`."""
    on_session = np.zeros((patients.n, _DAYS_WITH_VISITS), dtype=np.bool_)
    early = sessions.day < _DAYS_WITH_VISITS
    on_session[sessions.patient[early], sessions.day[early]] = True
    if clinic.has_fixed_visits:
        # A visit that is only a name cannot say whether a session was the same day: it always precedes the dose.
        on_session[:] = True
    scorer = _Scorer(clinic, patients, illness, visits, on_session, rng)
    parts = []
    for j in range(len(planted.INSTRUMENTS)):
        parts += [scorer.baselines(j), scorer.follow_up(j)]
        if not clinic.has_fixed_visits:
            parts += scorer.extras(j)
    return _frame(clinic, patients, _joined(parts), rng)


def _joined(parts: list[_Scores]) -> _Scores:
    return _Scores(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(_Scores)))


def _frame(clinic: Clinic, patients: Patients, scores: _Scores, rng: np.random.Generator) -> pl.DataFrame:
    n = len(scores.patient)
    names = [instrument.name for instrument in planted.INSTRUMENTS]
    per_point = np.array([instrument.steps_per_point for instrument in planted.INSTRUMENTS])
    n_items = np.array([instrument.n_items for instrument in planted.INSTRUMENTS])
    usual_mode = "telehealth" if clinic.clinic_type == "telehealth" else "self"
    # The MADRS is rated, not filled in.
    modes = ["clinician" if name == "madrs" else usual_mode for name in names]
    numbers = patients.number[scores.patient] * 1000 + scores.instrument * 100 + scores.visit
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[scores.patient],
            "assessment_id": numbered("a", 10_000_000_000 + numbers),
            "patient_id": at(patients.patient_id, scores.patient),
            "course_id": at(course_ids(patients, 1), scores.patient),
            "instrument": words(names, scores.instrument),
            "version": words([None], np.zeros(n)),
            "study_day": scores.day,
            "timing_rel_dose": words(_TIMINGS, scores.timing),
            "minutes_post": where_known(rng.integers(40, 240, n), scores.timing == _POST),
            "mode": words(modes, scores.instrument),
            "recall": words([instrument.recall for instrument in planted.INSTRUMENTS], scores.instrument),
            "total": decimal(np.rint(scores.steps * 100 / per_point[scores.instrument]), 6, 2),
            "n_items_answered": n_items[scores.instrument],
            "items_sum": decimal(scores.steps * 100, 6, 2),
            "scored_by": words(["source"], np.zeros(n)),
        }
    )
