"""A link that makes the browser in which it is pressed known for its user: its life and what ends it. Pure rules.

Whoever guesses somebody's password from many networks keeps them waiting in browsers that they have not used before. By
this link they need not wait: the browser gets a count of wrong passwords of its own. It signs nobody in.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from twofold.directory.user import User

LIFE = timedelta(minutes=15)  # from the moment the letter goes out
UNSENT_FOR = timedelta(days=1)  # how long a request may wait for its letter to go out
DECOY = timedelta(hours=1)  # and one for an address that nobody has, whose letter never goes out


class BrowserLink(NamedTuple):
    """A link, and the address that it was asked for."""

    user_id: UUID
    letter: UUID
    email_key: str
    expires_at: datetime


def is_good_for(link: BrowserLink, user: User) -> bool:
    """Tell whether a user is still who the link was for, and can sign in with a password at all."""
    return (
        user.active
        and user.frozen_at is None
        and not user.sso
        and (user.password_hash is not None or not link.email_key)  # no address: a decoy does the same work
        and user.email_key == link.email_key
    )
