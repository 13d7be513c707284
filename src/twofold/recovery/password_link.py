"""A link by which a password is chosen: how long it lives and what voids it. Pure rules."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from twofold.directory.user import User

QUIET_AFTER_RESET = timedelta(hours=24)
UNSENT_FOR = timedelta(days=5)  # how long a request may wait for its letter to go out
DECOY = timedelta(hours=1)  # and one for an address that nobody has, whose letter never goes out


class Purpose(StrEnum):
    """Why a link was mailed."""

    FORGOT = "forgot"
    INVITATION = "invitation"
    UNFROZEN = "unfrozen"
    RESET = "reset"  # from the server, of somebody whose password a thief knows


# A link that somebody asked for is waited for. One that comes unasked lies in a mailbox until its owner looks there.
LIFE = {
    Purpose.FORGOT: timedelta(hours=1),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.UNFROZEN: timedelta(days=1),
    Purpose.RESET: timedelta(days=1),
}


class PasswordLink(NamedTuple):
    """A link, and what its user was like when it was asked for."""

    user_id: UUID
    letter: UUID
    purpose: Purpose
    email_key: str
    password_set_at: datetime | None
    asked_at: datetime
    expires_at: datetime


class Over(NamedTuple):
    """The link is used, replaced, too old or void, or there never was one."""


class TooSoon(NamedTuple):
    """A reset was confirmed within 24 hours: until then no password is set by mail."""

    until: datetime


class Elsewhere(NamedTuple):
    """The user signs in at their own organisation, at `url`: they have no password here."""

    url: str | None


def quiet_until(user: User, at: datetime) -> datetime | None:
    """Return until when a password cannot be set by mail, because a reset was confirmed; None when it can.

    A reset takes the second factor away. Whoever did it through a stolen mailbox must not get the password by the same
    mailbox before its owner has had a day to notice.
    """
    if user.reset_confirmed_at is None or at >= user.reset_confirmed_at + QUIET_AFTER_RESET:
        return None
    return user.reset_confirmed_at + QUIET_AFTER_RESET


def is_bound_to(link: PasswordLink, user: User) -> bool:
    """Tell whether a user is still who the link was for: nothing has happened since that voids it."""
    reset, asked = user.reset_confirmed_at, link.asked_at
    own = reset == asked and link.purpose is Purpose.RESET  # the reset itself has promised this link
    reset_since = reset is not None and reset >= asked and not own
    return (
        user.active
        and user.frozen_at is None
        and not user.sso
        and not reset_since
        and (user.email_key, user.password_set_at) == (link.email_key, link.password_set_at)
    )


def refused(link: PasswordLink | None, user: User | None, at: datetime) -> Over | TooSoon | None:
    """Say why a link sets no password at a moment; None when it does."""
    if link is None or user is None:
        return Over()
    until = quiet_until(user, at)
    if until is not None:
        return TooSoon(until)
    return None if at < link.expires_at and is_bound_to(link, user) else Over()
