"""What is planted: every rate, every time scale and every list of words of the simulated world.

What belongs here: numbers. What does not: the code that draws from them.
"""

from dataclasses import dataclass

LOSS_SHAPE, LOSS_SCALE_DAYS = 1.195, 98.3
"""Weibull of the time from the last induction session to loss of response; median 72 days."""
CLINIC_LOGIT_SD = 0.5
"""Standard deviation of the clinics' effect on the logit of response."""
SAME_FATE = 0.7
"""How often a second instrument of a patient shares the first one's luck."""
EARLY_ONSET = 0.7
"""Share of responders who respond by the first week; the others do by the second."""
ATTENDANCE = 0.87
"""Probability that a patient who is still in follow-up attends a visit."""
SCORE_GIVEN = 0.97
"""Probability that an instrument is filled in at an attended visit."""
OUT_OF_WINDOW = 0.04
"""Share of visits that take place eight or nine days late."""
BASELINE_GIVEN = 0.97
EARLY_STOP = 0.05
"""Share of patients who stop during induction; they do not respond."""
SCHEDULED_BOOSTERS = 0.35, 0.05
"""Share of responders, and of the others, who are given boosters on a schedule."""
BOOSTERS_ON_DEMAND = 0.35
"""Share of responders without a schedule who are treated again after they lost the response."""
WITHDRAWN_FUTURE, WITHDRAWN_DELETE = 0.010, 0.007
STILL_RECENT = 0.25
"""Share of patients whose data were cut within 400 days of the first session."""
SPONTANEOUS = 0.10
"""Probability that an event is reported when nobody asks."""
PATIENT_AE_LOGIT_SD = 0.6
LATER_SESSION_LOGIT = -0.30
"""Shift of the logit of every adverse event after the first session."""
OPIOID_USERS_PAIN, OPIOID_USERS_OTHER = 0.45, 0.05
OPIOID_KEPT = (1.0, 0.8, 0.5, 0.0)
OPIOID_KEPT_SHARES = {"responder": (0.30, 0.25, 0.30, 0.15), "other": (0.75, 0.15, 0.08, 0.02)}
"""How much of the opioid is still taken at day 28, and how often. A responder who loses the response takes it again."""
TREATED_DESPITE = 0.006
"""Share of screened contraindications that are present, uncontrolled, and treated all the same."""
CO_THERAPY = 0.25
"""Share of patients who have each kind of further treatment at some time."""
SYSTOLIC, DIASTOLIC = (128.0, 14.0, 16.0, 10.0), (78.0, 8.0, 9.0, 6.0)
"""mmHg before the dose and its standard deviation between patients, the rise to the peak and its deviation."""
IDEATION_BEFORE = (0.50, 0.18, 0.14, 0.10, 0.06, 0.02)
"""Shares of mood patients by suicidal ideation (C-SSRS, 0 to 5) before treatment."""
IDEATION_GONE = 0.65
"""Share of patients whose ideation is 0 while they respond; of the others it falls by one."""
IDEATION_WORSE, IDEATION_TURNS_SEVERE = 0.04, 0.005
"""Shares of patients whose ideation, unless they respond, rises by one, or to 4 or 5."""
DROPOUT = {"responder": (0.5015, 1308.0), "other": (0.2916, 318.7)}
"""Weibull (shape, scale in days) of leaving follow-up, from the last induction session."""

Ceiling = tuple[int, int, int]
"""(numerator, denominator, minus): the highest score with a property, floor(baseline * n / d) - minus."""
_HALF: Ceiling = (1, 2, 0)


@dataclass(frozen=True)
class Instrument:
    """An outcome scale and how its scores are planted. Scores count in steps of 1/`steps_per_point`."""

    name: str
    maximum: int
    floor: int
    """Lowest baseline that is eligible."""
    mean: float
    sd: float
    response: Ceiling
    deep: Ceiling
    """Remission, or substantial response where the instrument has no remission."""
    deep_share: float
    """Share of responders who reach `deep`."""
    unremitted_from: int
    """Lowest score that counts as remission by no definition."""
    worse_by: int
    responds: float
    """Probability of response at the end of induction of who does not stop early, at the median clinic."""
    worsens: float
    """Share of non-responders who deteriorate."""
    n_items: int
    recall: str
    steps_per_point: int = 1


