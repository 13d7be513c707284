"""The numbers of attempt budgets: pure rules.

Second factors: five wrong ones in a row lock; a hundred in a row, counted across unlocks, lock for good (NIST SP
800-63B-4: at most 100 consecutive failures per authenticator). Passwords: never a lock, only waits that grow. Codes by
mail: five wrong ones close that door for a day.
"""

from datetime import timedelta
from typing import NamedTuple

LOCK_AFTER = 5
FINAL_AFTER = 100

FREE_PASSWORD_TRIES = 5
LONGEST_WAIT = 15 * 60
# Seconds to wait after the n-th wrong password in a row; the last one holds for all further tries.
PASSWORD_WAITS: tuple[int, ...] = (*(0,) * (FREE_PASSWORD_TRIES - 1), *(2**n for n in range(10)), LONGEST_WAIT)
FORGET_PASSWORD_TRIES = timedelta(hours=24)

MAILBOX_TRIES = 5
MAILBOX_CLOSED = timedelta(hours=24)
MAILS_AN_HOUR = 3
MAIL_WINDOW = timedelta(hours=1)


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
        """Whether every door that takes a second factor is shut."""
        return self.left == 0

    @property
    def final(self) -> bool:
        """Whether unlocking is refused, so that only a reset helps."""
        return self.wrong_in_row >= FINAL_AFTER


def password_wait(wrong: int) -> int:
    """Return the seconds to wait after so many wrong passwords in a row."""
    if wrong < 1:
        return 0
    return PASSWORD_WAITS[min(wrong, len(PASSWORD_WAITS)) - 1]
