"""Small registries with known truth: what is planted, the rows that come of it, and what a mart should find.

Every replication is a diagnosis of its own, so one build of the marts estimates all of them. What belongs here: the
draws and the exact values they are drawn around. What does not: estimating (the marts) and comparing (`recovery.py`).

One patient: six infusions on days 0 to 20, adverse events after each with a tendency of the patient's own, one score on
day 27 that responders attend more often than others, and for responders a score every week or two until they leave, a
retreatment at random, and a loss of response that the next visit sees. All of these are independent of each other.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

CLINIC = "C001"
SESSION_DAYS = np.arange(0, 24, 4)
LAST_SESSION = int(SESSION_DAYS[-1])
VISITS = np.array([7, *range(21, 190, 7)])
"""Days after the last session; the first one is within 14 days of it and inside the fourth week."""
RESPONDS = {"under_46": 0.40, "46_and_over": 0.55}
ATTENDS_RESPONDER, ATTENDS_OTHER = 0.90, 0.70
LOSS_SHAPE, LOSS_SCALE = 1.195, 95.0
STAYS_MEAN_DAYS, RETREATED_AFTER, RETREATED_MEAN_DAYS = 150.0, 15, 200.0
EVENTS = {"nausea": (-1.4, 1.0), "vomiting": (-4.0, 0.8)}
"""Mean and standard deviation between patients of the logit of an event at a session."""
FORM_COMPLETE, TOLD_UNASKED = 0.85, 0.10
RISK_DAYS = 30
LANDMARKS = (28, 56, 84)
CLINICS, CLINIC_LOGIT, CLINIC_SD, CLINIC_SIZES = 12, -0.2, 0.5, (40, 161)


def survival(day: npt.ArrayLike) -> Floats:
    """Return the probability that response lasts beyond a day, given that it lasts beyond the first visit."""
    hazard = (np.asarray(day, dtype=np.float64) / LOSS_SCALE) ** LOSS_SHAPE
    return np.asarray(np.exp((VISITS[0] / LOSS_SCALE) ** LOSS_SHAPE - hazard), dtype=np.float64)


def truth() -> dict[str, float]:
    """Return what the marts should find, by the name of the estimate."""
    p, q = RESPONDS["46_and_over"], RESPONDS["under_46"]
    responds = (p + q) / 2
    seen = responds * ATTENDS_RESPONDER
    found = {
        "response nri, week 4": seen,
        "response observed, week 4": seen / (seen + (1 - responds) * ATTENDS_OTHER),
        "difference by age, nri (Newcombe)": (p - q) * ATTENDS_RESPONDER,
        "median days in response": float(VISITS[survival(VISITS) <= 1 / 2][0]),
        "loss by day 84, retreatment competing": _incidence(84),
        "pooled rate (REML, HKSJ)": 1 / (1 + np.exp(-CLINIC_LOGIT)),
        "pooled rate (DL, to compare)": 1 / (1 + np.exp(-CLINIC_LOGIT)),
    }
    found |= {f"in response on day {day} (KM)": float(survival(day)) for day in LANDMARKS}
    for term in EVENTS:
        found |= {f"{term} per {basis}": value for basis, value in _event_truth(term).items()}
    return found


def _incidence(until: int) -> float:
    """Return the probability that loss of response is seen by a day, before any retreatment."""
    days = VISITS[(VISITS[0] < VISITS) & (until >= VISITS)]
    lost = survival(np.concatenate((VISITS[:1], days)))
    not_retreated = np.exp(-np.maximum(days - RETREATED_AFTER, 0) / RETREATED_MEAN_DAYS)
    return float(((lost[:-1] - lost[1:]) * not_retreated).sum())


def _event_truth(term: str) -> dict[str, float]:
    """Return the rates of an event over sessions, patients and months at risk, by Gauss-Hermite quadrature."""
    mean, sd = EVENTS[term]
    place, weight = np.polynomial.hermite_e.hermegauss(60)
    chance = 1 / (1 + np.exp(-(mean + sd * place)))
    weight = weight / weight.sum()
    patients = with_event = days_at_risk = 0.0
    for asked in product((False, True), repeat=len(SESSION_DAYS)):
        days = SESSION_DAYS[list(asked)]
        if not len(days):
            continue
        share = FORM_COMPLETE ** len(days) * (1 - FORM_COMPLETE) ** (len(SESSION_DAYS) - len(days))
        first = chance * (1 - chance) ** np.arange(len(days))[:, None]
        never = (1 - chance) ** len(days)
        at_risk = (days[:, None] - days[0]) * first
        patients += share
        with_event += share * float(weight @ (1 - never))
        days_at_risk += share * float(weight @ (at_risk.sum(axis=0) + (days[-1] + RISK_DAYS - days[0]) * never))
    return {
        "session": float(weight @ chance),
        "patient": with_event / patients,
        "patient-month": with_event / days_at_risk * 30.4375,
    }


@dataclass(frozen=True)
class _Patients:
    """All patients of all replications, an array element each."""

    diagnosis: npt.NDArray[np.int64]
    is_older: npt.NDArray[np.bool_]
    responds: npt.NDArray[np.bool_]
    attends: npt.NDArray[np.bool_]
    lost_after: Floats
    last_visit: Floats
    retreated_after: Floats

    @property
    def n(self) -> int:
        return len(self.diagnosis)

    @property
    def ids(self) -> pd.Series:
        return "p_" + pd.Series(np.arange(self.n)).astype("str").str.zfill(8)


def _patients(rng: np.random.Generator, n_replications: int, n_patients: int) -> _Patients:
    n = n_replications * n_patients
    is_older = rng.random(n) < 1 / 2
    responds = rng.random(n) < np.where(is_older, RESPONDS["46_and_over"], RESPONDS["under_46"])
    # Beyond the first visit, by inversion: those who lose response before it are among those who do not respond.
    hazard = (VISITS[0] / LOSS_SCALE) ** LOSS_SHAPE + rng.exponential(size=n)
    last = VISITS[0] + rng.exponential(STAYS_MEAN_DAYS, n)
    return _Patients(
        diagnosis=np.repeat(np.arange(n_replications), n_patients),
        is_older=is_older,
        responds=responds,
        attends=rng.random(n) < np.where(responds, ATTENDS_RESPONDER, ATTENDS_OTHER),
        lost_after=LOSS_SCALE * hazard ** (1 / LOSS_SHAPE),
        last_visit=VISITS[np.searchsorted(VISITS, last, side="right") - 1].astype(np.float64),
        retreated_after=np.floor(RETREATED_AFTER + rng.exponential(RETREATED_MEAN_DAYS, n)),
    )


def draw_registries(seed: int, n_replications: int, n_patients: int) -> dict[str, pd.DataFrame]:
    """Return the staging tables of so many registries of so many patients."""
    rng = np.random.default_rng(seed)
    patients = _patients(rng, n_replications, n_patients)
    sessions = _sessions(rng, patients)
    tables = {
        "patient": pd.DataFrame({"patient_id": patients.ids, "age_ge_46": patients.is_older, "data_cut_day": 400}),
        "diagnosis": pd.DataFrame(
            {"patient_id": patients.ids, "dx_seq": 1, "dx_code": replication_code(patients.diagnosis)}
        ),
        "course": _courses(patients),
        "session": sessions.drop(columns="patient"),
        "adverse_event": _events(rng, sessions, patients.n),
        "outcome_assessment": _assessments(patients),
        # Everybody is heard of once all sessions are over, so the time at risk ends 30 days after the last one.
        "followup_contact": pd.DataFrame(
            {"patient_id": patients.ids, "followup_id": "f" + patients.ids, "study_day": 60, "vital_status": "alive"}
        ),
    }
    return {f"staging.stg_{name}": table.assign(clinic_id=CLINIC) for name, table in tables.items()}


def replication_code(number: npt.ArrayLike) -> pd.Series:
    """Return the diagnosis that a replication goes by."""
    return "r" + pd.Series(np.asarray(number)).astype("str").str.zfill(4)


def _is_retreated(patients: _Patients) -> npt.NDArray[np.bool_]:
    return patients.responds & (patients.retreated_after <= patients.last_visit)


def _courses(patients: _Patients) -> pd.DataFrame:
    first = pd.DataFrame(
        {"course_id": "c1" + patients.ids, "patient_id": patients.ids, "course_no": 1, "intent": "induction"}
    ).assign(start_day=0, target_dx_seq=1)
    again = _is_retreated(patients)
    later = first[again].assign(course_id="c2" + patients.ids[again], course_no=2, intent="maintenance")
    return pd.concat([first, later.assign(start_day=LAST_SESSION + patients.retreated_after[again].astype(int))])


def _sessions(rng: np.random.Generator, patients: _Patients) -> pd.DataFrame:
    patient = np.repeat(np.arange(patients.n), len(SESSION_DAYS))
    number = np.tile(np.arange(1, len(SESSION_DAYS) + 1), patients.n)
    ids = patients.ids.to_numpy()[patient]
    is_complete = rng.random(len(patient)) < FORM_COMPLETE
    first = pd.DataFrame(
        {
            "patient": patient,
            "session_id": pd.Series(ids) + "_" + pd.Series(number).astype("str"),
            "course_id": "c1" + pd.Series(ids),
            "session_no": number,
            "study_day": np.tile(SESSION_DAYS, patients.n),
            "ae_form_status": np.where(is_complete, "complete", "spontaneous_only"),
        }
    )
    again = np.flatnonzero(_is_retreated(patients))
    ids = patients.ids[again].reset_index(drop=True)
    days = LAST_SESSION + patients.retreated_after[again].astype(int)
    later = pd.DataFrame({"patient": again, "session_id": ids + "_9", "course_id": "c2" + ids, "study_day": days})
    later = later.assign(session_no=1, ae_form_status="not_done")
    return pd.concat([first, later], ignore_index=True).assign(route="iv", phase_reported="unknown")


def _events(rng: np.random.Generator, sessions: pd.DataFrame, n_patients: int) -> pd.DataFrame:
    parts = []
    for term, (mean, sd) in EVENTS.items():
        tendency = rng.normal(mean, sd, n_patients)[sessions["patient"]]
        happened = rng.random(len(sessions)) < 1 / (1 + np.exp(-tendency))
        told = rng.random(len(sessions)) < TOLD_UNASKED
        status = sessions["ae_form_status"].to_numpy()
        noted = happened & ((status == "complete") | (told & (status == "spontaneous_only")))
        rows = sessions.loc[noted, ["session_id", "study_day"]].rename(columns={"study_day": "onset_day"})
        parts.append(rows.assign(ae_term=term, ae_id=f"{term}_" + rows["session_id"], serious=False, ongoing=False))
    return pd.concat(parts, ignore_index=True)


def _assessments(patients: _Patients) -> pd.DataFrame:
    """Return PHQ-9 totals: 20 before, 5 in response, 15 out of it."""
    everybody = np.arange(patients.n)
    patient, visit = np.nonzero((patients.last_visit[:, None] >= VISITS) & patients.responds[:, None])
    is_seen = (visit > 0) | patients.attends[patient]
    patient, visit = patient[is_seen], visit[is_seen]
    others = everybody[~patients.responds & patients.attends]
    scores = pd.DataFrame(
        {
            "patient": np.concatenate((everybody, others, patient)),
            "after": np.concatenate((np.full(patients.n, -LAST_SESSION - 1), np.full(len(others), 7), VISITS[visit])),
            "total": np.concatenate(
                (
                    np.full(patients.n, 20),
                    np.full(len(others), 15),
                    np.where(patients.lost_after[patient] <= VISITS[visit], 15, 5),
                )
            ),
        }
    )
    ids = pd.Series(patients.ids.to_numpy()[scores["patient"]])
    return pd.DataFrame(
        {
            "assessment_id": ids + "_" + scores["after"].astype("str"),
            "patient_id": ids,
            "course_id": "c1" + ids,
            "instrument": "phq9",
            "study_day": LAST_SESSION + scores["after"],
            "timing_rel_dose": "pre",
            "total": scores["total"],
        }
    )


def draw_clinics(seed: int, n_replications: int) -> pd.DataFrame:
    """Return rows of `marts.response_rates` by clinic: a replication is a definition, and its clinics differ."""
    rng = np.random.default_rng([seed, 1])
    shape = (n_replications, CLINICS)
    n = rng.integers(*CLINIC_SIZES, shape)
    x = rng.binomial(n, 1 / (1 + np.exp(-rng.normal(CLINIC_LOGIT, CLINIC_SD, shape))))
    replication, clinic = (place.ravel() for place in np.indices(shape))
    return pd.DataFrame(
        {
            "definition": replication_code(replication),
            "level": "C" + pd.Series(clinic).astype("str").str.zfill(3),
            "numerator": x.ravel(),
            "denominator": n.ravel(),
        }
    ).assign(indication="all", instrument="phq9", time_window="wk4", estimand="nri", dimension="clinic")