INSTRUMENTS = (
    Instrument("phq9", 27, 10, 17.2, 4.2, _HALF, (0, 1, -4), 0.58, 5, 5, 0.505, 0.125, 9, "14d"),
    Instrument("gad7", 21, 10, 13.8, 3.6, _HALF, (0, 1, -4), 0.60, 5, 4, 0.505, 0.110, 7, "14d"),
    Instrument("madrs", 60, 20, 31.0, 6.0, _HALF, (0, 1, -10), 0.55, 13, 6, 0.505, 0.100, 10, "7d"),
    Instrument("pcl5", 80, 31, 49.0, 10.0, (1, 1, 10), (0, 1, -30), 0.50, 31, 10, 0.490, 0.100, 20, "30d"),
    Instrument("nrs_avg", 10, 4, 6.9, 1.5, (7, 10, 0), _HALF, 0.55, 0, 2, 0.475, 0.130, 1, "24h"),
    Instrument("bpi_interference", 70, 14, 45.0, 12.0, (1, 1, 7), (1, 1, 14), 0.60, 0, 7, 0.520, 0.120, 7, "24h", 7),
)
PHQ9, GAD7, MADRS, PCL5, NRS, BPI = range(len(INSTRUMENTS))


@dataclass(frozen=True)
class Indication:
    """A primary diagnosis, how often it is seen, and what is measured for it."""

    code: str
    share: float
    mechanism: str
    instruments: tuple[int, ...]
    """The first one is the patient's main instrument."""
    response_logit: float = 0.0


PAIN = (
    Indication("crps1", 0.20, "neuropathic", (NRS, BPI), 0.60),
    Indication("neuropathic_other", 0.25, "neuropathic", (NRS, BPI)),
    Indication("fibromyalgia", 0.20, "nociplastic", (NRS, BPI)),
    Indication("low_back", 0.15, "mixed", (NRS, BPI)),
    Indication("cancer_pain", 0.10, "mixed", (NRS, BPI)),
    Indication("diabetic_neuropathy", 0.10, "neuropathic", (NRS, BPI)),
)
MOOD = (
    Indication("mdd", 0.35, "na", (PHQ9, GAD7)),
    Indication("trd", 0.30, "na", (PHQ9, MADRS, GAD7)),
    Indication("ptsd", 0.20, "na", (PCL5, PHQ9)),
    Indication("gad", 0.15, "na", (GAD7, PHQ9)),
)
INDICATIONS = (*PAIN, *MOOD)
PAIN_WITH_MOOD = 0.25
"""Share of pain patients who also fill in the PHQ-9."""


@dataclass(frozen=True)
class Route:
    """A route, its usual dose and how its adverse events compare with those of an infusion."""

    code: str
    mg_per_kg: float
    mg_per_kg_sd: float
    minutes: int
    ae_logit: float


ROUTES = (
    Route("iv", 0.50, 0.06, 40, 0.0),
    Route("im", 0.70, 0.10, 1, -0.1),
    Route("intranasal", 0.80, 0.05, 10, -0.5),
    Route("sublingual", 1.20, 0.25, 15, -1.2),
    Route("oral", 1.00, 0.30, 5, -1.5),
)
IV, IM, INTRANASAL, SUBLINGUAL, ORAL = range(len(ROUTES))


@dataclass(frozen=True)
class AdverseEvent:
    """An adverse event: probability at the first infusion, usual timing, and what clinics write."""

    term: str
    probability: float
    onset_min: int
    minutes: int
    verbatim: tuple[str, str]


ADVERSE_EVENTS = (
    AdverseEvent("dissociation", 0.520, 10, 45, ("felt detached, as if floating", 'said it felt "spacey"')),
    AdverseEvent("dizziness", 0.320, 15, 60, ("dizzy when standing up", "room was spinning, settled with rest")),
    AdverseEvent("nausea", 0.200, 30, 50, ("nauseated, no vomiting", "queasy after the infusion")),
    AdverseEvent("headache", 0.150, 60, 180, ("dull headache", "frontal headache, relieved by paracetamol")),
    AdverseEvent("vomiting", 0.055, 40, 20, ("vomited once", "vomited, ondansetron given")),
    AdverseEvent("hypertension", 0.028, 20, 40, ("systolic pressure above 180", "blood pressure high, watched")),
    AdverseEvent("somnolence", 0.160, 30, 120, ("sleepy afterwards", "drowsy until the evening")),
    AdverseEvent("blurred_vision", 0.070, 15, 40, ("blurred vision", "could not read for a while")),
    AdverseEvent("anxiety", 0.060, 10, 30, ("anxious at the start", "uneasy, calmed by talking")),
    AdverseEvent("paraesthesia", 0.080, 10, 40, ("tingling hands", "numb lips, tingling")),
    AdverseEvent("tachycardia", 0.030, 15, 30, ("fast pulse", "palpitations")),
    AdverseEvent("dysgeusia", 0.040, 5, 60, ("metallic taste", "bad taste")),
    AdverseEvent("dry_mouth", 0.050, 15, 90, ("dry mouth", "thirsty, dry mouth")),
    AdverseEvent("fatigue", 0.090, 90, 400, ("tired for the rest of the day", "exhausted")),
    AdverseEvent("urinary_frequency_dysuria", 0.004, 300, 900, ("burning when passing water", "frequent urination")),
    AdverseEvent("suicidal_ideation", 0.002, 600, 900, ("passing thoughts of not being alive", "darker thoughts")),
)
