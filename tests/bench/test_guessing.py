"""The bench that guesses who got a letter finds a difference that is there, and none that is not."""

import random

import pytest

from bench.guessing import Look, Share, guesses


def look(draw: random.Random, *, known: bool, slower: float = 0.0, bursts: int = 0) -> Look:
    """Be a look; after a request for somebody a burst of others is slower."""
    took = [draw.gauss(1.0, 0.1) for _ in range(100)]
    if known:
        for place in range(40, 40 + bursts):
            took[place % 100] += slower
    return Look(known, took)


def looks(seed: int, **difference: float) -> list[Look]:
    draw = random.Random(seed)
    return [look(draw, known=draw.random() < 0.5, **difference) for _ in range(400)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slower", "bursts", "by"),
    [
        (5.0, 1, "longest"),
        (0.4, 20, "slowest 10 in a row"),
        (0.1, 100, "mean"),
        (-0.1, 60, "mean"),
    ],
)
def test_a_difference_is_found_by_the_statistic_that_sees_it(slower: float, bursts: int, by: str) -> None:
    found = guesses(looks(1, slower=slower, bursts=bursts))
    assert found[by].share > 0.95
    assert found["best"].share > 0.95
    assert found["best"].interval[0] > 0.9


def test_where_there_is_none_a_guess_is_right_half_the_time() -> None:
    shares = [guesses(looks(seed))["best"] for seed in range(5)]
    assert 0.45 < sum(share.right for share in shares) / sum(share.of for share in shares) < 0.55


def test_the_interval_is_wilsons() -> None:
    low, high = Share(1027, 2000).interval
    assert (round(low, 4), round(high, 4)) == (0.4916, 0.5354)
