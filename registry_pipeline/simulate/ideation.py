"""Suicidal ideation: how severe it is before and after, and the C-SSRS ratings that some clinics send besides.

What belongs here: its course and its ratings. They are drawn apart from everything else, so that all else is the same
with and without them.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import PATIENT_NO, Bools, Ints, choose, decimal, happens, words
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.illness import Illness, in_response
from registry_pipeline.simulate.patients import Patients

SEVERE_FROM, _HIGHEST = 4, 5
_N_QUESTIONS = 5


@dataclass(frozen=True)
class Ideation:
    """Ideation of each patient, 0 to 5."""

    is_rated: Bools
    before: Ints
    eased: Ints
    """While in response on the main instrument."""
    otherwise: Ints
    """At other times after the first session."""

    def on(self, illness: Illness, patient: Ints, day: Ints | int) -> Ints:
        """Return the ideation of some patients, each on a day."""
        responds = in_response(illness, illness.main[patient], patient, day)
        since = np.where(responds, self.eased[patient], self.otherwise[patient])
        return np.asarray(np.where(np.asarray(day) > 0, since, self.before[patient]), dtype=np.int64)


def draw_ideation(clinic: Clinic, patients: Patients, rng: np.random.Generator) -> Ideation:
    """Return the ideation of a chunk of patients."""
    n = patients.n
    before = choose(rng, planted.IDEATION_BEFORE, n)
    is_gone = happens(rng, planted.IDEATION_GONE, n)
    worse = np.minimum(before + happens(rng, planted.IDEATION_WORSE, n), _HIGHEST)
    turns_severe = happens(rng, planted.IDEATION_TURNS_SEVERE, n)
    severe = np.maximum(rng.integers(SEVERE_FROM, _HIGHEST + 1, n), before)
    return Ideation(
        is_rated=clinic.rates_ideation & (patients.indication >= len(planted.PAIN)),
        before=before,
        eased=np.where(is_gone, 0, np.maximum(before - 1, 0)),
        otherwise=np.where(turns_severe, severe, worse),
    )


def ideation_table(patients: Patients, illness: Illness, ideation: Ideation, assessments: pl.DataFrame) -> pl.DataFrame:
    """Return ratings as rows of `outcome_assessment`, given those of the other instruments.

    They are made whenever the main instrument is filled in, except after a dose, so nobody is seen on a day more.
    """
    patient = assessments[PATIENT_NO].to_numpy() - patients.number[0]
    names = [instrument.name for instrument in planted.INSTRUMENTS]
    is_main = assessments["instrument"] == words(names, illness.main[patient])
    asked = is_main & pl.Series(ideation.is_rated[patient]) & (assessments["timing_rel_dose"] != "post")
    rows, patient = assessments.filter(asked), patient[asked.to_numpy()]
    level = ideation.on(illness, patient, rows["study_day"].to_numpy())
    return rows.with_columns(
        assessment_id=pl.col("assessment_id").str.replace("a_", "i_", literal=True),
        instrument=pl.lit("cssrs_ideation"),
        mode=pl.lit("clinician"),
        recall=pl.lit("7d"),
        total=decimal(level * 100, 6, 2),
        n_items_answered=pl.lit(_N_QUESTIONS, dtype=pl.Int64),
        # The most severe of the questions answered with yes, not their sum.
        items_sum=pl.lit(None, dtype=pl.Decimal(6, 2)),
    )
