"""What can come of asking for a reset, acting on a case and answering its link: values, matched to the end."""

from datetime import datetime
from uuid import UUID

import msgspec

from twofold.directory.eligibility import Eligibility
from twofold.directory.password import Weakness
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.resets.case import Case, State
from twofold.resets.link import Over


class CaseOpened(msgspec.Struct, frozen=True):
    """The case is open and its letter waits in the outbox."""

    id: UUID
    state: State


class NotEnabled(msgspec.Struct, frozen=True):
    """This user has no second factor that could be switched off, or no sign-in here at all."""


class Frozen(msgspec.Struct, frozen=True):
    """This user is frozen: somebody must unfreeze them first."""


class MissingReason(msgspec.Struct, frozen=True):
    """A reason of 3 to 500 characters is needed."""


OpenRefused = NoSuchUser | NotYourself | NotEnabled | Frozen | NoMail | MissingReason


class AskedForHelp(msgspec.Struct, frozen=True):
    """Whoever can help was asked for a reset."""


class AskedLately(msgspec.Struct, frozen=True):
    """They were asked within the hour already, so nobody is asked again."""


class NobodyToAsk(msgspec.Struct, frozen=True):
    """Nobody in the organisation can help at the moment."""


class NoSuchCase(msgspec.Struct, frozen=True):
    """There is no such case, or none that this person oversees."""


class WrongState(msgspec.Struct, frozen=True):
    """The case is not in a state that allows this."""

    state: State


class Acted(msgspec.Struct, frozen=True):
    """The act was carried out; this is how the case stands now."""

    case: Case


ActRefused = NoSuchCase | NotYourself | WrongState


class LinkOver(msgspec.Struct, frozen=True):
    """The link is used, replaced, expired, dead or unknown."""

    verdict: Over


class WrongPassword(msgspec.Struct, frozen=True):
    """The password is wrong; so many tries are left before the case is closed."""

    left: int


class NewPasswordRequired(msgspec.Struct, frozen=True):
    """Wrong codes have locked the user since the password was set: whoever typed them knows it, so it must change."""


class SamePassword(msgspec.Struct, frozen=True):
    """The new password is the old one."""


class ApprovalRequired(msgspec.Struct, frozen=True):
    """The password was set by email and never used with the second factor: somebody else must approve first."""


class ResetDone(msgspec.Struct, frozen=True):
    """Two-factor authentication is off; the eligibility says what comes next for this user."""

    eligibility: Eligibility


class RefusalDone(msgspec.Struct, frozen=True):
    """The case is refused: the user's account stays as it is."""


NotYet = NewPasswordRequired | SamePassword | Weakness | ApprovalRequired
ConfirmRefused = LinkOver | WrongPassword | NotYet


class HistoryLine(msgspec.Struct, frozen=True):
    """One line of a case's history. Without a name the actor was no user: the command line, Twofold, or the link."""

    at: datetime
    kind: str
    actor_kind: str
    actor_name: str | None
    words: str | None


class Listing(msgspec.Struct, frozen=True):
    """A page of cases, the newest first, and the cursor that leads on."""

    cases: list[Case]
    next_cursor: str | None
