"""Opioids: who takes one before treatment, and what is left of it four and twelve weeks later."""

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import PATIENT_NO, Bools, Floats, Ints, at, choose, decimal, happens, words
from registry_pipeline.simulate.illness import Illness
from registry_pipeline.simulate.patients import Patients

OPIOIDS = ("morphine", "oxycodone", "tramadol", "fentanyl_transdermal_mcg_h", "buprenorphine")
_FENTANYL = 3
BEFORE_DAY, AFTER_DAY, LATE_DAY = -7, 28, 84


def opioid_table(patients: Patients, illness: Illness, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `opioid_day`: a dose before treatment, and later ones within the patient's reach."""
    is_pain = patients.indication < len(planted.PAIN)
    takes = happens(rng, np.where(is_pain, planted.OPIOID_USERS_PAIN, planted.OPIOID_USERS_OTHER), patients.n)
    user = np.flatnonzero(takes)
    opioid = choose(rng, (0.35, 0.3, 0.2, 0.1, 0.05), len(user))
    before = np.where(opioid == _FENTANYL, 25, rng.integers(1, 10, len(user)) * 10)
    after = np.floor(before * _kept(illness.is_responder[user], rng)).astype(np.int64)
    has_lost = illness.is_responder[user] & (illness.last_day + illness.loss_after < LATE_DAY)[user]
    late = np.where(has_lost, before, after)
    doses = ((BEFORE_DAY, before), (AFTER_DAY, after), (LATE_DAY, late))
    return pl.concat([_of_day(patients, user, opioid, day, dose) for day, dose in doses])


def _kept(is_responder: Bools, rng: np.random.Generator) -> Floats:
    shares = planted.OPIOID_KEPT_SHARES
    of_responders, of_others = (choose(rng, shares[who], len(is_responder)) for who in ("responder", "other"))
    return np.array(planted.OPIOID_KEPT)[np.where(is_responder, of_responders, of_others)]


def _of_day(patients: Patients, user: Ints, opioid: Ints, day: int, dose: Ints) -> pl.DataFrame:
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[user],
            "patient_id": at(patients.patient_id, user),
            "study_day": np.full(len(user), day),
            "opioid": words(OPIOIDS, opioid),
            "daily_dose": decimal(dose * 100, 8, 2),
            "unit": words(["mg/day", "mcg/h"], opioid == _FENTANYL),
            "prn": np.zeros(len(user), dtype=np.bool_),
        }
    ).filter(pl.Series(patients.reach[user] >= day))
