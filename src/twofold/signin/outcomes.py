"""What can come of the steps of a sign-in, beside what proving a factor can (factors/outcomes.py)."""

from datetime import datetime

import msgspec

from twofold.directory.user import User
from twofold.sessions.session import Started


class SsoElsewhere(msgspec.Struct, frozen=True):
    """The domain of the address signs in at its own organisation, at `url`; known and unknown addresses alike."""

    url: str


class Frozen(msgspec.Struct, frozen=True):
    """The password is right, and the user is frozen until somebody acts."""


class LockedOut(msgspec.Struct, frozen=True):
    """The password is right, and the second factor is locked. `sign_in` is an attempt that leads to the lock page."""

    user: User
    final: bool
    sign_in: str


class Due(msgspec.Struct, frozen=True):
    """The sign-in goes on: its token, what is due next, and until when."""

    sign_in: str
    next: str
    expires_at: datetime
    passkey: bool = False  # the second factor that is due can be a passkey


class SignedIn(msgspec.Struct, frozen=True):
    """The sign-in is complete. `client` is the token that gives this browser or program a password count of its own."""

    session: Started
    client: str
    return_to: str
    new_backup_code: str | None = None


class GoesOn(msgspec.Struct, frozen=True):
    """The step is complete and another is due."""

    next: str
    expires_at: datetime


class WrongMailedCode(msgspec.Struct, frozen=True):
    """The code is not the one that was mailed, or that has run out; so many tries are left."""

    left: int


class MailedCodeClosed(msgspec.Struct, frozen=True):
    """Five wrong mailed codes: more are refused for so many seconds, or until an administrator unlocks."""

    seconds: int


class TwoFactorNeeded(msgspec.Struct, frozen=True):
    """A program that cannot do a second step may not sign this user in."""
