"""What can come of proving, setting up, changing and removing second factors: values, matched to the end."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.directory.eligibility import Eligibility


class Passed(NamedTuple):
    """The second factor was proved, by `otp` or `backup_code`; a used backup code brings its successor."""

    method: str
    new_backup_code: str | None = None


class WrongCode(NamedTuple):
    """The code is wrong; so many tries are left. `drift` is how many seconds the phone's clock seems to be off.

    `unreadable`: no code can be right, because what the authenticator was set up with does not open any more.
    """

    left: int
    drift: int | None = None
    backup: bool = False
    unreadable: bool = False


class UsedCode(NamedTuple):
    """The code was right but has been used; nothing was charged."""

    left: int


class SpentBackupCode(NamedTuple):
    """This is the backup code that was used last."""

    left: int


class Locked(NamedTuple):
    """Too many wrong ones: not even a right code counts until somebody acts; final when only a reset helps."""

    final: bool


ProofRefused = WrongCode | UsedCode | SpentBackupCode | Locked


class MalformedCode(NamedTuple):
    """What was typed can be neither a code nor a backup code; nothing was charged."""


class NotOffered(NamedTuple):
    """This user cannot set up a first factor, and why."""

    eligibility: Eligibility


class TooMany(NamedTuple):
    """Five authenticators are the most."""


class NoSuchAuthenticator(NamedTuple):
    """None of this user's authenticators has that id."""


class LastAuthenticator(NamedTuple):
    """The last authenticator goes only by removing two-factor authentication."""


class RequiredByPolicy(NamedTuple):
    """While two-factor authentication is required it can be replaced but not removed."""


class NotEnabled(NamedTuple):
    """This user has no second factor."""


class SessionOver(NamedTuple):
    """The session under which this began has ended meanwhile."""


class Opened(NamedTuple):
    """An enrolment is open: it has a secret and protects nothing until a code from the app confirms it."""

    id: UUID
    secret: bytes
    name: str
    replaces: UUID | None
    expires_at: datetime
    new_backup_code: str | None = None  # the successor, where the backup code opened this door


class EnrolmentExpired(NamedTuple):
    """No such enrolment is open for this session: expired, replaced by a newer one, void, or somebody else's."""


class WrongConfirmation(NamedTuple):
    """The code does not confirm the enrolment; so many tries are left before it is void."""

    left: int
    drift: int | None = None


class Confirmed(NamedTuple):
    """The authenticator protects its user from now on."""

    change: str  # set_up | added | replaced
    backup_code: str | None
    security_version: int


class Changed(NamedTuple):
    """A factor was changed; the session goes on under a new token."""

    session_token: str
    backup_code: str | None = None
    change: str = ""


class AwaitsLastQuestion(NamedTuple):
    """The removal was proved; the confirmation token carries it out."""

    confirmation: str
    new_backup_code: str | None
