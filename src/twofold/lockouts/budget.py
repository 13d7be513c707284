"""The numbers of attempt budgets: pure rules.

Second factors: five wrong ones in a row lock; a hundred in a row, counted across unlocks, lock for good (NIST SP
800-63B-4 section 3.2.2: at most 100 consecutive failures per authenticator); ten within 30 days from browsers that have
not signed in lock as well. Passwords: never a lock, only waits that grow. Codes by mail: five wrong ones block them for
a day.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

LOCK_AFTER = 5
FINAL_AFTER = 100

# Wrong second factors from browsers that have not signed in with one; the owner's sign-ins elsewhere clear none.
UNKNOWN_LOCK_AFTER = 10
UNKNOWN_COUNTED_FOR = timedelta(days=30)
WARN_EVERY = timedelta(days=1)

FREE_PASSWORD_TRIES = 5
LONGEST_WAIT = 15 * 60  # seconds
# Seconds to wait after the n-th wrong password in a row; the last one holds for all further tries.
PASSWORD_WAITS: tuple[int, ...] = (*(0,) * (FREE_PASSWORD_TRIES - 1), *(2**n for n in range(10)), LONGEST_WAIT)
FORGET_PASSWORD_TRIES = timedelta(hours=24)

# What an address takes from all networks together, beside what each of them may. One network tries 110 times on its
# first day and 96 on each after it, so it never spends this; many together get no more than 480 a day.
ADDRESS_BURST = 50
ADDRESS_REFILL = timedelta(minutes=3)

MAILBOX_TRIES = 5
MAILBOX_CLOSED = timedelta(hours=24)
MAILS_AN_HOUR = 3
MAIL_WINDOW = timedelta(hours=1)
# Three an hour as well, but evenly: an attacker who asks for all of them leaves no user without a link for long.
BROWSER_LINK_EVERY = timedelta(minutes=20)

INVITATION_WINDOW = timedelta(days=1)
FEWEST_INVITATIONS, MOST_INVITATIONS, INVITATIONS_WITHOUT_SEATS = 20, 1000, 200


class Counts(NamedTuple):
    """Wrong second factors since the last right one: since the last unlock, and across unlocks."""

    wrong: int
    wrong_in_row: int

    @property
    def left(self) -> int:
        """How many tries remain before the lock."""
        return max(0, min(LOCK_AFTER - self.wrong, FINAL_AFTER - self.wrong_in_row))

    @property
    def locked(self) -> bool:
        """Whether the second factor is locked, for every operation that asks for one."""
        return self.left == 0

    @property
    def final(self) -> bool:
        """Whether unlocking is refused, so that only a reset helps."""
        return self.wrong_in_row >= FINAL_AFTER


class Charged(NamedTuple):
    """A try that was charged: the counts with it, and the wrong ones from unknown browsers before it.

    `unknown` is as it was when one of them was last counted: some may be older than 30 days by now.
    """

    counts: Counts
    unknown: int

    @property
    def left(self) -> int:
        """How many tries remain to a known browser."""
        return self.counts.left

    @property
    def left_to_unknown(self) -> int:
        """How many tries remain to an unknown browser."""
        return max(0, min(self.left, UNKNOWN_LOCK_AFTER - self.unknown - 1))


class MailboxState(NamedTuple):
    """Until when a user's mailed codes are blocked (None: they are not), and how many mails went out since when."""

    closed_until: datetime | None
    mails_since: datetime
    mails: int


def invitations_a_day(seats: int | None) -> int:
    """Return how many invitations an account may send within a day: as many as it has licences, within bounds.

    Everybody of a new organisation can be invited at once; a trial account, or one whose number of licences nobody set,
    is of little use to a spammer.
    """
    if seats is None:
        return INVITATIONS_WITHOUT_SEATS
    return min(max(seats, FEWEST_INVITATIONS), MOST_INVITATIONS)
