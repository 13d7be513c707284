"""What can come of proving, setting up, changing and removing second factors: values, matched to the end."""

from datetime import datetime
from uuid import UUID

import msgspec

from twofold.directory.eligibility import Eligibility


class Passed(msgspec.Struct, frozen=True):
    """The second factor was proved, by `otp`, `passkey` or `backup_code`; a used backup code brings its successor.

    `amr_values` are those of its method (`sessions.methods.Method`).
    """

    method: str
    new_backup_code: str | None = None
    amr_values: tuple[str, ...] = ()


class WrongCode(msgspec.Struct, frozen=True):
    """The code is wrong; so many tries are left. `drift` is how many seconds the phone's clock seems to be off.

    `unreadable`: no code can be right, because what the authenticator was set up with does not open any more.
    """

    left: int
    drift: int | None = None
    backup: bool = False
    unreadable: bool = False


class UsedCode(msgspec.Struct, frozen=True):
    """The code was right but has been used; nothing was charged."""

    left: int


class SpentBackupCode(msgspec.Struct, frozen=True):
    """This is the backup code that was used last."""

    left: int


class WrongPasskey(msgspec.Struct, frozen=True):
    """What was sent is no assertion of one of this user's passkeys for this request: `why`. Nothing was charged."""

    why: str


class Locked(msgspec.Struct, frozen=True):
    """Too many wrong ones: not even a right code counts until somebody acts; final when only a reset helps."""

    final: bool


ProofRefused = WrongCode | UsedCode | SpentBackupCode | WrongPasskey | Locked


class MalformedCode(msgspec.Struct, frozen=True):
    """What was typed can be neither a code nor a backup code; nothing was charged."""


class NotOffered(msgspec.Struct, frozen=True):
    """This user cannot set up a first factor, and why."""

    eligibility: Eligibility


class TooMany(msgspec.Struct, frozen=True):
    """Five authenticators are the most."""


class NoSuchAuthenticator(msgspec.Struct, frozen=True):
    """None of this user's authenticators has that id."""


class LastAuthenticator(msgspec.Struct, frozen=True):
    """The last authenticator goes only by removing two-factor authentication."""


class RequiredByPolicy(msgspec.Struct, frozen=True):
    """While two-factor authentication is required it can be replaced but not removed."""


class NotEnabled(msgspec.Struct, frozen=True):
    """This user has no second factor."""


class SessionOver(msgspec.Struct, frozen=True):
    """The session (or sign-in) under which this began has ended meanwhile."""


class Opened(msgspec.Struct, frozen=True):
    """An enrolment is open: it has a secret and protects nothing until a code from the app confirms it."""

    id: UUID
    secret: bytes
    name: str
    replaces: UUID | None
    expires_at: datetime
    new_backup_code: str | None = None  # the successor, where the backup code proved the way here


class EnrolmentExpired(msgspec.Struct, frozen=True):
    """No such enrolment is open for this session: expired, replaced by a newer one, void, or somebody else's."""


class WrongConfirmation(msgspec.Struct, frozen=True):
    """The code does not confirm the enrolment; so many tries are left before it is void."""

    left: int
    drift: int | None = None


class Confirmed(msgspec.Struct, frozen=True):
    """The authenticator protects its user from now on."""

    change: str  # set_up | added | replaced
    backup_code: str | None
    security_version: int


class Changed(msgspec.Struct, frozen=True):
    """A factor was changed; the session goes on under a new token."""

    session_token: str
    backup_code: str | None = None
    change: str = ""


class AwaitsLastQuestion(msgspec.Struct, frozen=True):
    """The removal was proved; the confirmation token carries it out."""

    confirmation: str
    new_backup_code: str | None
