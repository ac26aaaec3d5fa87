"""Courses: one induction, and for some a course of boosters later, on schedule or because the response was lost."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import (
    NEVER,
    PATIENT_NO,
    Bools,
    Ints,
    choose,
    happens,
    numbered,
    where_known,
    words,
)
from registry_pipeline.simulate.illness import Illness
from registry_pipeline.simulate.patients import Patients

MAX_SESSIONS = 8
"""The most sessions that a course has."""
FIRST_BOOSTER_GAP = 15
"""Maintenance begins more than 14 days after the last induction session."""
_END_REASONS = ("completed", "ongoing", "lost", "lack_of_effect", "adverse_event", "cost")
_COMPLETED, _ONGOING, _LOST, _EARLY = range(4)
_PAYERS = ("self", "insurer", "public", "research", "unknown")


@dataclass(frozen=True)
class Course:
    """A course of every patient of a chunk; patients without one have `n_planned` 0."""

    course_no: int
    days: Ints
    """(patient, session): the study day planned."""
    n_planned: Ints
    n_wanted: Ints
    """Sessions until the patient stops of their own accord."""
    is_scheduled: Bools
    """Boosters on schedule, as opposed to on demand."""

    def given(self, until: Ints) -> Bools:
        """Return (patient, session): the session takes place and lies within `until`."""
        within = np.arange(MAX_SESSIONS) < np.minimum(self.n_planned, self.n_wanted)[:, None]
        return within & (self.days <= until[:, None])


def draw_induction(rng: np.random.Generator, n: int) -> tuple[Course, Bools]:
    """Return the induction courses (4 to 8 sessions over 14 to 28 days) and who stops early."""
    n_planned = rng.integers(4, MAX_SESSIONS + 1, n)
    span = rng.integers(14, 29, n)
    days = np.rint(np.arange(MAX_SESSIONS) * (span / (n_planned - 1))[:, None]).astype(np.int64)
    stops_early = happens(rng, planted.EARLY_STOP, n)
    n_wanted = np.where(stops_early, rng.integers(1, 4, n), n_planned)
    return Course(1, days, n_planned, n_wanted, np.zeros(n, dtype=np.bool_)), stops_early


def last_day(course: Course) -> Ints:
    """Return the day of the last session that the patient wants."""
    return np.asarray(course.days[np.arange(len(course.days)), np.minimum(course.n_planned, course.n_wanted) - 1])


def draw_boosters(patients: Patients, illness: Illness, rng: np.random.Generator) -> Course:
    """Return the later courses. Who is on a schedule is decided at the end of induction, blind to the time of loss."""
    n = patients.n
    share = np.where(illness.is_responder, *planted.SCHEDULED_BOOSTERS)
    is_scheduled = happens(rng, share, n)
    is_on_demand = ~is_scheduled & illness.is_responder & happens(rng, planted.BOOSTERS_ON_DEMAND, n)
    interval = np.where(is_scheduled, rng.choice([21, 28, 35], n), rng.integers(5, 9, n))
    lost = illness.last_day + np.ceil(illness.loss_after).astype(np.int64)
    first = np.where(is_scheduled, illness.last_day + rng.integers(28, 36, n), lost + rng.integers(14, 36, n))
    first = np.maximum(first, illness.last_day + FIRST_BOOSTER_GAP)
    n_planned = np.where(is_scheduled, rng.integers(2, MAX_SESSIONS + 1, n), rng.integers(1, 3, n))
    n_planned = np.where(is_scheduled | is_on_demand, n_planned, 0)
    days = first[:, None] + np.arange(MAX_SESSIONS) * interval[:, None]
    # A patient who has left follow-up gets no booster, so the course ends there.
    n_wanted = (days <= illness.dropout_day[:, None]).sum(axis=1)
    return Course(2, np.minimum(days, NEVER), n_planned, n_wanted, is_scheduled)


def course_ids(patients: Patients, course_no: int) -> pl.Series:
    """Return the ids of every patient's course number `course_no`, whether or not they have it."""
    return numbered("c", 10_000_000 + patients.number * 10 + course_no)


def course_table(patients: Patients, course: Course, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `course` for one course number: those of which a session was given."""
    n = patients.n
    given = course.given(patients.reach)
    n_given = given.sum(axis=1)
    final = course.days[np.arange(n), np.maximum(n_given - 1, 0)]
    is_cut = n_given < np.minimum(course.n_planned, course.n_wanted)
    early = _EARLY + choose(rng, (0.5, 0.25, 0.25), n)
    stopped = early if course.course_no == 1 else np.full(n, _LOST)
    reason = np.where(is_cut, _ONGOING, np.where(n_given < course.n_planned, stopped, _COMPLETED))
    routes = [route.code for route in planted.ROUTES]
    table = pl.DataFrame(
        {
            PATIENT_NO: patients.number,
            "course_id": course_ids(patients, course.course_no),
            "patient_id": patients.patient_id,
            "course_no": np.full(n, course.course_no),
            "intent": words(["induction", "maintenance", "rescue"], _intent(course)),
            "target_dx_seq": np.ones(n, dtype=np.int64),
            "planned_sessions": course.n_planned,
            "protocol_code": words([f"{route}_standard" for route in routes], patients.route),
            "start_day": course.days[:, 0],
            "end_day": where_known(final, ~is_cut),
            "end_reason": words(_END_REASONS, reason),
            "off_label": patients.route != planted.INTRANASAL,
            "payer_type": words(_PAYERS, choose(rng, (0.7, 0.12, 0.08, 0.04, 0.06), n)),
        }
    )
    return table.filter(pl.Series(n_given > 0))


def _intent(course: Course) -> Ints:
    if course.course_no == 1:
        return np.zeros(len(course.days), dtype=np.int64)
    return np.where(course.is_scheduled, 1, 2)
