"""The course of illness that the visits then show: who responds, how deeply, how soon, and when it is lost."""

from dataclasses import dataclass

import numpy as np

from registry_pipeline.simulate import planted
from registry_pipeline.simulate.arrays import NEVER, Bools, Floats, Ints, expit, happens, logit
from registry_pipeline.simulate.clinic import Clinic
from registry_pipeline.simulate.patients import Patients

_N = len(planted.INSTRUMENTS)


@dataclass(frozen=True)
class Illness:
    """What is true of each patient; (patient, instrument) where it differs by instrument. Steps, not points."""

    has: Bools
    """The instrument is used for this patient."""
    baseline: Ints
    responds: Bools
    deep: Bools
    worsens: Bools
    main: Ints
    """The patient's main instrument."""
    is_responder: Bools
    """Responds on the main instrument."""
    onset_day: Ints
    last_day: Ints
    """Last induction session."""
    loss_after: Floats
    """Days from the last induction session to loss of response."""
    dropout_day: Ints


@dataclass(frozen=True)
class Limits:
    """Of each patient on one instrument: the highest response, the highest deep response, and so on."""

    response_to: Ints
    deep_to: Ints
    shallow_from: Ints
    none_from: Ints
    worse_from: Ints


def limits(instrument: planted.Instrument, baseline: Ints) -> Limits:
    """Return the scores at which a patient with this baseline changes class."""
    response_to, deep_to = (baseline * n // d - minus for n, d, minus in (instrument.response, instrument.deep))
    deep_to = np.minimum(deep_to, response_to)
    return Limits(
        response_to=response_to,
        deep_to=deep_to,
        shallow_from=np.maximum(deep_to + 1, instrument.unremitted_from),
        none_from=np.maximum(response_to + 1, np.minimum(instrument.unremitted_from, baseline)),
        worse_from=baseline + instrument.worse_by,
    )


def _instruments_used(clinic: Clinic, patients: Patients) -> Bools:
    used = np.zeros((len(planted.INDICATIONS), _N), dtype=np.bool_)
    for row, indication in enumerate(planted.INDICATIONS):
        used[row, list(indication.instruments)] = True
    has = used[patients.indication]
    has[:, planted.PHQ9] |= patients.has_mood_scale
    # The MADRS takes a trained rater.
    has[:, planted.MADRS] &= clinic.clinic_type in {"psychiatry", "hospital"}
    return has


def _weibull(rng: np.random.Generator, shape: Floats | float, scale: Floats | float, n: int) -> Floats:
    return np.asarray(scale * rng.exponential(1.0, n) ** (1.0 / np.asarray(shape)))


def _dropout(rng: np.random.Generator, is_responder: Bools, last: Ints) -> Ints:
    n = len(last)
    responder, other = planted.DROPOUT["responder"], planted.DROPOUT["other"]
    shape, scale = (np.where(is_responder, *pair) for pair in zip(responder, other, strict=True))
    return last + np.minimum(np.ceil(_weibull(rng, shape, scale, n)), NEVER).astype(np.int64)


def draw_illness(
    clinic: Clinic, patients: Patients, rng: np.random.Generator, last: Ints, stops_early: Bools
) -> Illness:
    """Return the illness of a chunk of patients. Instruments of a patient mostly share their luck."""
    n = patients.n
    effect = np.array([indication.response_logit for indication in planted.INDICATIONS])[patients.indication]
    shared, own = rng.random(n), rng.random((n, _N))
    luck = np.where(happens(rng, planted.SAME_FATE, n * _N).reshape(n, _N), shared[:, None], own)
    baseline = np.empty((n, _N), dtype=np.int64)
    responds, deep, worsens = (np.empty((n, _N), dtype=np.bool_) for _ in range(3))
    for j, instrument in enumerate(planted.INSTRUMENTS):
        drawn = np.rint(rng.normal(instrument.mean, instrument.sd, n)).astype(np.int64)
        baseline[:, j] = np.clip(drawn, instrument.floor // 2, instrument.maximum)
        limit = limits(instrument, baseline[:, j])
        chance = expit(logit(instrument.responds) + clinic.response_logit + effect)
        responds[:, j] = (luck[:, j] < chance) & ~stops_early
        is_deep = happens(rng, instrument.deep_share, n) | (limit.shallow_from > limit.response_to)
        deep[:, j] = responds[:, j] & is_deep
        can_worsen = ~responds[:, j] & (limit.worse_from <= instrument.maximum)
        worsens[:, j] = can_worsen & happens(rng, instrument.worsens, n)
    main = np.array([indication.instruments[0] for indication in planted.INDICATIONS])[patients.indication]
    is_responder = responds[np.arange(n), main]
    early, late = rng.integers(2, 5, n), rng.integers(8, 13, n)
    return Illness(
        has=_instruments_used(clinic, patients),
        baseline=baseline,
        responds=responds,
        deep=deep,
        worsens=worsens,
        main=main,
        is_responder=is_responder,
        onset_day=np.where(happens(rng, planted.EARLY_ONSET, n), early, late),
        last_day=last,
        loss_after=_weibull(rng, planted.LOSS_SHAPE, planted.LOSS_SCALE_DAYS, n),
        dropout_day=_dropout(rng, is_responder, last),
    )


def in_response(illness: Illness, instrument: int | Ints, patient: Ints | slice, day: Ints | int) -> Bools:
    """Return whether each of the patients is in response on the instrument on the day."""
    since = illness.onset_day[patient]
    until = (illness.last_day + illness.loss_after)[patient]
    return np.asarray(illness.responds[patient, instrument] & (day >= since) & (day < until))
