"""Deciding by what was measured whether a look was at somebody or at nobody, and how often that is right.

Whoever watches may choose: a statistic, a threshold, a direction. All of it is fitted on one half of the looks and
tried on the other, then the other way round, so that no look judges itself.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import NamedTuple

IN_A_ROW = (3, 10, 30)
CERTAINTY = 0.95

Times = Sequence[float]  # milliseconds, in the order in which they were measured


class Look(NamedTuple):
    """What was seen after one request: whether it was for somebody, and how long others took after it."""

    known: bool
    took: Times


class Share(NamedTuple):
    """How many guesses were right, of how many, and between what the share lies with a certainty of 95 %."""

    right: int
    of: int

    @property
    def share(self) -> float:
        return self.right / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval."""
        z = NormalDist().inv_cdf((1 + CERTAINTY) / 2)
        middle = (self.right + z * z / 2) / (self.of + z * z)
        reach = z / (self.of + z * z) * (self.right * (self.of - self.right) / self.of + z * z / 4) ** 0.5
        return middle - reach, middle + reach


class Rule(NamedTuple):
    """Somebody, where a statistic is above a threshold (or below it)."""

    statistic: str
    threshold: float
    above: bool

    def says(self, value: float) -> bool:
        return (value > self.threshold) is self.above


def guesses(looks: Sequence[Look]) -> dict[str, Share]:
    """Return how often each statistic is right; `best` chooses among all of them by the half on which it is fitted."""
    halves = looks[::2], looks[1::2]
    found: dict[str, int] = {}
    for fitted, tried in (halves, halves[::-1]):
        limits = _limits(fitted)
        rules = _rules(fitted, limits)
        for look in tried:
            seen = _statistics(look.took, limits)
            for name, rule in rules.items():
                found[name] = found.get(name, 0) + (rule.says(seen[rule.statistic]) is look.known)
    return {name: Share(right, len(looks)) for name, right in found.items()}


def _rules(looks: Sequence[Look], limits: Mapping[str, float]) -> dict[str, Rule]:
    """Fit a rule to each statistic; `best` is the one that was right most often."""
    seen = [(look.known, _statistics(look.took, limits)) for look in looks]
    fitted = {name: _fit(name, [(known, values[name]) for known, values in seen]) for name in seen[0][1]}
    best = max(fitted.values(), key=lambda found: found[1])[0]
    return {name: rule for name, (rule, _) in fitted.items()} | {"best": best}


def _limits(looks: Sequence[Look]) -> dict[str, float]:
    """Return times that few requests exceed, for counting those that do."""
    ranked = sorted(time for look in looks for time in look.took)
    return {f"{share:.1%}": ranked[int(len(ranked) * (1 - share))] for share in (0.1, 0.02, 0.005, 0.001)}


def _statistics(took: Times, limits: Mapping[str, float]) -> dict[str, float]:
    ranked = sorted(took)
    return {
        **{name: of(ranked) for name, of in OF_ALL.items()},
        **{f"slowest {row} in a row": _slowest_run(took, row) for row in IN_A_ROW},
        **{f"how many above the slowest {share}": sum(t > limit for t in took) for share, limit in limits.items()},
    }


OF_ALL: dict[str, Callable[[Times], float]] = {
    "mean": fmean,
    "longest": lambda ranked: ranked[-1],
    "second longest": lambda ranked: ranked[-2],
    "median": lambda ranked: ranked[len(ranked) // 2],
    "90 %": lambda ranked: ranked[int(len(ranked) * 0.9)],
    "99 %": lambda ranked: ranked[int(len(ranked) * 0.99)],
    "how many": lambda ranked: float(len(ranked)),
}


def _slowest_run(took: Times, length: int) -> float:
    run = slowest = sum(took[:length])
    for gone, new in zip(took, took[length:], strict=False):
        run += new - gone
        slowest = max(slowest, run)
    return slowest


def _fit(name: str, seen: Sequence[tuple[bool, float]]) -> tuple[Rule, int]:
    """Find the threshold that is right most often in these looks; return it with how often."""
    ranked = sorted(seen, key=lambda look: look[1])
    unknown = sum(not known for known, _ in ranked)
    best, best_right = Rule(name, ranked[0][1] - 1, above=True), len(ranked) - unknown
    right_above = best_right  # all are taken for somebody; with each that falls below, one more or one less is right
    for place, (known, value) in enumerate(ranked):
        right_above += -1 if known else 1
        if place + 1 < len(ranked) and ranked[place + 1][1] == value:
            continue
        for right, above in ((right_above, True), (len(ranked) - right_above, False)):
            if right > best_right:
                best, best_right = Rule(name, value, above), right
    return best, best_right
