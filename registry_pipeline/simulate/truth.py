"""What was planted, and what became of it in the complete data that no clinic sees whole.

What belongs here: sums over chunks and `truth/parameters.json`. What does not: estimates from what was delivered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import Bools, Floats
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.generate import Chunk
from registry_pipeline.simulate.illness import Illness, in_response
from registry_pipeline.simulate.sessions import FORM_STATUS
from registry_pipeline.simulate.truth_besides import ABOUT, counts_besides, planted_besides
from registry_pipeline.simulate.visits import END_OF_INDUCTION, SCHEDULE, WINDOWS

_DEFINITIONS = ("response", "deep", "deterioration")
_SESSION_GROUPS = ("1", "2-6", ">6")
_GROUP_EDGES = (2, 7)

Counts = dict[tuple[str, ...], int]


@dataclass
class Tally:
    """Sums for one clinic or for all of them."""

    counts: Counts = field(default_factory=dict)
    loss_true: dict[str, list[Floats]] = field(default_factory=dict)
    """Planted days from last induction session to loss, of responders with an eligible baseline, by instrument."""
    loss_seen: dict[str, list[Floats]] = field(default_factory=dict)
    """The same as the first scheduled visit after the loss would date it; infinite when none would."""

    def add(self, n: int | np.integer[Any], *key: str) -> None:
        """Add `n` to the count called `key`."""
        self.counts[key] = self.counts.get(key, 0) + int(n)

    def merge(self, other: "Tally") -> None:
        """Add another tally to this one."""
        for key, n in other.counts.items():
            self.add(n, *key)
        for mine, theirs in ((self.loss_true, other.loss_true), (self.loss_seen, other.loss_seen)):
            for name, arrays in theirs.items():
                mine.setdefault(name, []).extend(arrays)


def tally(chunk: Chunk) -> Tally:
    """Return what is true of a chunk. Patients who asked for deletion do not count."""
    result = Tally()
    keep = ~chunk.patients.is_deleted
    result.add(chunk.patients.n, "n_patients")
    result.add(chunk.patients.is_deleted.sum(), "n_withdrawn_delete")
    has_withdrawn = chunk.patients.withdrawn_day <= chunk.patients.data_cut_day
    result.add((keep & has_withdrawn).sum(), "n_withdrawn_future")
    for j, instrument in enumerate(planted.INSTRUMENTS):
        eligible = keep & chunk.illness.has[:, j] & (chunk.illness.baseline[:, j] >= instrument.floor)
        _tally_response(result, chunk, j, eligible)
        _tally_durability(result, chunk, j, eligible)
    _tally_events(result, chunk, keep)
    for (topic, name), n in counts_besides(chunk, keep).items():
        result.add(n, "besides", topic, name)
    return result


def _classes(illness: Illness, j: int, day: int) -> dict[str, Bools]:
    """Return who responds, responds deeply or is worse on a day."""
    holds = in_response(illness, j, slice(None), day)
    return {"response": holds, "deep": holds & illness.deep[:, j], "deterioration": illness.worsens[:, j]}


def _tally_response(result: Tally, chunk: Chunk, j: int, eligible: Bools) -> None:
    name = planted.INSTRUMENTS[j].name
    for window, (target, first, last) in WINDOWS.items():
        classes = _classes(chunk.illness, j, target)
        mature = eligible & (chunk.patients.reach >= last)
        result.add(eligible.sum(), "response", name, window, "n_eligible")
        result.add(mature.sum(), "response", name, window, "n_mature")
        seen = mature & chunk.visits.attended_between(first, last)
        result.add(seen.sum(), "response", name, window, "n_mature_attended")
        result.add((seen & classes["response"]).sum(), "response", name, window, "n_response_seen")
        for definition in _DEFINITIONS:
            result.add((eligible & classes[definition]).sum(), "response", name, window, definition)


def _tally_durability(result: Tally, chunk: Chunk, j: int, eligible: Bools) -> None:
    name = planted.INSTRUMENTS[j].name
    illness, visits = chunk.illness, chunk.visits
    after = visits.day - illness.last_day[:, None]
    counts = visits.is_scheduled & (after >= 1)
    is_lost = after >= illness.loss_after[:, None]
    first_seen = np.where(counts & is_lost, after, np.inf).min(axis=1)
    first_assessed = np.where(counts, after, np.inf).min(axis=1)
    responders = eligible & illness.responds[:, j]
    # Whoever has lost the response before the end of induction is assessed never enters the evaluable set.
    evaluable = responders & (first_seen > first_assessed)
    result.add(eligible.sum(), "durability", name, "n_eligible")
    result.add(responders.sum(), "durability", name, "n_responders")
    result.add(evaluable.sum(), "durability", name, "n_evaluable")
    result.loss_true.setdefault(name, []).append(illness.loss_after[responders])
    result.loss_seen.setdefault(name, []).append(first_seen[evaluable])


def _tally_events(result: Tally, chunk: Chunk, keep: Bools) -> None:
    sessions = chunk.sessions
    kept = keep[sessions.patient]
    is_first_course = sessions.course_no == 1
    number = np.where(is_first_course, sessions.session_no, sessions.session_no + _GROUP_EDGES[1])
    group = np.searchsorted(_GROUP_EDGES, number, side="right")
    for status, code in enumerate(FORM_STATUS):
        result.add((kept & (sessions.form_status == status)).sum(), "forms", code)
    for r, route in enumerate(planted.ROUTES):
        for g, label in enumerate(_SESSION_GROUPS):
            chosen = kept & (sessions.route == r) & (group == g)
            if not chosen.any():
                continue
            result.add(chosen.sum(), "events", route.code, label, "n_sessions")
            happened = chunk.occurrences.happened[chosen]
            result.add(happened.any(axis=1).sum(), "events", route.code, label, "any")
            for event, n in zip(planted.ADVERSE_EVENTS, happened.sum(axis=0), strict=True):
                result.add(n, "events", route.code, label, event.term)


def _rate(numerator: int, denominator: int) -> float | None:
    return round(numerator / denominator, 6) if denominator else None


Groups = dict[tuple[str, ...], dict[str, int]]


def _grouped(counts: Counts) -> Groups:
    """Return counts by the last part of their key, within the parts before it."""
    groups: Groups = {}
    for key, n in counts.items():
        groups.setdefault(key[:-1], {})[key[-1]] = n
    return groups


def _response_truth(groups: Groups) -> dict[str, Any]:
    truth: dict[str, Any] = {}
    for instrument in planted.INSTRUMENTS:
        windows = {}
        for window in WINDOWS:
            values = groups["response", instrument.name, window]
            n_eligible = values["n_eligible"]
            if n_eligible:
                deep = "substantial" if instrument.name in {"nrs_avg", "bpi_interference"} else "remission"
                windows[window] = {
                    "n_eligible": n_eligible,
                    "n_response": values["response"],
                    "response": _rate(values["response"], n_eligible),
                    deep: _rate(values["deep"], n_eligible),
                    "deterioration": _rate(values["deterioration"], n_eligible),
                    "response_nri": _rate(values["n_response_seen"], values["n_mature"]),
                    "response_observed": _rate(values["n_response_seen"], values["n_mature_attended"]),
                    "coverage": _rate(values["n_mature_attended"], values["n_mature"]),
                }
        if windows:
            truth[instrument.name] = windows
    return truth


def _event_truth(groups: Groups) -> dict[str, Any]:
    truth: dict[str, Any] = {}
    for route in planted.ROUTES:
        by_group = {label: groups.get(("events", route.code, label), {}) for label in _SESSION_GROUPS}
        pooled: dict[str, int] = {}
        for values in by_group.values():
            for term, n in values.items():
                pooled[term] = pooled.get(term, 0) + n
        if pooled:
            rows = {"all": pooled, **{label: values for label, values in by_group.items() if values}}
            truth[route.code] = {label: _event_rates(values) for label, values in rows.items()}
    return truth


def _event_rates(values: dict[str, int]) -> dict[str, float | int | None]:
    n_sessions = values["n_sessions"]
    rates = {term: _rate(n, n_sessions) for term, n in sorted(values.items()) if term != "n_sessions"}
    return {"n_sessions": n_sessions, **rates}


def _median(parts: list[Floats]) -> float | None:
    """Return the first time by which half of them have had the loss, as Kaplan-Meier without censoring does."""
    times = np.sort(np.concatenate(parts)) if parts else np.array([])
    if not len(times):
        return None
    middle = float(times[(len(times) - 1) // 2])
    return round(middle, 3) if np.isfinite(middle) else None


def _durability_truth(result: Tally, groups: Groups) -> dict[str, Any]:
    truth = {}
    for instrument in planted.INSTRUMENTS:
        values = groups["durability", instrument.name]
        true, seen = (_median(part.get(instrument.name, [])) for part in (result.loss_true, result.loss_seen))
        if values["n_responders"]:
            truth[instrument.name] = {
                **values,
                "median_days_true": true,
                "median_days_at_visits": seen,
                "visit_bias_days": None if true is None or seen is None else round(seen - true, 3),
            }
    return truth


def _form_truth(groups: Groups) -> dict[str, Any]:
    forms = {code: groups["forms",].get(code, 0) for code in FORM_STATUS}
    return {**forms, "ascertainment_rate": _rate(forms["complete"], sum(forms.values()))}


def _realised(result: Tally) -> dict[str, Any]:
    groups = _grouped(result.counts)
    return {
        **groups[()],
        "response": _response_truth(groups),
        "durability": _durability_truth(result, groups),
        "adverse_events_per_session": _event_truth(groups),
        "ae_forms": _form_truth(groups),
        "besides": {topic: groups["besides", topic] for topic in ABOUT if ("besides", topic) in groups},
    }


def _planted() -> dict[str, Any]:
    shape, scale = planted.LOSS_SHAPE, planted.LOSS_SCALE_DAYS
    return {
        "response_at_end_of_induction": {i.name: i.responds for i in planted.INSTRUMENTS},
        "response_logit_by_indication": {i.code: i.response_logit for i in planted.INDICATIONS},
        "clinic_logit_sd": planted.CLINIC_LOGIT_SD,
        "durability": {
            "time_zero": "last induction session",
            "distribution": "weibull",
            "shape": shape,
            "scale_days": scale,
            "median_days": round(scale * float(np.log(2)) ** (1 / shape), 3),
            "effect_of_boosters": "none",
        },
        "dropout_weibull_from_last_induction_session": {
            who: {"shape": k, "scale_days": s} for who, (k, s) in planted.DROPOUT.items()
        },
        "attendance": planted.ATTENDANCE,
        "score_given": planted.SCORE_GIVEN,
        "out_of_window": planted.OUT_OF_WINDOW,
        "spontaneous_report": planted.SPONTANEOUS,
        "scheduled_boosters": dict(zip(("responder", "other"), planted.SCHEDULED_BOOSTERS, strict=True)),
        "adverse_events_first_infusion": {event.term: event.probability for event in planted.ADVERSE_EVENTS},
        "adverse_events_logit_by_route": {route.code: route.ae_logit for route in planted.ROUTES},
        "adverse_events_logit_later_session": planted.LATER_SESSION_LOGIT,
        "adverse_events_logit_sd_between_patients": planted.PATIENT_AE_LOGIT_SD,
        **planted_besides(),
        "visit_days": [day for number, day in enumerate(SCHEDULE) if number != END_OF_INDUCTION],
    }


def truth_document(arguments: dict[str, Any], clinics: Sequence[Clinic], tallies: Sequence[Tally]) -> dict[str, Any]:
    """Return what `truth/parameters.json` holds."""
    overall = Tally()
    for one in tallies:
        overall.merge(one)
    return {
        "arguments": arguments,
        "about": {
            "realised": "Of all patients but those deleted, as if every window were mature and every visit attended.",
            "response": "State on the window's target day, among patients whose baseline reaches the floor.",
            "coverage": "Attended a visit in the window, among eligible patients whose data reach its end.",
            "adverse_events_per_session": "What happened, asked for or not. '2-6' and '>6' count induction sessions; "
            "boosters are in '>6'.",
            "median_days_at_visits": "Loss dated by the first scheduled visit after it, in the evaluable set, with "
            "nobody missing: what an estimator that dates losses by visits is expected to find.",
            "besides": ABOUT,
        },
        "planted": _planted(),
        "overall": _realised(overall),
        "clinics": {
            clinic.clinic_id: {
                "clinic_type": clinic.clinic_type,
                "shape": clinic.shape,
                "response_logit": round(clinic.response_logit, 6),
                "form_status": dict(zip(FORM_STATUS, (round(p, 6) for p in clinic.form_status), strict=True)),
                **_realised(one),
            }
            for clinic, one in zip(clinics, tallies, strict=True)
        },
    }
