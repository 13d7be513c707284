"""A line over days, as points of a drawing: pure arithmetic, drawn by the template as SVG."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 16, 40  # margins; all in units of the view box
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
    """A step line as an SVG path, with the marks of both axes; units are those of the view box."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    path: str
    marks: list[Mark]
    days: list[DayMark]


def draw(days: Sequence[date], values: Sequence[int]) -> Plot:
    """Draw a value for each of at least two days, in order, over an axis from zero."""
    top = _ceiling(max(values))
    xs = [LEFT + (WIDTH - LEFT - RIGHT) * index / (len(days) - 1) for index in range(len(days))]
    ys = [_height(value, top) for value in values]
    path = f"M{xs[0]:.1f} {ys[0]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in zip(xs[1:], ys[1:], strict=True))
    marks = [Mark(round(_height(value, top), 1), value) for value in _ticks(top)]
    shown = sorted({0, len(days) // 3, 2 * len(days) // 3, len(days) - 1})
    return Plot(
        WIDTH, HEIGHT, LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, path, marks,
        [DayMark(round(xs[index], 1), days[index]) for index in shown],
    )  # fmt: skip


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
