"""What can come of asking for links, of following them, and of unfreezing."""

from datetime import datetime

import msgspec

from twofold.directory.user import User


class Requested(msgspec.Struct, frozen=True):
    """Whoever has this address, if anybody, gets a letter."""


class Invited(msgspec.Struct, frozen=True):
    """A letter with a link to choose a password is on its way; `not_before` says when it goes out if not at once."""

    not_before: datetime | None = None


class NotInvited(msgspec.Struct, frozen=True):
    """Nobody is invited to choose a password who has one, signs in elsewhere, or is inactive or frozen: `why`."""

    why: str  # has_password | sso | inactive | frozen


class MayChoose(msgspec.Struct, frozen=True):
    """The link works: this user may choose a password."""

    user: User
    invited: bool
    expires_at: datetime


class PasswordSaved(msgspec.Struct, frozen=True):
    """The password is set and every session ended; signing in with it, and the second factor, is up to the user."""


class MayKnow(msgspec.Struct, frozen=True):
    """The link works: the browser in which it is pressed becomes known for this user."""

    user: User
    expires_at: datetime


class KnownHere(msgspec.Struct, frozen=True):
    """The browser that holds this token is known for its user."""

    client: str


class NotMe(msgspec.Struct, frozen=True):
    """The link works: what its letter told of, and when that was."""

    user: User
    about: str
    happened_at: datetime


class Gone(msgspec.Struct, frozen=True):
    """The link is used, too old, or there never was one; `frozen` when its user is frozen by now."""

    frozen: bool


class Froze(msgspec.Struct, frozen=True):
    """The user is frozen: every session ended, every open link and case void, the administrators told."""

    user: User


class Unfrozen(msgspec.Struct, frozen=True):
    """The user may come back: their old password is void.

    `mailed` says whether a link to choose a new one is on its way, `not_before` when it goes out if not at once.
    """

    mailed: bool
    not_before: datetime | None = None


class NotFrozen(msgspec.Struct, frozen=True):
    """The user is not frozen."""
