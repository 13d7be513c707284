from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.lockouts import budget
from twofold.lockouts.budget import Counts, password_wait


@pytest.mark.parametrize(
    ("wrong", "in_row", "left", "locked", "final"),
    [
        (0, 0, 5, False, False),
        (1, 1, 4, False, False),
        (4, 4, 1, False, False),
        (5, 5, 0, True, False),
        (6, 6, 0, True, False),
        (0, 95, 5, False, False),
        (0, 96, 4, False, False),
        (3, 99, 1, False, False),
        (4, 99, 1, False, False),
        (0, 100, 0, True, True),
        (4, 100, 0, True, True),
        (5, 100, 0, True, True),
        (0, 101, 0, True, True),
    ],
)
def test_five_wrong_ones_lock_and_a_hundred_in_a_row_lock_for_good(
    wrong: int,
    in_row: int,
    left: int,
    locked: bool,  # noqa: FBT001
    final: bool,  # noqa: FBT001
) -> None:
    counts = Counts(wrong, in_row)
    assert (counts.left, counts.locked, counts.final) == (left, locked, final)


@given(st.integers(0, 200), st.integers(0, 200))
def test_somebody_is_locked_exactly_when_nothing_is_left(wrong: int, in_row: int) -> None:
    counts = Counts(wrong, in_row)
    assert 0 <= counts.left <= 5
    assert counts.locked == (counts.left == 0)
    assert counts.locked or not counts.final


def test_five_wrong_passwords_cost_no_wait_and_further_ones_longer_and_longer() -> None:
    waits = [password_wait(wrong) for wrong in range(20)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]
    assert password_wait(1_000_000) == 900


def test_the_other_budgets_have_the_numbers_of_the_design() -> None:
    passwords = budget.FORGET_PASSWORD_TRIES
    mailbox = (budget.MAILBOX_TRIES, budget.MAILBOX_CLOSED)
    letters = (budget.MAILS_AN_HOUR, budget.MAIL_WINDOW)
    assert passwords == timedelta(days=1)
    assert mailbox == (5, timedelta(days=1))
    assert letters == (3, timedelta(hours=1))
