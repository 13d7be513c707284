"""What can come of asking for a reset, acting on a case and answering its link: values, matched to the end."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.directory.eligibility import Eligibility
from twofold.directory.password import Weakness
from twofold.resets.case import Case, State
from twofold.resets.link import Over


class CaseOpened(NamedTuple):
    """The case is open and its letter waits in the outbox."""

    id: UUID
    state: State


class NoSuchUser(NamedTuple):
    """The actor does not oversee this user, so for them there is none."""


class NotYourself(NamedTuple):
    """Nobody resets themselves, and nobody approves what they asked for."""


class NotEnabled(NamedTuple):
    """This user has no second factor that could be switched off, or no sign-in here at all."""


class Frozen(NamedTuple):
    """This user is frozen: somebody must unfreeze them first."""


class NoMail(NamedTuple):
    """There is no mail server, and the reset is confirmed by mail."""


class MissingReason(NamedTuple):
    """A reason of 3 to 500 characters is needed."""


OpenRefused = NoSuchUser | NotYourself | NotEnabled | Frozen | NoMail | MissingReason


class NoSuchCase(NamedTuple):
    """There is no such case, or none that this person oversees."""


class WrongState(NamedTuple):
    """The case is not in a state that allows this."""

    state: State


class Acted(NamedTuple):
    """The act was carried out; this is how the case stands now."""

    case: Case


ActRefused = NoSuchCase | NotYourself | WrongState


class LinkOver(NamedTuple):
    """The link is used, replaced, expired, dead or unknown."""

    verdict: Over


class WrongPassword(NamedTuple):
    """The password is wrong; so many tries are left before the case is closed."""

    left: int


class NewPasswordRequired(NamedTuple):
    """Wrong codes have locked the user since the password was set: whoever typed them knows it, so it must change."""


class SamePassword(NamedTuple):
    """The new password is the old one."""


class ApprovalRequired(NamedTuple):
    """The password was set by e-mail and never used with the second factor: somebody else must approve first."""


class ResetDone(NamedTuple):
    """Two-factor authentication is off; the eligibility says what comes next for this user."""

    eligibility: Eligibility


class RefusalDone(NamedTuple):
    """The case is refused: the user's account stays as it is."""


NotYet = NewPasswordRequired | SamePassword | Weakness | ApprovalRequired
ConfirmRefused = LinkOver | WrongPassword | NotYet


class Event(NamedTuple):
    """One line of a case's history. Without a name the actor was no user: the command line, Twofold, or the link."""

    at: datetime
    kind: str
    actor_kind: str
    actor_name: str | None
    words: str | None


class Listing(NamedTuple):
    """A page of cases, the newest first, and the cursor that leads on."""

    cases: list[Case]
    next_cursor: str | None
