"""Clinics: how large they are, whom they treat, how they deliver and how well they ask about adverse events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.simulate import planted

SHAPES = ("canonical", "local", "wide", "ndjson", "parquet", "excel", "redcap", "nightly")
"""The ways to deliver; clinic C001 has the first one, C002 the second, and C009 the first one again."""
MAX_CLINICS = 1000
"""Pseudonyms have three digits."""

_SIZE_SD = 0.4
"""Of the logarithm of a clinic's share of the patients."""
_CLINIC_TYPES = ("integrated", "pain", "psychiatry", "telehealth", "hospital", "psychiatry", "pain", "integrated")
"""By shape, as in the shipped feeds."""
_FURTHER = {
    "local": ("opioid_day", "co_therapy"),
    "parquet": (
        *("screening_item", "session_vital", "session_comed"),
        *("outcome_item", "conmed", "opioid_day", "co_therapy"),
    ),
    "excel": ("screening_item", "session_vital", "session_comed", "co_therapy"),
    "nightly": ("screening_item", "session_comed", "opioid_day", "co_therapy"),
}
"""The tables that a clinic sends besides the usual eight, as in the shipped feeds."""
_RATES_IDEATION = ("ndjson", "parquet", "excel", "nightly")
"""The shapes whose clinics rate suicidal ideation: of four kinds, and not the shape that benchmarks are sized by."""


@dataclass(frozen=True)
class _Practice:
    pain_share: float
    routes: tuple[float, ...]
    """By `planted.ROUTES`."""
    form_complete: float
    spontaneous_only: float


_PRACTICES = {
    "pain": _Practice(0.95, (0.80, 0.08, 0.02, 0.05, 0.05), 0.88, 0.08),
    "psychiatry": _Practice(0.0, (0.60, 0.10, 0.30, 0.0, 0.0), 0.82, 0.12),
    "integrated": _Practice(0.50, (0.65, 0.15, 0.05, 0.15, 0.0), 0.75, 0.15),
    "telehealth": _Practice(0.10, (0.0, 0.0, 0.0, 0.85, 0.15), 0.30, 0.55),
    "hospital": _Practice(0.55, (0.75, 0.05, 0.20, 0.0, 0.0), 0.92, 0.04),
}


@dataclass(frozen=True)
class Clinic:
    """One simulated clinic."""

    clinic_id: str
    number: int
    shape: str
    clinic_type: str
    n_patients: int
    pain_share: float
    routes: tuple[float, ...]
    form_status: tuple[float, float, float]
    """Shares of sessions with a complete form, with spontaneous reports only, and without a form."""
    response_logit: float
    """The clinic's planted effect on response."""
    data_seed: np.random.SeedSequence
    defect_seed: np.random.SeedSequence
    ideation_seed: np.random.SeedSequence

    @property
    def has_fixed_visits(self) -> bool:
        """Tell whether the clinic records visits by name only, so that each one has one day for all patients."""
        return self.shape == "wide"

    @property
    def further_tables(self) -> tuple[str, ...]:
        """Return the tables that the clinic sends besides the usual eight."""
        return _FURTHER.get(self.shape, ())

    @property
    def rates_ideation(self) -> bool:
        """Tell whether the clinic rates suicidal ideation in patients who come for their mood."""
        return self.shape in _RATES_IDEATION


def _seed(seed: int, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=key)


def _response_logit(seed: int, number: int) -> float:
    """Return a clinic's effect. Two alike clinics have opposite ones, so few clinics still average to zero."""
    cycle, place = divmod(number - 1, len(SHAPES))
    pair = min(place, len(SHAPES) - 1 - place)
    draw = np.random.default_rng(_seed(seed, 0, cycle, pair)).normal(0, planted.CLINIC_LOGIT_SD)
    return float(draw if place == pair else -draw)


def _sizes(seed: int, n_clinics: int, n_patients: int) -> list[int]:
    weights = np.array([np.random.default_rng(_seed(seed, 1, k)).lognormal(0, _SIZE_SD) for k in range(n_clinics)])
    share = weights / weights.sum() * (n_patients - n_clinics)
    sizes = np.floor(share).astype(int)
    largest_remainders = np.argsort(-(share - sizes), kind="stable")[: n_patients - n_clinics - sizes.sum()]
    sizes[largest_remainders] += 1
    return [int(size) + 1 for size in sizes]


def _clinic(seed: int, number: int, shape: str, n_patients: int) -> Clinic:
    clinic_type = _CLINIC_TYPES[SHAPES.index(shape)]
    practice = _PRACTICES[clinic_type]
    rng = np.random.default_rng(_seed(seed, 2, number))
    complete = float(np.clip(practice.form_complete + rng.normal(0, 0.06), 0.10, 0.97))
    spontaneous = practice.spontaneous_only * (1 - complete) / (1 - practice.form_complete)
    return Clinic(
        clinic_id=f"C{number % MAX_CLINICS:03d}",
        number=number,
        shape=shape,
        clinic_type=clinic_type,
        n_patients=n_patients,
        pain_share=practice.pain_share,
        routes=practice.routes,
        form_status=(complete, spontaneous, 1 - complete - spontaneous),
        response_logit=_response_logit(seed, number),
        data_seed=_seed(seed, 3, number),
        defect_seed=_seed(seed, 4, number),
        ideation_seed=_seed(seed, 5, number),
    )


def make_clinics(*, n_clinics: int, n_patients: int, seed: int, shapes: Sequence[str] | None = None) -> list[Clinic]:
    """Return the clinics of a simulation, with their shares of the patients.

    Raises:
        ConfigurationError: If the numbers cannot be met or a shape is unknown.
    """
    if not 1 <= n_clinics <= MAX_CLINICS:
        raise ConfigurationError(f"{n_clinics} clinics cannot be simulated.", remedy=f"Ask for 1 to {MAX_CLINICS}.")
    if n_patients < n_clinics:
        raise ConfigurationError("There are fewer patients than clinics.", remedy=f"Ask for {n_clinics} or more.")
    if seed < 0:
        raise ConfigurationError("The seed is negative.", remedy="Give 0 or more.")
    if unknown := sorted(set(shapes or ()) - set(SHAPES)):
        raise ConfigurationError(f"There is no shape {', '.join(unknown)}.", remedy=f"Use some of {', '.join(SHAPES)}.")
    cycle = tuple(shapes or SHAPES)
    return [
        _clinic(seed, k + 1, cycle[k % len(cycle)], size) for k, size in enumerate(_sizes(seed, n_clinics, n_patients))
    ]
