"""The shapes a chart is made of, and the arithmetic of an axis.

What belongs here: what every chart needs. What does not: any one chart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Path:
    """A line, curve or filled area, in SVG's language of paths."""

    style: str
    d: str
    kind: Literal["path"] = "path"


@dataclass(frozen=True)
class Text:
    """Words; `y` is their base line."""

    style: str
    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Drawing:
    """A finished chart of a given size."""

    width: int
    height: int
    title: str
    description: str
    """What the chart shows, for whoever cannot see it."""
    shapes: tuple[Path | Text, ...]


@dataclass(frozen=True)
class Scale:
    """Maps numbers from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a number, which is kept inside the scale."""
        inside = min(max(value, self.low), self.high)
        return round(self.start + (self.end - self.start) * (inside - self.low) / (self.high - self.low), 1)


def line(style: str, *points: tuple[float, float]) -> Path:
    """Return a line through points."""
    return Path(style, "M" + "L".join(f"{x:g} {y:g}" for x, y in points))


def area(style: str, points: Iterable[tuple[float, float]]) -> Path:
    """Return the filled area inside points."""
    return Path(style, "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z")


def mark(style: str, shape: str, x: float, y: float, radius: float) -> Path:
    """Return a mark around a point: a circle, square, diamond or triangle, so that colour is never all that tells."""
    r = round(radius, 1)
    if shape == "circle":
        return Path(style, f"M{x - r:g} {y:g}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z")
    corners = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "diamond": [(-r * 1.3, 0), (0, -r * 1.3), (r * 1.3, 0), (0, r * 1.3)],
        "triangle": [(-r * 1.15, r), (0, -r * 1.15), (r * 1.15, r)],
    }[shape]
    return area(style, [(round(x + dx, 1), round(y + dy, 1)) for dx, dy in corners])


def round_up(value: float, steps: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)) -> float:
    """Return the first of `steps` that is not below `value`; the last one when all are."""
    return next((step for step in steps if step >= value), steps[-1])


def ticks(high: float) -> list[float]:
    """Return where an axis of shares from 0 to `high` is labelled: at four to six round places."""
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if high / step <= 5)  # noqa: PLR2004 - see above
    return [round(number * step, 2) for number in range(round(high / step) + 1)]


def tick_label(share: float) -> str:
    """Return how a share is written on an axis."""
    return f"{share * 100:g} %"
