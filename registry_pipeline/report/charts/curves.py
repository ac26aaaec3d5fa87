"""Curves in steps over weeks, with bands, and the numbers at risk below.

What belongs here: their layout, once for a screen and once for a phone. What does not: what a curve stands for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from registry_pipeline.report.charts.drawing import Drawing, Path, Scale, Text, area, line, tick_label

_DAYS = 7
_PLOT_HEIGHT = 280
_TOP = 14
_RISK_ROW = 34
_WEEKS_BETWEEN_TICKS = {912: 2, 340: 4}
"""By the width of the drawing."""

_Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Step:
    """A curve at one day; None where the number is hidden or past the last follow-up."""

    day: int
    value: float | None
    low: float | None
    high: float | None
    n_at_risk: str


@dataclass(frozen=True)
class Curve:
    """One series of steps."""

    name: str
    steps: tuple[Step, ...]


def draw_curves(title: str, description: str, curves: Sequence[Curve]) -> tuple[Drawing, Drawing]:
    """Return the chart of the curves, for a screen and for a phone. The axis runs from 0 to 100 per cent."""
    last_day = max((step.day for curve in curves for step in curve.steps), default=_DAYS)

    def draw(width: int) -> Drawing:
        across = Scale(0, last_day, 46, width - 14)
        down = Scale(0, 1, _TOP + _PLOT_HEIGHT, _TOP)
        weeks = range(0, last_day // _DAYS + 1, _WEEKS_BETWEEN_TICKS[width])
        foot = _TOP + _PLOT_HEIGHT + 44
        shapes = [
            *_axes(across, down, weeks),
            *(shape for number, curve in enumerate(curves) for shape in _bands(number, curve, across, down)),
            *(shape for number, curve in enumerate(curves) for shape in _lines(number, curve, across, down)),
            Text("label strong", 2, foot + 8, "Patients at risk"),
            *(
                shape
                for number, curve in enumerate(curves)
                for shape in _at_risk(number, curve, across, weeks, foot + 14 + _RISK_ROW * number)
            ),
        ]
        return Drawing(width, foot + 18 + _RISK_ROW * len(curves), title, description, tuple(shapes))

    wide, narrow = (draw(width) for width in _WEEKS_BETWEEN_TICKS)
    return wide, narrow


def curve_swatch(series: int) -> tuple[Path, ...]:
    """Return the line and band of a series for the legend, in a box of 28 by 14."""
    return (
        area(f"band s{series}", [(0, 1), (28, 1), (28, 13), (0, 13)]),
        line(f"step s{series}", (0, 7), (28, 7)),
    )


def _axes(across: Scale, down: Scale, weeks: range) -> Iterator[Path | Text]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = down(share)
        yield line("grid" if share else "axis", (across.start, y), (across.end, y))
        yield Text("tick", across.start - 8, y + 4, tick_label(share), "end")
    for week in weeks:
        x = across(week * _DAYS)
        yield line("axis", (x, down.start), (x, down.start + 4))
        yield Text("tick", x, down.start + 18, str(week), "middle")
    middle = (across.start + across.end) / 2
    yield Text("tick", round(middle), down.start + 34, "weeks after the last induction session", "middle")


def _stretches(curve: Curve) -> Iterator[list[Step]]:
    """Yield the steps between gaps: a line across a hidden week would say what is hidden."""
    for is_shown, steps in groupby(curve.steps, key=lambda step: step.value is not None):
        if is_shown:
            yield list(steps)


def _lines(series: int, curve: Curve, across: Scale, down: Scale) -> Iterator[Path]:
    for steps in _stretches(curve):
        yield line(f"step s{series}", *_stairs([(step.day, step.value) for step in steps], across, down))


def _bands(series: int, curve: Curve, across: Scale, down: Scale) -> Iterator[Path]:
    for steps in _stretches(curve):
        # Where nobody, or everybody, has had the event there is no interval, and the band has no height.
        upper = [(step.day, step.value if step.high is None else step.high) for step in steps]
        lower = [(step.day, step.value if step.low is None else step.low) for step in steps]
        yield area(f"band s{series}", _stairs(upper, across, down) + _stairs(lower, across, down)[::-1])


def _stairs(points: Sequence[tuple[int, float | None]], across: Scale, down: Scale) -> _Points:
    stairs: _Points = []
    for day, value in points:
        x, y = across(day), down(value or 0.0)
        if stairs:
            stairs.append((x, stairs[-1][1]))
        stairs.append((x, y))
    return stairs


def _at_risk(series: int, curve: Curve, across: Scale, weeks: range, top: float) -> Iterator[Path | Text]:
    by_day = {step.day: step.n_at_risk for step in curve.steps}
    yield Text(f"tick of s{series}", 2, top + 12, curve.name)
    for week in weeks:
        yield Text("figure", across(week * _DAYS), top + 28, by_day.get(week * _DAYS, ""), "middle")
