"""Patients: who they are, why they come, by which route they are treated, and how long the clinic can know of them."""

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
    decimal,
    happens,
    random_ids,
    where_known,
    words,
)
from registry_pipeline.simulate.clinic import Clinic

_LAST_YEAR = 2025
_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75-89", "90+")
_BAND_EDGES = (25, 35, 45, 55, 65, 75, 90)
_AGE_SPLIT = 46
_REGIONS = ("CA", "TX", "FL", "NY", "WA", "CO", "unknown")
_SEXES = ("female", "male", "intersex", "unknown")
_TESTS = {"neuropathic": ("emg_ncs", "qst"), "nociplastic": ("none", "other"), "mixed": ("imaging", "none")}
_EARLIEST_CUT = 20


@dataclass(frozen=True)
class Patients:
    """A chunk of a clinic's patients, one array element each."""

    number: Ints
    patient_id: pl.Series
    indication: Ints
    has_mood_scale: Bools
    """A pain patient who also fills in the PHQ-9."""
    route: Ints
    age: Ints
    weight: Ints
    """In tenths of a kilogram."""
    data_cut_day: Ints
    withdrawn_day: Ints
    is_deleted: Bools
    """The patient withdrew and asked for deletion."""

    @property
    def n(self) -> int:
        """Return how many there are."""
        return len(self.number)

    @property
    def reach(self) -> Ints:
        """Return the last day of which the clinic may send anything."""
        return np.minimum(self.data_cut_day, self.withdrawn_day - 1)


def draw_patients(clinic: Clinic, rng: np.random.Generator, first: int, n: int) -> Patients:
    """Return the clinic's patients number `first` to `first + n - 1`."""
    shares = [clinic.pain_share * indication.share for indication in planted.PAIN]
    shares += [(1 - clinic.pain_share) * indication.share for indication in planted.MOOD]
    indication = choose(rng, shares, n)
    is_recent = happens(rng, planted.STILL_RECENT, n)
    cut = np.where(is_recent, rng.integers(_EARLIEST_CUT, 400, n), rng.integers(400, 1500, n))
    is_deleted = happens(rng, planted.WITHDRAWN_DELETE, n)
    is_withdrawn = is_deleted | happens(rng, planted.WITHDRAWN_FUTURE, n)
    withdrawn = 10 + np.floor(rng.random(n) * (np.minimum(cut, 300) - 9))
    return Patients(
        number=np.arange(first, first + n),
        patient_id=random_ids(rng, n),
        indication=indication,
        has_mood_scale=(indication < len(planted.PAIN)) & happens(rng, planted.PAIN_WITH_MOOD, n),
        route=choose(rng, clinic.routes, n),
        age=np.clip(np.rint(rng.normal(46, 14, n)), 18, 89).astype(np.int64),
        weight=np.clip(np.rint(rng.normal(780, 150, n)), 450, 1600).astype(np.int64),
        data_cut_day=cut.astype(np.int64),
        withdrawn_day=np.where(is_withdrawn, withdrawn, NEVER).astype(np.int64),
        is_deleted=is_deleted,
    )


def patient_table(clinic: Clinic, patients: Patients, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `patient`."""
    n = patients.n
    return pl.DataFrame(
        {
            PATIENT_NO: patients.number,
            "patient_id": patients.patient_id,
            "clinic_id": words([clinic.clinic_id], np.zeros(n)),
            "age_years": where_known(patients.age, happens(rng, 0.98, n)),
            "age_band": words(_BANDS, np.searchsorted(_BAND_EDGES, patients.age, side="right")),
            "age_ge_46": patients.age >= _AGE_SPLIT,
            "sex": words(_SEXES, choose(rng, (0.58, 0.40, 0.005, 0.015), n)),
            "region": words(_REGIONS, choose(rng, (1,) * len(_REGIONS), n)),
            "index_year": _LAST_YEAR - patients.data_cut_day // 365,
            "weight_kg": decimal(patients.weight, 5, 1),
            "height_cm": decimal(np.clip(np.rint(rng.normal(1700, 95, n)), 1400, 2050), 4, 1),
            "data_cut_day": patients.data_cut_day,
        }
    )


def diagnosis_table(patients: Patients, rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows of `diagnosis`: the primary indication, and for some a comorbidity."""
    n = patients.n
    codes = [indication.code for indication in planted.INDICATIONS]
    mechanism = np.array([indication.mechanism for indication in planted.INDICATIONS])[patients.indication]
    tests = np.array([_TESTS.get(name, ("not_asked", "none")) for name in mechanism])
    is_crps = np.array(codes)[patients.indication] == "crps1"
    primary = pl.DataFrame(
        {
            PATIENT_NO: patients.number,
            "patient_id": patients.patient_id,
            "dx_seq": np.ones(n, dtype=np.int64),
            "dx_code": words(codes, patients.indication),
            "dx_role": words(["primary_indication"], np.zeros(n)),
            "pain_mechanism": pl.Series(mechanism),
            "confirmatory_test": pl.Series(np.where(is_crps, "budapest", tests[np.arange(n), rng.integers(0, 2, n)])),
            "duration_months": where_known(rng.integers(6, 300, n), happens(rng, 0.9, n)),
            "refractory_n_prior": rng.integers(1, 9, n),
            "cancer_related": np.array(codes)[patients.indication] == "cancer_pain",
            "planned_surgery": np.zeros(n, dtype=np.bool_),
        }
    )
    is_pain = patients.indication < len(planted.PAIN)
    comorbid = np.where(is_pain, patients.has_mood_scale, happens(rng, 0.3, n))
    second = primary.filter(pl.Series(comorbid)).with_columns(
        dx_seq=pl.lit(2, dtype=pl.Int64),
        dx_code=words(["other_mh", "mdd"], is_pain[comorbid]),
        dx_role=pl.lit("comorbid"),
        pain_mechanism=pl.lit("na"),
        confirmatory_test=pl.lit("none"),
        cancer_related=pl.lit(value=False),
    )
    return pl.concat([primary, second])
