"""What can come of asking for links, of following them, and of unfreezing."""

from datetime import datetime
from typing import NamedTuple

from twofold.directory.person import Person


class Asked(NamedTuple):
    """Whoever has this address, if anybody, gets a letter."""


class NoMail(NamedTuple):
    """This needs a letter, and Twofold has no mail server."""


class Invited(NamedTuple):
    """A letter with a link to choose a password is on its way."""


class NotInvited(NamedTuple):
    """Nobody is invited to choose a password who has one, signs in elsewhere, or is switched off or frozen: `why`."""

    why: str  # has_password | sso | inactive | frozen


class MayChoose(NamedTuple):
    """The link works: this user may choose a password."""

    person: Person
    invited: bool
    expires_at: datetime


class PasswordSaved(NamedTuple):
    """The password is set and every session ended; signing in with it, and the second factor, is up to the user."""


class NotMe(NamedTuple):
    """The link works: what its letter told of, and when that was."""

    person: Person
    about: str
    happened_at: datetime


class Gone(NamedTuple):
    """The link is used, too old, or there never was one; `frozen` when its user is frozen by now."""

    frozen: bool


class Froze(NamedTuple):
    """The user is frozen: every session ended, every open link and case void, the administrators told."""

    person: Person


class Unfrozen(NamedTuple):
    """The user may come back: their old password is void.

    `mailed` says whether a link to choose a new one is on its way, `not_before` when it goes out if not at once.
    """

    mailed: bool
    not_before: datetime | None = None


class NotFrozen(NamedTuple):
    """The user is not frozen."""


class NotYourself(NamedTuple):
    """Nobody unfreezes themselves."""
