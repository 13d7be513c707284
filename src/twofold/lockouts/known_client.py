"""What is known of a browser or program that has signed somebody in before: until when, and by what. Pure rules."""

from datetime import datetime, timedelta
from typing import NamedTuple

from twofold.directory.user import User

REMEMBERED = timedelta(days=90)  # from the last sign-in
BY_LINK = timedelta(days=1)  # from the press; a sign-in within it makes it 90 days
PROLONGED_EVERY = timedelta(days=1)  # a write at a sign-in, and no more often


class KnownClient(NamedTuple):
    """A client with a password count of its own for one user, and when it last proved a second factor for them."""

    token_hash: bytes
    until: datetime | None
    second_factor_at: datetime | None = None

    def knows_factor_of(self, user: User) -> bool:
        """Tell whether it has signed in with the second factor that protects its user now.

        The password alone makes no such client, nor does a link from the mailbox: both may be a thief's, from before
        the factor was set up.
        """
        since = user.second_factor_since
        return since is not None and self.second_factor_at is not None and self.second_factor_at >= since

    def is_current(self, at: datetime) -> bool:
        """Tell whether it was prolonged within the day, so that a sign-in need not write it down again."""
        return self.until is not None and self.until > at + REMEMBERED - PROLONGED_EVERY
