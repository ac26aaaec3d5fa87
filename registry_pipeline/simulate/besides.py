"""What some clinics record besides: screening, other medicines and treatments, single answers of questionnaires.

What belongs here: which of these a clinic sends, and the short tables among them. What does not: vital signs
(`vitals.py`) and opioids (`opioids.py`).
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import PATIENT_NO, Ints, at, choose, decimal, happens, where_known, words
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.illness import Illness
from registry_pipeline.simulate.opioids import opioid_table
from registry_pipeline.simulate.patients import Patients
from registry_pipeline.simulate.sessions import Sessions
from registry_pipeline.simulate.vitals import vital_table

_ITEMS = ("hypertension_uncontrolled", "psychosis", "substance_active", "pregnancy_nursing", "baseline_ecg")
_RESULTS = ("absent", "present_controlled", "present_uncontrolled", "not_assessed", "done_normal")
_CONTROLLED, _UNCONTROLLED, _NOT_ASSESSED, _DONE_NORMAL = 1, 2, 3, 4
_COMEDS = ("antiemetic", "benzodiazepine", "alpha2", "antihypertensive")
_CLASSES = ("ssri", "snri", "gabapentinoid", "benzodiazepine", "opioid", "nsaid")
_KINDS = ("psychotherapy", "physiotherapy", "integration", "lifestyle")
_QUESTIONS = {"phq9": 9, "gad7": 7, "pcl5": 20}


def recorded_besides(
    clinic: Clinic,
    patients: Patients,
    illness: Illness,
    rng: np.random.Generator,
    *,
    sessions: Sessions,
    tables: dict[str, pl.DataFrame],
) -> dict[str, pl.DataFrame]:
    """Return the rows of the further tables that the clinic sends, given those of the usual ones."""
    makers: dict[str, Callable[[], pl.DataFrame]] = {
        "screening_item": lambda: _screening(tables["course"], rng),
        "session_vital": lambda: vital_table(patients, sessions, rng),
        "session_comed": lambda: _comeds(patients, sessions, rng),
        "outcome_item": lambda: _answers(tables["outcome_assessment"]),
        "conmed": lambda: _periods(patients, "class", _CLASSES, rng),
        "opioid_day": lambda: opioid_table(patients, illness, rng),
        "co_therapy": lambda: _periods(patients, "kind", _KINDS, rng).with_columns(
            start_day=pl.col("start_day").fill_null(-90), n_contacts=pl.lit(4, dtype=pl.Int64)
        ),
    }
    return {name: makers[name]() for name in clinic.further_tables}


def _screening(courses: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    n, k = courses.height, len(_ITEMS)
    item = np.tile(np.arange(k), n)
    despite = planted.TREATED_DESPITE
    found = choose(rng, (0.90 - despite, 0.07, despite, 0.03), n * k)
    result = np.where(item == k - 1, np.where(found == _NOT_ASSESSED, found, _DONE_NORMAL), found)
    is_cautious = (result == _CONTROLLED) | (result == _UNCONTROLLED)
    return pl.DataFrame(
        {
            PATIENT_NO: np.repeat(courses[PATIENT_NO].to_numpy(), k),
            "course_id": at(courses["course_id"], np.repeat(np.arange(n), k)),
            "item": words(_ITEMS, item),
            "result": words(_RESULTS, result),
            "decision": where_known(words(["proceed", "proceed_precaution"], is_cautious), result != _NOT_ASSESSED),
        }
    )


def _comeds(patients: Patients, sessions: Sessions, rng: np.random.Generator) -> pl.DataFrame:
    row = np.flatnonzero(happens(rng, 0.25, sessions.n))
    kind = choose(rng, (0.62, 0.20, 0.10, 0.08), len(row))
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
    has = happens(rng, planted.CO_THERAPY, patients.n * len(labels)).reshape(patients.n, len(labels))
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
