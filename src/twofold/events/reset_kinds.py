"""The kinds of events of reset cases. Their words stand in support/audit_words.py."""

from typing import ClassVar

from twofold.events.event import Event


class ResetEvent(Event, frozen=True):
    """Something that happened to a reset case."""

    case: str


class HelpAsked(Event, frozen=True):
    """Somebody who knew the password asked for a reset: `locked` by wrong codes, or without phone and backup code."""

    locked: bool

    kind: ClassVar = "help_asked"


class ResetAsked(ResetEvent, frozen=True):
    """A reset was asked for."""

    kind: ClassVar = "reset_asked"


class ResetSent(ResetEvent, frozen=True):
    """Its link went out."""

    kind: ClassVar = "reset_sent"


class ResetSentAgain(ResetEvent, frozen=True):
    """Its link is to be sent again."""

    kind: ClassVar = "reset_sent_again"


class ResetApproved(ResetEvent, frozen=True):
    """Somebody vouched for it."""

    kind: ClassVar = "reset_approved"


class ResetCancelled(ResetEvent, frozen=True):
    """Whoever asked took it back."""

    kind: ClassVar = "reset_cancelled"


class ResetSuperseded(ResetEvent, frozen=True):
    """A newer case took its place."""

    kind: ClassVar = "reset_superseded"


class ResetPasswordWrong(ResetEvent, frozen=True):
    """A wrong password was given on its page."""

    kind: ClassVar = "reset_password_wrong"


class ResetConfirmed(ResetEvent, frozen=True):
    """Its user confirmed it."""

    kind: ClassVar = "reset_confirmed"


class ResetRefused(ResetEvent, frozen=True):
    """Its user refused it."""

    kind: ClassVar = "reset_refused"


class ResetClosed(ResetEvent, frozen=True):
    """It ended by itself."""

    kind: ClassVar = "reset_closed"


class ResetDoneOnTheServer(ResetEvent, frozen=True):
    """It was carried out on the server itself."""

    kind: ClassVar = "reset_done_on_the_server"
