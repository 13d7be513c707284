"""What reset cases say to people; one place, so that pages, letters and the list say the same."""

from twofold.directory.eligibility import Eligibility
from twofold.factors.words import why_not
from twofold.kit.words import gettext as _
from twofold.resets.case import CONSOLE, Act, Case, CloseReason, Letter, State
from twofold.resets.outcomes import HistoryLine


def state(which: State) -> str:
    """Name the state of a case."""
    names = {
        State.REQUESTED: _("Not sent yet"),
        State.SENT: _("Awaiting confirmation"),
        State.CONFIRMED: _("Confirmed"),
        State.REFUSED: _("Refused"),
        State.CANCELLED: _("Cancelled"),
        State.EXPIRED: _("Link expired"),
        State.SUPERSEDED: _("Replaced by a newer one"),
        State.CLOSED: _("Closed"),
    }
    return names[which]


def rejected() -> str:
    """Name the state of a case whose letter the mail server does not take."""
    return _("Email rejected")


def asks_because(*, locked: bool) -> str:
    """Say why somebody asks for a reset themselves."""
    return _("Locked after wrong codes") if locked else _("Phone and backup code lost")


def role(kind: str) -> str:
    """Name what somebody was when they asked."""
    names = {"admin": _("administrator"), "support": _("support agent"), CONSOLE: _("on the server itself")}
    return names.get(kind, kind)


def requester(case: Case, product: str) -> str:
    """Name whoever asked; the command line stands for those who run the product."""
    return case.requester.name if case.requester is not None else operators(product)


def operators(product: str) -> str:
    """Name those who run the product."""
    return _("The people who run %(product)s") % {"product": product}


def whom_to_ask(case: Case, product: str) -> str:
    """Name in the middle of a sentence who can send a link again."""
    if case.requester is not None:
        return case.requester.name
    return _("the people who run %(product)s") % {"product": product}


def afterwards(eligibility: Eligibility) -> str:
    """Say what comes next for somebody whose two-factor authentication was switched off."""
    if eligibility.required:
        return _("You will be asked to set it up again.")
    return why_not(eligibility) or _("You can set it up again in your profile.")


def why_closed(why: str | None) -> str:
    """Say to an administrator why a case was closed without an answer."""
    reasons = {
        CloseReason.WRONG_PASSWORDS: _("Five wrong passwords were entered on its link."),
        CloseReason.FACTORS_CHANGED: _("Two-factor authentication was changed or switched off meanwhile."),
        CloseReason.EMAIL_CHANGED: _("The email address changed meanwhile."),
        CloseReason.FROZEN: _("The person was frozen."),
        CloseReason.INACTIVE: _("The person was deactivated."),
        CloseReason.SSO: _("The account signs in with single sign-on now."),
        CloseReason.REQUESTER: _("Whoever asked may no longer act for this person."),
        CONSOLE: _("It was switched off on the server itself."),
    }
    return {str(key): said for key, said in reasons.items()}.get(str(why), "")


def why_dead(why: str | None, asked: str) -> str:
    """Say to the holder of a link why it works no longer; `asked` names who asked."""
    if why == CloseReason.WRONG_PASSWORDS:
        return _("Five wrong passwords were entered, so this request was closed. Your account stays as it is.")
    if why == CloseReason.FACTORS_CHANGED:
        return _("Your two-factor authentication was changed or switched off after this link was sent.")
    if why == CloseReason.EMAIL_CHANGED:
        return _("Your email address changed after this link was sent.")
    if why == CloseReason.FROZEN:
        return _("Your account is frozen. Nothing of it can be changed until it is unfrozen.")
    if why == CloseReason.INACTIVE:
        return _("Your account is no longer active.")
    if why == CloseReason.SSO:
        return _("Your organisation signs in with single sign-on now.")
    if why == CloseReason.REQUESTER:
        return _("%(name)s may no longer ask for this.") % {"name": asked}
    if why == CONSOLE:
        return _("Your two-factor authentication was switched off on the server itself.")
    return _("The request was taken back. Your account stays as it is.")


def delivery(letter: Letter | None) -> str:
    """Say how the newest letter of a case fares."""
    if letter is None:
        return ""
    if letter.outcome == "sent":
        return _("The mail server has taken the email.")
    if letter.outcome == "rejected":
        return _("The mail server does not take the email: %(error)s") % {"error": letter.error or _("no reason given")}
    if letter.outcome == "dropped":
        return _("The email was out of date before it could be sent, so it was not.")
    if letter.error:
        return _("The mail server has not taken the email yet, we keep trying: %(error)s") % {"error": letter.error}
    return _("The email is waiting to be sent.")


def event(line: HistoryLine, product: str) -> str:
    """Say one line of a case's history."""
    name = line.actor_name or operators(product)
    said = {
        "asked": _("%(name)s asked for it."),
        "superseded": _("%(name)s asked again; this request and its links ended."),
        "sent": _("An email with a link was sent."),
        "sent_again": _("%(name)s had it sent again."),
        "approved": _("%(name)s approved it."),
        "cancelled": _("%(name)s cancelled it."),
        "password_wrong": _("A wrong password was entered on the link."),
        "confirmed": _("%(name)s confirmed it with the password. Two-factor authentication is off."),
        "refused": _("It was refused through the link."),
        "closed": _("It was closed."),
        "done_on_the_server": _("It was switched off on the server itself."),
    }
    words = said.get(line.kind, line.kind) % {"name": name}
    return f"{words} {why_closed(line.words)}".strip() if line.kind == "closed" else words


def done(act: Act) -> str:
    """Say what somebody just did about a case."""
    said = {
        Act.SEND: _("Another email is on its way. The link before it stops working when it is sent."),
        Act.CANCEL: _("Cancelled. Its links no longer work, and the person's account stays as it is."),
        Act.APPROVE: _("Approved. The person can confirm it now with their password."),
    }
    return said[act]
