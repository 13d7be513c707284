"""How the people of an account divide by the state of their two-factor authentication: pure rules."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from twofold.admin.user_filter import Rules
from twofold.admin.user_summary import TwoFactor


class Counts(NamedTuple):
    """The active people of an account: all, those with a second factor, those who have a licence and none.

    `excepted` are those of the last whom a running exception spares; `licences` are in use.
    """

    people: int
    protected: int
    licensed_without: int
    excepted: int
    licences: int


class Share(NamedTuple):
    """How many people are in a state, and where their part of a bar of 100 begins and how wide it is."""

    state: TwoFactor
    number: int
    begins: float
    width: float


def by_state(counts: Counts, rules: Rules) -> dict[TwoFactor, int]:
    """Divide the active people of an account by what `directory.eligibility` says of them."""
    without = counts.people - counts.protected
    if rules.always_required:
        must, may = without, 0
    elif not rules.offered:
        must, may = 0, 0
    elif rules.required_now:
        must, may = counts.licensed_without - counts.excepted, counts.excepted
    else:
        must, may = 0, counts.licensed_without
    return {
        TwoFactor.ON: counts.protected,
        TwoFactor.MUST_SET_UP: must,
        TwoFactor.OFF: may,
        TwoFactor.NOT_OFFERED: without - must - may,
    }


def history(days: Sequence[date], reckoned: Sequence[int], counted: Mapping[date, int], now: int) -> list[int]:
    """Return the number of each day up to today's: as it was counted then, else as the day before, else reckoned."""
    numbers: list[int] = []
    for day, number in zip(days, reckoned, strict=True):
        missed = bool(numbers) and min(counted, default=day) < day
        numbers.append(counted.get(day, numbers[-1] if missed else number))
    return [*numbers[:-1], now]


def shares(numbers: dict[TwoFactor, int]) -> list[Share]:
    """Lay the states that anybody is in beside each other."""
    of, before, laid = sum(numbers.values()), 0, []
    for state, number in numbers.items():
        if number:
            laid.append(Share(state, number, round(100 * before / of, 2), round(100 * number / of, 2)))
        before += number
    return laid
