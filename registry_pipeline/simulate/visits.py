"""Visits: when patients are seen after they began treatment, and who still comes."""

from dataclasses import dataclass

import numpy as np

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import Bools, Ints, happens
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.illness import Illness
from registry_pipeline.simulate.patients import Patients

SCHEDULE = (7, 14, 21, 28, 42, 56, 70, 84, 98, 112, 126, 154, 182, 210, 238, 266, 294, 322, 364)
"""Nominal days; the third one, where visits are not fixed, is really 1 to 5 days after the last induction session."""
WINDOWS = {
    "wk1": (7, 4, 10),
    "day14": (14, 11, 17),
    "wk4": (28, 21, 35),
    "wk8": (56, 49, 63),
    "wk12": (84, 77, 98),
    "wk26": (182, 161, 203),
    "wk52": (364, 330, 400),
}
"""Target day, and the first and last day of the window in which marts look for a score."""
_WEEK_2, END_OF_INDUCTION, _WEEK_4 = 1, 2, 3
_NEAR = 6
"""An end-of-induction visit this close to week 4 stands in for it."""


@dataclass(frozen=True)
class Visits:
    """(patient, visit): the day it is due with its jitter, whether it is in the schedule, whether the patient came."""

    day: Ints
    is_scheduled: Bools
    is_attended: Bools

    def attended_between(self, first: int, last: int) -> Bools:
        """Return which patients came at least once from the first to the last of these days."""
        return np.asarray((self.is_attended & (self.day >= first) & (self.day <= last)).any(axis=1))


def draw_visits(clinic: Clinic, patients: Patients, illness: Illness, rng: np.random.Generator) -> Visits:
    """Return the visits of a chunk of patients; days increase along each row."""
    n, v = patients.n, len(SCHEDULE)
    day = np.tile(np.array(SCHEDULE, dtype=np.int64), (n, 1))
    scheduled = np.ones((n, v), dtype=np.bool_)
    if clinic.has_fixed_visits:
        scheduled[:, END_OF_INDUCTION] = False
    else:
        late = happens(rng, planted.OUT_OF_WINDOW, n * v).reshape(n, v) & (day >= SCHEDULE[_WEEK_4])
        day += np.clip(np.rint(rng.normal(0, 1.5, (n, v))), -3, 3).astype(np.int64)
        day += late * rng.integers(8, 10, (n, v))
        day[:, END_OF_INDUCTION] = illness.last_day + rng.integers(1, 6, n)
        scheduled[:, _WEEK_2] = day[:, _WEEK_2] < illness.last_day
        scheduled[:, _WEEK_4] = day[:, END_OF_INDUCTION] < SCHEDULE[_WEEK_4] - _NEAR
        step = np.arange(v)
        day = np.maximum.accumulate(np.where(scheduled, day, 0) - step, axis=1) + step
    is_open = day <= np.minimum(patients.reach, illness.dropout_day)[:, None]
    came = happens(rng, planted.ATTENDANCE, n * v).reshape(n, v)
    return Visits(day, scheduled, scheduled & is_open & came)
