from datetime import timedelta

from tests.harness.clock import NOON, STEP, later, step_start


def test_noon_is_the_start_of_a_step() -> None:
    assert step_start(NOON) == NOON
    assert step_start(later(seconds=29.9)) == NOON
    assert step_start(later(seconds=30)) == NOON + STEP


def test_later_counts_from_any_moment() -> None:
    assert later(at=later(minutes=1), hours=1) - NOON == timedelta(hours=1, minutes=1)
