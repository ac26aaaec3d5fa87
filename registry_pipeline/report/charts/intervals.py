"""Rows of points with intervals on one axis of shares: the forest plot, the dot plot, doses, coverage.

What belongs here: their layout, once for a screen and once for a phone. What does not: which rows there are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from registry_pipeline.report.charts.drawing import (
    Anchor,
    Drawing,
    Path,
    Scale,
    Text,
    area,
    line,
    mark,
    round_up,
    tick_label,
    ticks,
)

SHAPES = ("circle", "diamond", "triangle")
"""The mark of each series, in order."""

_TOP, _FOOT = 26, 24
_PITCH = 10
"""Pixels between the series of one row."""
_RADIUS = 4.5


@dataclass(frozen=True)
class Point:
    """A share with its interval."""

    value: float
    low: float | None
    high: float | None
    weight: float = 1.0
    """Area of the mark, relative to the others'."""


@dataclass(frozen=True)
class Bar:
    """One row of the chart."""

    label: str
    text: str
    """The figures, at the end of the row."""
    points: tuple[Point | None, ...] = ()
    """One per series; None where it is hidden or absent."""
    form: str = "points"
    """points; pooled: a diamond as wide as the interval; range: the interval alone."""


@dataclass(frozen=True)
class Reference:
    """A line through all rows, at a share that matters."""

    value: float
    label: str


@dataclass(frozen=True)
class _Layout:
    width: int
    left: int
    right: int
    """Pixels at the end that are kept for the figures."""
    is_narrow: bool

    def row_height(self, n_series: int) -> int:
        return (36 if self.is_narrow else 26) + _PITCH * (n_series - 1)


_WIDE = _Layout(width=912, left=240, right=180, is_narrow=False)
_NARROW = _Layout(width=340, left=6, right=10, is_narrow=True)


def draw_intervals(
    title: str,
    description: str,
    bars: Sequence[Bar],
    figures: str = "share (95 % interval)",
    references: Sequence[Reference] = (),
) -> tuple[Drawing, Drawing]:
    """Return the chart of the rows, for a screen and for a phone. The axis starts at 0.

    Args:
        title: What it shows.
        description: Its figures, for whoever cannot see it.
        bars: The rows, the first on top.
        figures: What the words at the end of each row are.
        references: Lines through all rows.
    """
    furthest = max(
        [point.high or point.value for bar in bars for point in bar.points if point]
        + [reference.value for reference in references],
        default=1.0,
    )
    high = round_up(furthest)

    def draw(layout: _Layout) -> Drawing:
        # On a phone there is no room for a line's label beside the heading of the figures.
        head = _TOP + (16 if layout.is_narrow and references else 0)
        n_series = max((len(bar.points) for bar in bars), default=1)
        height = layout.row_height(n_series)
        bottom = head + height * len(bars)
        scale = Scale(0.0, high, layout.left, layout.width - layout.right)
        shapes = [
            *_axis(scale, head, bottom, layout),
            *_references(references, scale, head, bottom),
            Text("tick", layout.width - 2, _TOP - 12, figures, "end"),
            *(shape for number, bar in enumerate(bars) for shape in _row(bar, head + height * number, scale, layout)),
        ]
        return Drawing(layout.width, bottom + _FOOT, title, description, tuple(shapes))

    longest = max((len(bar.label) for bar in bars), default=0)
    return draw(replace(_WIDE, left=max(110, 24 + 7 * longest))), draw(_NARROW)


def swatch(series: int, shape: str | None = None) -> tuple[Path, ...]:
    """Return the mark of a series for the legend, in a box of 28 by 14."""
    return line(f"line s{series}", (2, 7), (26, 7)), mark(f"dot s{series}", shape or SHAPES[series], 14, 7, _RADIUS)


def _axis(scale: Scale, head: float, bottom: float, layout: _Layout) -> Iterator[Path | Text]:
    labelled = ticks(scale.high)
    for number, share in enumerate(labelled):
        x = scale(share)
        yield line("grid", (x, head - 4), (x, bottom))
        # On a phone the axis runs from edge to edge, where a label in the middle of its tick would be cut.
        is_first, is_last = number == 0, number == len(labelled) - 1
        inward: Anchor = "start" if is_first else "end" if is_last else "middle"
        at = x + {"start": -4, "end": 6, "middle": 0}[inward] if layout.is_narrow else x
        yield Text("tick", at, bottom + 16, tick_label(share), inward if layout.is_narrow else "middle")
    yield line("axis", (scale.start, bottom), (scale.end, bottom))


def _references(references: Sequence[Reference], scale: Scale, head: float, bottom: float) -> Iterator[Path | Text]:
    for reference in references:
        x = scale(reference.value)
        yield line("reference", (x, head - 8), (x, bottom))
        # To the left of the line, as the heading of the figures is on the right.
        yield Text("tick", x + 4, head - 12, reference.label, "end")


def _row(bar: Bar, top: float, scale: Scale, layout: _Layout) -> Iterator[Path | Text]:
    n = max(len(bar.points), 1)
    if layout.is_narrow:
        first = top + 28
        yield Text("label", 2, top + 16, bar.label)
        yield Text("figure", layout.width - 2, top + 16, bar.text, "end")
    else:
        height = layout.row_height(n)
        first = top + height / 2 - _PITCH * (n - 1) / 2
        yield line("rule", (0, top + height), (layout.width, top + height))
        yield Text("label", layout.left - 14, top + height / 2 + 4, bar.label, "end")
        yield Text("figure", layout.width - 2, top + height / 2 + 4, bar.text, "end")
    for series, point in enumerate(bar.points):
        if point is not None:
            yield from _FORMS[bar.form](series, point, first + _PITCH * series, scale)


def _points(series: int, point: Point, y: float, scale: Scale) -> Iterator[Path]:
    if point.low is not None and point.high is not None:
        yield line(f"line s{series}", (scale(point.low), y), (scale(point.high), y))
    shape = SHAPES[series] if point.weight == 1 else "square"
    yield mark(f"dot s{series}", shape, scale(point.value), y, _RADIUS * point.weight**0.5)


def _pooled(_series: int, point: Point, y: float, scale: Scale) -> Iterator[Path]:
    low, high = point.low or point.value, point.high or point.value
    yield area("pooled", [(scale(low), y), (scale(point.value), y - 7), (scale(high), y), (scale(point.value), y + 7)])


def _range(_series: int, point: Point, y: float, scale: Scale) -> Iterator[Path]:
    if point.low is not None and point.high is not None:
        yield line("range", (scale(point.low), y), (scale(point.high), y))
        for end in (scale(point.low), scale(point.high)):
            yield line("range", (end, y - 5), (end, y + 5))


_FORMS: dict[str, Callable[[int, Point, float, Scale], Iterator[Path]]] = {
    "points": _points,
    "pooled": _pooled,
    "range": _range,
}
