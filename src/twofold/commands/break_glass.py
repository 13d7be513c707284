"""Break-glass: what somebody on the server itself can do when nobody else can; each lands in the audit log as console.

The reason is asked for because the person it concerns, and their administrators, will read it.
"""

from typing import assert_never

import click

from twofold.commands.frame import Stop, as_json, console_origin, opened, reason, show, user_by_email
from twofold.directory import flow as directory
from twofold.directory.refusals import NoMail, NotYourself
from twofold.kit import clock
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.recovery import flow as recovery
from twofold.recovery import server_reset_flow
from twofold.recovery.outcomes import NotFrozen, Unfrozen
from twofold.recovery.server_reset_flow import ResetOnServer
from twofold.resets import flow as cases
from twofold.resets.outcomes import MissingReason, NotEnabled

email_argument = click.argument("email", metavar="EMAIL")


@click.command()
@email_argument
@reason
@as_json
def unlock(*, email: str, reason: str, as_json: bool) -> None:
    """Unlock somebody after wrong codes. Their second factor stays."""
    words = _words(reason)
    with opened() as context:
        user, origin = user_by_email(context, email), console_origin()
        with context.db.write() as connection:
            directory.lock_user_row(connection, user.id)
            is_locked = lockouts.counts(connection, user.id).locked
            if not is_locked and mail_limits.mailbox_closed(connection, user, origin.at) is None:
                raise Stop(f"{user.email} is not locked.")
            outcome = lockouts.unlock(context, connection, user, origin=origin, reason=words)
    match outcome:
        case lockouts.Unlocked():
            said = (
                f"{user.email} is unlocked; their second factor is what it was. If wrong codes locked them, whoever "
                "typed those knows the password: have them change it."
            )
            show({"id": user.id}, as_json=as_json, said=said)
        case lockouts.LockIsFinal():
            raise Stop(f"{user.email} has a hundred wrong codes behind them: only twofold reset helps.")
        case NotYourself():
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
    with opened() as context:
        user = user_by_email(context, email)
        with context.db.write() as connection:
            outcome = recovery.unfreeze(context, connection, user, origin=console_origin(), reason=words)
    match outcome:
        case Unfrozen():
            show({"id": user.id}, as_json=as_json, said=f"{user.email} is unfrozen. {_what_next(outcome)}")
        case NotFrozen():
            raise Stop(f"{user.email} is not frozen.")
        case NoMail() | NotYourself():
            raise Stop(f"{user.email} cannot be unfrozen from here.")
        case _:
            assert_never(outcome)


@click.command()
@email_argument
@reason
@click.option("--keep-password", is_flag=True, help="Keep the password, also where a thief knows it.")
@as_json
def reset(*, email: str, reason: str, keep_password: bool, as_json: bool) -> None:
    """Switch somebody's 2FA off. At once, without mail and without asking them.

    Where wrong codes have locked them since their password was set, whoever typed those knows the password: it is void
    then, and 24 hours later they are mailed a link to choose a new one. twofold users set EMAIL --password-stdin sets
    one sooner.
    """
    words = _words(reason)
    with opened() as context:
        user = user_by_email(context, email)
        outcome = server_reset_flow.reset_on_server(context, user, words, clock.now(), keep_password=keep_password)
    match outcome:
        case ResetOnServer():
            said = f"Two-factor authentication of {user.email} is off, and their sessions have ended."
            told = {
                "id": user.id,
                "password": _password_state(outcome),
                "password_link_at": None if outcome.link_at is None else outcome.link_at.isoformat(),
            }
            show(told, as_json=as_json, said=f"{said} {_password_after(outcome, user.email)}".rstrip())
        case NotEnabled():
            raise Stop(f"{user.email} has no second factor.")
        case MissingReason():
            raise Stop(TOO_SHORT)
        case _:
            assert_never(outcome)


KNOWN = "Wrong codes have locked them since their password was set: whoever typed those knows the password."
VOID = f"{KNOWN} So it is void."
KEPT = (
    f"{KNOWN} It was kept, and it is all that is asked for now: that person can sign in with it alone. Set another "
    "with twofold users set --password-stdin, or have them change it at once."
)
TOO_SHORT = "Give a reason of 3 to 500 characters."


def _words(reason: str) -> str:
    words = reason.strip()
    if not cases.usable_reason(words):
        raise Stop(TOO_SHORT)
    return words


def _password_state(outcome: ResetOnServer) -> str:
    """Say in one word what the password is worth: good, known to somebody else as well, void, or there was none."""
    if outcome.password:
        return "known" if outcome.known else "good"
    return "void" if outcome.known else "none"


def _password_after(outcome: ResetOnServer, email: str) -> str:
    """Say what became of the password, and what to do."""
    if outcome.password:
        return KEPT if outcome.known else ""
    sooner = f"twofold users set {email} --password-stdin"
    if outcome.link_at is None:
        then = f"No link to choose a new one is mailed: they cannot sign in until you set one with {sooner}."
    else:
        then = (
            f"A link to choose a new one is mailed at {outcome.link_at:%Y-%m-%d %H:%M} UTC, 24 hours after the reset. "
            f"To let them in sooner, set one with {sooner}."
        )
    return f"{VOID if outcome.known else 'They have no password.'} {then}"


def _what_next(outcome: Unfrozen) -> str:
    if not outcome.mailed:
        return "There is no mail server, so no link was sent: set a password with twofold users set --password-stdin."
    if outcome.not_before is not None:
        return f"A link to choose a new password is mailed at {outcome.not_before:%Y-%m-%d %H:%M} UTC."
    return "A link to choose a new password is on its way."
