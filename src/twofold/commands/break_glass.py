"""Break-glass: what somebody on the server itself can do when nobody else can; each lands in the audit log as console.

The reason is asked for because the person it concerns, and their administrators, will read it.
"""

from typing import assert_never

import click

from twofold.audit import flow as audit
from twofold.commands.frame import CONSOLE, Stop, as_json, opened, person_by_email, reason, show
from twofold.directory import flow as directory
from twofold.kit import clock
from twofold.lockouts import flow as lockouts
from twofold.recovery import flow as recovery
from twofold.recovery.outcomes import NoMail, NotFrozen, NotYourself, Unfrozen
from twofold.resets import confirm_flow as resets
from twofold.resets import flow as cases
from twofold.resets.outcomes import MissingReason, NotEnabled, ResetDone

email_argument = click.argument("email", metavar="EMAIL")


@click.command()
@email_argument
@reason
@as_json
def unlock(*, email: str, reason: str, as_json: bool) -> None:
    """Unlock somebody after wrong codes. Their second factor stays."""
    words = _words(reason)
    with opened() as house:
        person, at = person_by_email(house, email), clock.now()
        with house.db.write() as connection:
            directory.hold_person(connection, person.id)
            is_locked = lockouts.counts(connection, person.id).locked
            if not is_locked and lockouts.mailbox_closed(connection, person, at) is None:
                raise Stop(f"{person.email} is not locked.")
            outcome = lockouts.unlock(
                house, connection, person, actor=audit.CONSOLE, reason=words, visitor=CONSOLE, at=at,
            )  # fmt: skip
    match outcome:
        case lockouts.Unlocked():
            said = f"{person.email} is unlocked; their second factor is what it was."
            show({"id": person.id}, as_json=as_json, said=said)
        case lockouts.LockIsFinal():
            raise Stop(f"{person.email} has a hundred wrong codes behind them: only twofold reset helps.")
        case lockouts.NotYourself():
            raise Stop("Nobody unlocks themselves.")
        case _:
            assert_never(outcome)


@click.command()
@email_argument
@reason
@as_json
def unfreeze(*, email: str, reason: str, as_json: bool) -> None:
    """Unfreeze somebody whom a letter froze.

    They pressed "This wasn't me" in a letter about a change. Their old password is void, and a link to choose a new one
    is mailed.
    """
    words = _words(reason)
    with opened() as house:
        person = person_by_email(house, email)
        with house.db.write() as connection:
            outcome = recovery.unfreeze(
                house, connection, person, actor=audit.CONSOLE, reason=words, visitor=CONSOLE, at=clock.now(),
            )  # fmt: skip
    match outcome:
        case Unfrozen():
            show({"id": person.id}, as_json=as_json, said=f"{person.email} is unfrozen. {_what_next(outcome)}")
        case NotFrozen():
            raise Stop(f"{person.email} is not frozen.")
        case NoMail() | NotYourself():
            raise Stop(f"{person.email} cannot be unfrozen from here.")
        case _:
            assert_never(outcome)


@click.command()
@email_argument
@reason
@as_json
def reset(*, email: str, reason: str, as_json: bool) -> None:
    """Switch somebody's 2FA off. At once, without mail and without asking them."""
    words = _words(reason)
    with opened() as house:
        person = person_by_email(house, email)
        outcome = resets.reset_now(house, person, words, clock.now())
    match outcome:
        case ResetDone():
            said = f"Two-factor authentication of {person.email} is off, and their sessions have ended."
            show({"id": person.id}, as_json=as_json, said=said)
        case NotEnabled():
            raise Stop(f"{person.email} has no second factor.")
        case MissingReason():
            raise Stop(TOO_SHORT)
        case _:
            assert_never(outcome)


TOO_SHORT = "Give a reason of 3 to 500 characters."


def _words(reason: str) -> str:
    words = reason.strip()
    if not cases.usable_reason(words):
        raise Stop(TOO_SHORT)
    return words


def _what_next(outcome: Unfrozen) -> str:
    if not outcome.mailed:
        return "There is no mail server, so no link was sent: set a password with twofold users set --password-stdin."
    if outcome.not_before is not None:
        return f"A link to choose a new password is mailed at {outcome.not_before:%Y-%m-%d %H:%M} UTC."
    return "A link to choose a new password is on its way."
