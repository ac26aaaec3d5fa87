import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

TEXT = ("--ink", "--soft", "--link", "--good", "--poor", "--caution")
MARKS = ("--s0", "--s1", "--s2", "--pooled")


def palettes() -> Iterator[dict[str, str]]:
    """Yield the colours of each theme: on a light screen, on a dark one, on paper."""
    style = files("registry_pipeline.report").joinpath("templates", "style.css").read_text(encoding="utf-8")
    for block in re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL):
        yield dict(re.findall(r"(--[a-z0-9]+): (#[0-9a-f]+);", block))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.1."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", list(palettes()), ids=["light", "dark", "print"])
def test_words_and_marks_stand_out_from_their_ground(theme: dict[str, str]) -> None:
    words = {name: contrast(theme[name], theme[ground]) for name in TEXT for ground in ("--ground", "--band")}
    marks = {name: contrast(theme[name], theme["--ground"]) for name in MARKS}
    assert {name: ratio for name, ratio in words.items() if ratio < 4.5} == {}
    assert {name: ratio for name, ratio in marks.items() if ratio < 3} == {}


def test_there_is_a_theme_for_light_dark_and_paper() -> None:
    assert len(list(palettes())) == 3
