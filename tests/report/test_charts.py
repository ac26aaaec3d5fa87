import re

from hypothesis import given
from hypothesis import strategies as st

from registry_pipeline.report.charts.curves import Curve, Step, draw_curves
from registry_pipeline.report.charts.drawing import Drawing, Scale, round_up, tick_label, ticks
from registry_pipeline.report.charts.intervals import Bar, Point, Reference, draw_intervals
from registry_pipeline.report.page import Cell, Table
from registry_pipeline.report.words import percent, span

shares = st.floats(min_value=0, max_value=1)


def styled(drawing: Drawing, style: str) -> list[str]:
    return [shape.d for shape in drawing.shapes if shape.kind == "path" and shape.style == style]


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[0-9.]+", path)]


def extent(drawing: Drawing, style: str) -> tuple[float, float]:
    """Return the leftmost and rightmost place of straight lines of a style."""
    across = [x for path in styled(drawing, style) for x in numbers(path)[::2]]
    return min(across), max(across)


def test_an_interval_lies_between_its_limits_on_the_axis() -> None:
    wide, narrow = draw_intervals("t", "d", [Bar("a", "", (Point(0.5, 0.25, 0.75),)), Bar("b", "", (Point(1, 1, 1),))])
    for drawing in (wide, narrow):
        start, end = extent(drawing, "axis")
        low, high = numbers(styled(drawing, "line s0")[0])[::2]
        assert abs(low - (start + (end - start) * 0.25)) < 0.1
        assert abs(high - (start + (end - start) * 0.75)) < 0.1


def test_a_hidden_row_has_its_words_and_no_mark() -> None:
    wide, narrow = draw_intervals("t", "d", [Bar("C001", "hidden (fewer than 11)", (None,))])
    for drawing in (wide, narrow):
        assert not styled(drawing, "dot s0")
        assert "hidden (fewer than 11)" in [shape.text for shape in drawing.shapes if shape.kind == "text"]


def test_a_larger_clinic_has_a_larger_square() -> None:
    bars = [Bar(name, "", (Point(0.5, 0.4, 0.6, weight),)) for name, weight in (("small", 0.5), ("large", 2.5))]
    small, large = (numbers(d) for d in styled(draw_intervals("t", "d", bars)[0], "dot s0"))
    assert max(large[::2]) - min(large[::2]) > max(small[::2]) - min(small[::2])


def test_a_point_without_an_interval_is_a_mark_alone() -> None:
    drawing = draw_intervals("t", "d", [Bar("a", "", (Point(0.5, None, None),))])[0]
    assert styled(drawing, "dot s0")
    assert not styled(drawing, "line s0")


def test_a_chart_without_rows_is_an_empty_axis() -> None:
    assert styled(draw_intervals("t", "d", [])[0], "axis")


@given(st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=5), shares)
def test_nothing_is_drawn_outside_of_the_picture(rows: list[tuple[float, float, float]], reference: float) -> None:
    bars = [Bar("a", "", (Point(middle, low, high),)) for low, middle, high in map(sorted, rows)]
    for drawing in draw_intervals("t", "d", bars, references=[Reference(reference, "here")]):
        for style in ("grid", "axis", "line s0", "reference"):
            if styled(drawing, style):
                left, right = extent(drawing, style)
                assert left >= 0
                assert right <= drawing.width


@given(st.floats(min_value=0.0001, max_value=1))
def test_an_axis_reaches_the_furthest_share_in_two_to_six_round_steps(furthest: float) -> None:
    high = round_up(furthest)
    places = ticks(high)
    assert high >= furthest
    assert places[0] == 0
    assert places[-1] == high
    assert 2 <= len(places) <= 6
    assert all(re.fullmatch(r"\d+ %", tick_label(place)) for place in places)


def test_a_curve_steps_down_at_the_day_and_not_before() -> None:
    steps = (Step(0, 1.0, None, None, "20"), Step(7, 0.5, 0.4, 0.6, "15"))
    drawing = draw_curves("t", "d", [Curve("all", steps)])[0]
    (x0, y0), (x1, y1), (x2, y2) = zip(*[iter(numbers(styled(drawing, "step s0")[0]))] * 2, strict=True)
    assert (x1, y1) == (x2, y0)
    assert x0 < x1
    assert y2 > y1


def test_numbers_at_risk_stand_below_their_week() -> None:
    steps = tuple(Step(day, 0.9, 0.8, 1.0, str(500 - day)) for day in range(0, 57, 7))
    for drawing in draw_curves("t", "d", [Curve("all", steps)]):
        texts = [shape for shape in drawing.shapes if shape.kind == "text"]
        weeks = {shape.x: int(shape.text) for shape in texts if shape.style == "tick" and shape.text.isdigit()}
        at_risk = {shape.x: shape.text for shape in texts if shape.style == "figure"}
        assert at_risk == {x: str(500 - 7 * week) for x, week in weeks.items()}


def test_a_scale_keeps_what_lies_outside_at_its_end() -> None:
    scale = Scale(0, 0.5, 100, 200)
    assert [scale(value) for value in (-1, 0, 0.25, 0.5, 2)] == [100, 100, 150, 200, 200]


def test_a_row_that_is_hidden_says_so_once() -> None:
    hidden = Cell("hidden (fewer than 11)", tone="hidden")
    table = Table("t", ("a", "b", "c", "d"), ((Cell("x"), hidden, hidden, Cell("1", 1)),))
    assert table.merged_rows == [[(Cell("x"), 1), (hidden, 2), (Cell("1", 1), 1)]]


def test_shares_are_rounded_so_that_few_is_not_none() -> None:
    said = [percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (0, 0.0004, 0.0149, 0.5, 0.9996, 1)]
    assert said == ["0.0 %", "0.04 %", "1.5 %", "50.0 %", "99.96 %", "100.0 %"]
    assert span(0.25, 0.5) == "25.0 to 50.0"
    assert span(None, 0.5) == "no interval"
