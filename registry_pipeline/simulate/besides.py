"""What some clinics record besides: screening, vital signs, other medicines and treatments, opioids, single answers.

Nothing planted hangs on these tables; their rows are plausible, and sound by every rule.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from registry_pipeline.simulate.arrays import PATIENT_NO, Bools, Ints, at, choose, decimal, happens, where_known, words
from registry_pipeline.simulate.patients import Patients
from registry_pipeline.simulate.sessions import Sessions

_ITEMS = ("hypertension_uncontrolled", "psychosis", "substance_active", "pregnancy_nursing", "baseline_ecg")
_RESULTS = ("absent", "present_controlled", "not_assessed", "done_normal")
_NOT_ASSESSED, _DONE_NORMAL = 2, 3
_PARAMS = ("sbp", "dbp", "hr", "spo2")
_USUAL = np.array([128, 78, 76, 97])
_SPREAD = np.array([9.0, 6.0, 9.0, 1.0])
_RISE = np.array([14, 8, 8, -1])
"""From before the dose to its peak."""
_HIGHEST = np.array([250, 150, 210, 100])
_PHASES, _MINUTES = ("pre", "peak", "discharge"), np.array([-5, 20, 90])
_COMEDS = ("antiemetic", "benzodiazepine", "alpha2")
_CLASSES = ("ssri", "snri", "gabapentinoid", "benzodiazepine", "opioid", "nsaid")
_KINDS = ("psychotherapy", "physiotherapy", "integration", "lifestyle")
_OPIOIDS = ("morphine", "oxycodone", "tramadol", "fentanyl_transdermal_mcg_h", "buprenorphine")
_FENTANYL = 3
_OPIOID_USERS = 0.3
_QUESTIONS = {"phq9": 9, "gad7": 7, "pcl5": 20}


def recorded_besides(
    patients: Patients, sessions: Sessions, tables: dict[str, pl.DataFrame], rng: np.random.Generator
) -> dict[str, pl.DataFrame]:
    """Return the rows of the further tables, given those of `course` and `outcome_assessment`."""
    return {
        "screening_item": _screening(tables["course"], rng),
        "session_vital": _vitals(patients, sessions, rng),
        "session_comed": _comeds(patients, sessions, rng),
        "outcome_item": _answers(tables["outcome_assessment"]),
        "conmed": _periods(patients, "class", _CLASSES, rng),
        "opioid_day": _opioids(patients, rng),
        "co_therapy": _periods(patients, "kind", _KINDS, rng).with_columns(
            start_day=pl.col("start_day").fill_null(-90), n_contacts=pl.lit(4, dtype=pl.Int64)
        ),
    }


def _screening(courses: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    n, k = courses.height, len(_ITEMS)
    item = np.tile(np.arange(k), n)
    result = np.where(item == k - 1, _DONE_NORMAL, choose(rng, (0.9, 0.07, 0.03), n * k))
    return pl.DataFrame(
        {
            PATIENT_NO: np.repeat(courses[PATIENT_NO].to_numpy(), k),
            "course_id": at(courses["course_id"], np.repeat(np.arange(n), k)),
            "item": words(_ITEMS, item),
            "result": words(_RESULTS, result),
            "decision": where_known(words(["proceed", "proceed_precaution"], result == 1), result != _NOT_ASSESSED),
        }
    )


def _vitals(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    n, phases, params = sessions.n, len(_PHASES), len(_PARAMS)
    shape = (n, phases, params)
    row, phase, param = (index.ravel() for index in np.indices(shape))
    habit = rng.normal(0, 1, (patients.n, 1, params))[sessions.patient]
    is_peak = (np.arange(phases) == 1)[:, None]
    reading = _USUAL + _SPREAD * (habit + rng.normal(0, 0.3, shape)) + _RISE * is_peak
    reading = np.clip(np.rint(reading), (60, 30, 40, 85), _HIGHEST)
    # Two readings of one cuff belong together.
    reading[:, :, 1] = np.minimum(reading[:, :, 1], reading[:, :, 0] - 10)
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


def _comeds(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    row = np.flatnonzero(happens(rng, 0.25, sessions.n))
    kind = choose(rng, (0.7, 0.2, 0.1), len(row))
    is_rescue = happens(rng, 0.2, len(row))
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[sessions.patient[row]],
            "session_id": at(sessions.session_id, row),
            "drug_class": words(_COMEDS, kind),
            "timing": words(["pre", "during"], is_rescue),
            "reason": words(["prophylaxis", "rescue"], is_rescue),
        }
    )


def _answers(assessments: pl.DataFrame) -> pl.DataFrame:
    """Return answers whose sum is the total: as even as can be, the first questions one point higher."""
    parts = []
    for instrument, n_items in _QUESTIONS.items():
        scored = assessments.filter(pl.col("instrument") == instrument)
        total = scored["total"].cast(pl.Int64).to_numpy()
        number = np.tile(np.arange(n_items), scored.height)
        each = np.repeat(total // n_items, n_items) + (number < np.repeat(total % n_items, n_items))
        parts.append(
            pl.DataFrame(
                {
                    PATIENT_NO: np.repeat(scored[PATIENT_NO].to_numpy(), n_items),
                    "assessment_id": at(scored["assessment_id"], np.repeat(np.arange(scored.height), n_items)),
                    "item_no": number + 1,
                    "value": decimal(each * 100, 6, 2),
                }
            )
        )
    return pl.concat(parts)


def _periods(patients: Patients, column: str, labels: Sequence[str], rng: np.random.Generator) -> pl.DataFrame:
    """Return at most one period of each kind for each patient, some from before the first session, some ended."""
    has = happens(rng, 0.25, patients.n * len(labels)).reshape(patients.n, len(labels))
    row, kind = np.nonzero(has)
    n, reach = len(row), patients.reach[row]
    start = np.minimum(rng.integers(0, 60, n), reach)
    is_new, has_ended = happens(rng, 0.3, n), happens(rng, 0.3, n)
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number[row],
            "patient_id": at(patients.patient_id, row),
            column: words(labels, kind),
            "start_day": where_known(start, is_new),
            "end_day": where_known(_between(start, reach, rng), has_ended),
        }
    )


def _between(first: Ints, last: Ints, rng: np.random.Generator) -> Ints:
    return np.asarray(first + np.floor(rng.random(len(first)) * (last - first + 1)), dtype=np.int64)


def _opioids(patients: Patients, rng: np.random.Generator) -> pl.DataFrame:
    """Return a dose before treatment and one a month later, of patients who take an opioid."""
    takes: Bools = happens(rng, _OPIOID_USERS, patients.n)
    user = np.flatnonzero(takes)
    opioid = choose(rng, (0.35, 0.3, 0.2, 0.1, 0.05), len(user))
    before = np.where(opioid == _FENTANYL, 25, rng.integers(1, 10, len(user)) * 10)
    after = np.floor(before * rng.choice([0.5, 0.8, 1.0], len(user)))
    parts = [
        pl.DataFrame(
            {
                PATIENT_NO: patients.number[user],
                "patient_id": at(patients.patient_id, user),
                "study_day": np.full(len(user), day),
                "opioid": words(_OPIOIDS, opioid),
                "daily_dose": decimal(dose * 100, 8, 2),
                "unit": words(["mg/day", "mcg/h"], opioid == _FENTANYL),
                "prn": np.zeros(len(user), dtype=np.bool_),
            }
        ).filter(pl.Series(patients.reach[user] >= day))
        for day, dose in ((-7, before), (28, after))
    ]
    return pl.concat(parts)
