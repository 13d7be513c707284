from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.lockouts import budget
from twofold.lockouts.budget import Charged, Counts


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
    assert budget.PASSWORD_WAITS == (0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900)


@pytest.mark.parametrize(
    ("wrong", "unknown", "left", "left_to_unknown"),
    [(0, 0, 5, 5), (0, 4, 5, 5), (0, 5, 5, 4), (1, 5, 4, 4), (0, 8, 5, 1), (0, 9, 5, 0), (0, 40, 5, 0), (5, 0, 0, 0)],
)
def test_unknown_browsers_have_ten_tries_together(wrong: int, unknown: int, left: int, left_to_unknown: int) -> None:
    tries = Charged(Counts(wrong, wrong), unknown)
    assert (tries.left, tries.left_to_unknown) == (left, left_to_unknown)


@pytest.mark.parametrize(
    ("seats", "invitations"), [(None, 200), (0, 20), (19, 20), (21, 21), (999, 999), (1000, 1000), (50_000, 1000)]
)
def test_as_many_are_invited_a_day_as_there_are_licences_within_bounds(seats: int | None, invitations: int) -> None:
    assert budget.invitations_a_day(seats) == invitations


def test_the_budgets_of_addresses_and_unknown_browsers_have_the_numbers_of_the_design() -> None:
    assert (10, timedelta(days=30)) == (budget.UNKNOWN_LOCK_AFTER, budget.UNKNOWN_COUNTED_FOR)
    assert timedelta(days=1) == budget.WARN_EVERY
    assert (50, timedelta(minutes=3)) == (budget.ADDRESS_BURST, budget.ADDRESS_REFILL)


def test_the_other_budgets_have_the_numbers_of_the_design() -> None:
    passwords = budget.FORGET_PASSWORD_TRIES
    mailbox = (budget.MAILBOX_TRIES, budget.MAILBOX_CLOSED)
    letters = (budget.MAILS_AN_HOUR, budget.MAIL_WINDOW)
    assert passwords == timedelta(days=1)
    assert mailbox == (5, timedelta(days=1))
    assert letters == (3, timedelta(hours=1))


def test_letters_and_invitations_are_mailed_as_often_as_documented() -> None:
    assert timedelta(minutes=20) == budget.BROWSER_LINK_EVERY
    assert timedelta(days=1) == budget.INVITATION_WINDOW
