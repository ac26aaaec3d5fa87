"""What became of what hangs on several tables: double response, boosters, and the tables that only some clinics send.

What belongs here: counts over one chunk. What does not: adding chunks up and writing them down (`truth.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import PATIENT_NO, Bools
from registry_pipeline.simulate.generate import Chunk
from registry_pipeline.simulate.ideation import SEVERE_FROM
from registry_pipeline.simulate.illness import in_response
from registry_pipeline.simulate.opioids import AFTER_DAY, BEFORE_DAY, LATE_DAY
from registry_pipeline.simulate.visits import WINDOWS

ABOUT = {
    "double_response": "Eligible on NRS and PHQ-9 with both windows mature, and in response on both on the target day.",
    "boosters": "Patients by whether a session of the second course was given, on schedule or on demand.",
    "haemodynamics": "Sessions with readings: a peak of 180/110 or more, and a rise of 30 mmHg or 20 % systolic.",
    "opioids": "Takers before treatment whose doses can be converted, and how many whose window is mature take "
    "less; clinics that send opioid days.",
    "screening": "Patients screened, and those with a contraindication that was uncontrolled and treated all the same.",
    "ideation": "At week 4, of rated patients whose window is mature and who came in it: all of them, those below "
    "severe and those with ideation before treatment, and what became of each of these on the target day; clinics that "
    "rate ideation.",
    "co_therapy": "Patients with psychotherapy or integration, or physiotherapy, that has begun by the last induction "
    "session and not ended before the first; clinics that send co-therapies.",
}
_PRESSURES = (("pre", "sbp"), ("peak", "sbp"), ("peak", "dbp"))

Counts = dict[tuple[str, str], int]


def planted_besides() -> dict[str, Any]:
    """Return the parameters that the further tables are drawn from."""
    pressures = {"systolic": planted.SYSTOLIC, "diastolic": planted.DIASTOLIC}
    names = ("before_mmhg", "between_patients_sd", "rise_mmhg", "rise_sd")
    return {
        "opioid_kept": {
            who: dict(zip(map(str, planted.OPIOID_KEPT), shares, strict=True))
            for who, shares in planted.OPIOID_KEPT_SHARES.items()
        },
        "blood_pressure": {name: dict(zip(names, values, strict=True)) for name, values in pressures.items()},
        "contraindication_treated_all_the_same": planted.TREATED_DESPITE,
        "co_therapy_of_each_kind": planted.CO_THERAPY,
        "suicidal_ideation": {
            "before": {str(score): share for score, share in enumerate(planted.IDEATION_BEFORE)},
            "gone_in_response": planted.IDEATION_GONE,
            "worse_by_a_step": planted.IDEATION_WORSE,
            "turns_severe": planted.IDEATION_TURNS_SEVERE,
        },
    }


def counts_besides(chunk: Chunk, keep: Bools) -> Counts:
    """Return counts by topic and name.

    Args:
        chunk: Some of a clinic's patients.
        keep: Which of them count.
    """
    kept = pl.Series(chunk.patients.number[keep])
    tables = {
        name: frame.filter(pl.col(PATIENT_NO).is_in(kept.implode()))
        for name, frame in chunk.tables.items()
        if name in {"session_vital", "opioid_day", "screening_item", "co_therapy"}
    }
    counts = _double_response(chunk, keep) | _boosters(chunk, keep)
    if chunk.ideation.is_rated.any():
        counts |= _ideation(chunk, keep)
    if "session_vital" in tables:
        counts |= _haemodynamics(tables["session_vital"])
    if "opioid_day" in tables:
        counts |= _opioids(chunk, tables["opioid_day"])
    if "screening_item" in tables:
        counts |= _screening(tables["screening_item"])
    if "co_therapy" in tables:
        counts |= _co_therapy(chunk, keep, tables["co_therapy"])
    return counts


def _named(topic: str, **counts: int | np.integer[Any]) -> Counts:
    return {(topic, name): int(n) for name, n in counts.items()}


def _double_response(chunk: Chunk, keep: Bools) -> Counts:
    illness, both = chunk.illness, keep.copy()
    counts: Counts = {}
    for j in (planted.NRS, planted.PHQ9):
        both &= illness.has[:, j] & (illness.baseline[:, j] >= planted.INSTRUMENTS[j].floor)
    for window in ("wk4", "wk12"):
        target, _, last = WINDOWS[window]
        mature = both & (chunk.patients.reach >= last)
        pain, mood = (in_response(illness, j, slice(None), target) for j in (planted.NRS, planted.PHQ9))
        counts |= _named(
            "double_response",
            **{
                f"{window}_n_eligible": mature.sum(),
                f"{window}_n_both": (mature & pain & mood).sum(),
                f"{window}_n_pain_only": (mature & pain & ~mood).sum(),
                f"{window}_n_mood_only": (mature & ~pain & mood).sum(),
            },
        )
    return counts


def _boosters(chunk: Chunk, keep: Bools) -> Counts:
    sessions = chunk.sessions
    later = keep[sessions.patient] & (sessions.course_no > 1)
    scheduled, on_demand = later & sessions.is_scheduled, later & ~sessions.is_scheduled
    return _named(
        "boosters",
        n_patients=keep.sum(),
        n_with_scheduled=len(np.unique(sessions.patient[scheduled])),
        n_with_on_demand=len(np.unique(sessions.patient[on_demand])),
        n_sessions_scheduled=scheduled.sum(),
        n_sessions_on_demand=on_demand.sum(),
    )


def _ideation(chunk: Chunk, keep: Bools) -> Counts:
    target, first, last = WINDOWS["wk4"]
    came = (chunk.patients.reach >= last) & chunk.visits.attended_between(first, last)
    rated = np.flatnonzero(keep & chunk.ideation.is_rated & came)
    before, after = chunk.ideation.before[rated], chunk.ideation.on(chunk.illness, rated, target)
    return _named(
        "ideation",
        n_rated=len(rated),
        n_worsened=(after > before).sum(),
        n_below_severe=(before < SEVERE_FROM).sum(),
        n_new_severe=((before < SEVERE_FROM) & (after >= SEVERE_FROM)).sum(),
        n_with_ideation=(before > 0).sum(),
        n_improved=(after < before).sum(),
        n_to_zero=((before > 0) & (after == 0)).sum(),
    )


def _haemodynamics(vitals: pl.DataFrame) -> Counts:
    wide = vitals.with_columns(pl.col("value").cast(pl.Float64)).pivot(
        ["phase", "param"], index="session_id", values="value", separator="_"
    )
    before, peak, diastolic = (wide[f'{{"{phase}","{param}"}}'].to_numpy() for phase, param in _PRESSURES)
    rise = peak - before
    return _named(
        "haemodynamics",
        n_sessions=wide.height,
        n_peak_high=((peak >= 180) | (diastolic >= 110)).sum(),  # noqa: PLR2004 - the specification's endpoint
        n_rise=((rise >= 30) | (5 * rise >= before)).sum(),  # noqa: PLR2004 - likewise
    )


def _opioids(chunk: Chunk, days: pl.DataFrame) -> Counts:
    reach = pl.DataFrame({PATIENT_NO: chunk.patients.number, "reach": chunk.patients.reach})
    converts = days.filter(pl.col("opioid") != "buprenorphine").with_columns(pl.col("daily_dose").cast(pl.Float64))
    doses = converts.join(reach, on=PATIENT_NO).select(PATIENT_NO, "reach", "study_day", "daily_dose")
    before = doses.filter(pl.col("study_day") == BEFORE_DAY)
    counts = _named(
        "opioids",
        n_takers=before.height,
        n_not_convertible=days.filter(pl.col("opioid") == "buprenorphine")[PATIENT_NO].n_unique(),
    )
    for window, (day, last) in {"wk4": (AFTER_DAY, 35), "wk12": (LATE_DAY, 98)}.items():
        later = doses.filter(pl.col("study_day") == day, pl.col("reach") >= last)
        pair = later.join(before, on=PATIENT_NO, suffix="_before")
        now, usual = pair["daily_dose"].to_numpy(), pair["daily_dose_before"].to_numpy()
        counts |= _named(
            "opioids",
            **{
                f"{window}_n_known": pair.height,
                f"{window}_n_fall_30": (10 * (usual - now) >= 3 * usual).sum(),
                f"{window}_n_fall_50": (2 * (usual - now) >= usual).sum(),
                f"{window}_n_stopped": (now == 0).sum(),
            },
        )
    return counts


def _screening(items: pl.DataFrame) -> Counts:
    despite = items.filter(pl.col("result") == "present_uncontrolled")
    return _named(
        "screening", n_patients=items[PATIENT_NO].n_unique(), n_treated_despite=despite[PATIENT_NO].n_unique()
    )


def _co_therapy(chunk: Chunk, keep: Bools, therapies: pl.DataFrame) -> Counts:
    sessions = chunk.sessions
    last = np.zeros(chunk.patients.n, dtype=np.int64)
    is_induction = sessions.course_no == 1
    np.maximum.at(last, sessions.patient[is_induction], sessions.day[is_induction])
    ends = pl.DataFrame({PATIENT_NO: chunk.patients.number, "last_day": last})
    during = therapies.join(ends, on=PATIENT_NO).filter(
        pl.col("start_day") <= pl.col("last_day"), pl.col("end_day").fill_null(0) >= 0
    )
    mind, body = (
        during.filter(pl.col("kind").is_in(kinds))[PATIENT_NO].n_unique()
        for kinds in (["psychotherapy", "integration"], ["physiotherapy", "rehabilitation"])
    )
    return _named("co_therapy", n_patients=keep.sum(), n_psychotherapy=mind, n_rehabilitation=body)
