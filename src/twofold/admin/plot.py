"""A line over days, as points of a drawing: pure arithmetic, drawn by the template as SVG."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 48, 48  # margins; all in units of the view box
STEPS = (1, 2, 5)


class Mark(NamedTuple):
    """A place on an axis with what stands beside it."""

    place: float
    value: int


class DayMark(NamedTuple):
    """A day on the axis of time."""

    place: float
    day: date


class Plot(NamedTuple):
    """A step line as an SVG path, with the marks of both axes and the place of a deadline; units of the view box."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    path: str
    marks: list[Mark]
    days: list[DayMark]
    deadline: float | None


def draw(days: Sequence[date], values: Sequence[int], deadline: date | None = None) -> Plot:
    """Draw a value for each of at least two days, in order, over an axis from zero that reaches to the deadline."""
    top = _ceiling(max(values))
    span = (max(days[-1], deadline or days[-1]) - days[0]).days
    xs = [_across(index, span) for index in range(len(days))]
    ys = [_height(value, top) for value in values]
    path = f"M{xs[0]:.1f} {ys[0]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in zip(xs[1:], ys[1:], strict=True))
    marks = [Mark(round(_height(value, top), 1), value) for value in _ticks(top)]
    shown = sorted({0, span // 3, 2 * span // 3, span})
    return Plot(
        WIDTH, HEIGHT, LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM, path, marks,
        [DayMark(round(_across(index, span), 1), days[0] + timedelta(days=index)) for index in shown],
        None if deadline is None else round(_across(max(0, (deadline - days[0]).days), span), 1),
    )  # fmt: skip


def _across(index: int, span: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * index / span


def _height(value: int, top: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _ceiling(highest: int) -> int:
    """Return the lowest round number that is not below the highest value: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in STEPS:
            if step * power >= highest:
                return step * power
        power *= 10


def _ticks(top: int) -> list[int]:
    return [0, top // 2, top] if top % 2 == 0 else [0, top]
