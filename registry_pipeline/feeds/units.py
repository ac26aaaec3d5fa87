"""The conversions of units that a feed may ask for: a closed table of exact factors, into the units of the contracts.

What does not belong here: the arithmetic (mapping.convert).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Factor:
    """Multiply by `times`, then divide by `by`; both exact, `times` as decimal text."""

    times: str
    by: int = 1
    needs_weight: bool = False
    """Whether the number is also to be multiplied by the patient's weight in kg."""


_FACTORS = {
    ("lb", "kg"): Factor("0.45359237"),
    ("g", "kg"): Factor("1", 1000),
    ("in", "cm"): Factor("2.54"),
    ("m", "cm"): Factor("100"),
    ("g", "mg"): Factor("1000"),
    ("mcg", "mg"): Factor("1", 1000),
    ("mg/kg", "mg"): Factor("1", needs_weight=True),
    ("mcg/kg", "mg/kg"): Factor("1", 1000),
    ("mg/kg/min", "mg/kg/h"): Factor("60"),
    ("mcg/kg/min", "mg/kg/h"): Factor("60", 1000),
    ("s", "min"): Factor("1", 60),
    ("h", "min"): Factor("60"),
    ("days", "min"): Factor("1440"),
    ("weeks", "day"): Factor("7"),
    ("years", "months"): Factor("12"),
}
"""(unit of the clinic, unit of the contract) → factor. The pound and the inch are exact by definition."""


def factor(source: str, target: str | None) -> Factor | None:
    """Return how a clinic's unit becomes the contract's, or None if the table has no such conversion."""
    return _FACTORS.get((source, target or ""))


def convertible(target: str | None) -> list[str]:
    """Return the units that can be converted into a contract's unit."""
    return [source for source, into in _FACTORS if into == target]
