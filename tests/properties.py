"""How many examples a property is tried on: all of them, or a tenth with `--hypothesis-profile fast`."""

from hypothesis import settings


def examples(number: int) -> int:
    """Return how many of so many examples this run takes."""
    full, taken = settings.get_profile("default").max_examples, settings().max_examples
    return max(number * taken // full, 5)
