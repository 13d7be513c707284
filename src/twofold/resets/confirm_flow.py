"""The answer to a reset link: confirmed with the password, or refused. And the reset from the server's command line."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from twofold.directory import add_user_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.password import normalise
from twofold.directory.user import User
from twofold.events import reset_kinds
from twofold.events.notices import Notice
from twofold.factors import flow as factors
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.lockouts import flow as lockouts
from twofold.resets import records
from twofold.resets.case import (
    CONSOLE,
    MOST_WRONG_PASSWORDS,
    OPEN_STATES,
    Case,
    CloseReason,
    Key,
    State,
    needs_approval,
)
from twofold.resets.flow import close_cases_of, close_if_dead, usable_reason
from twofold.resets.history_flow import note, notify_overseers
from twofold.resets.link import Dead, Open, Over, Unknown, Used, link_verdict
from twofold.resets.outcomes import (
    ApprovalRequired,
    ConfirmRefused,
    LinkOver,
    MissingReason,
    NewPasswordRequired,
    NotEnabled,
    NotYet,
    RefusalDone,
    ResetDone,
    SamePassword,
    WrongPassword,
)
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason


class Given(NamedTuple):
    """What somebody sends to confirm; the new password may stay empty where none is demanded."""

    password: str
    new_password: str = ""


def confirm(
    context: AppContext,
    token: str,
    given: Given,
    *,
    origin: Origin,
) -> ResetDone | ConfirmRefused:
    """Switch two-factor authentication off for whoever holds the link and knows the password.

    What needs no password is said before one is charged. Each password is charged to the case and committed before it
    is hashed; there are no waits, but the fifth wrong one closes the case.
    """
    found = _find(context, token, origin.at)
    if isinstance(found, LinkOver):
        return found
    case, user = found
    with context.db.read() as connection:
        not_yet = _why_not_yet(connection, case, user, given)
    if not_yet is not None:
        return not_yet
    with context.db.write() as connection:
        tries = records.charge_password(connection, case.id, digest(token), origin.at)
    if tries is None:
        return _over_meanwhile(context, token, origin.at)
    if not lockouts.verify_password_for_link(context, user, given.password):
        return _wrong_password(context, case, tries, origin)
    hashed = context.hasher.hash(normalise(given.new_password)) if given.new_password else None
    return _carry_out(context, token, user, given, hashed, tries, origin)


def _carry_out(
    context: AppContext, token: str, user: User, given: Given, hashed: str | None, tries: int, origin: Origin
) -> ResetDone | ConfirmRefused:
    """Switch it off for a user whose password was proved, if all is still so once they are held."""
    with context.db.write() as connection:
        held = _hold(connection, token, origin.at, charged=True)
        if isinstance(held, LinkOver):
            return held
        case, now = held
        lockouts.hold_counts(connection, now.id)  # a lock that falls just now demands a new password, too
        not_yet = _why_not_yet(connection, case, now, given)
        if not_yet is not None:
            return not_yet
        if now.password_set_at != user.password_set_at:  # what was proved is not their password any more
            return WrongPassword(MOST_WRONG_PASSWORDS - tries)
        if not records.answer(connection, case.id, digest(token), State.CONFIRMED, origin.at):
            return LinkOver(Used(case))
        note(connection, case.key, reset_kinds.ResetConfirmed, origin=origin.by(acting.user(now.id)), words=case.reason)
        notify_overseers(context, connection, case, Notice.RESET_DONE_BY_USER, origin.at)
        done = _switch_off(context, connection, now, hashed, origin)
        sessions.end_outdated(connection, now.id, EndReason.RESET, origin.at)
        return done


def refuse(context: AppContext, token: str, *, origin: Origin) -> RefusalDone | LinkOver:
    """Close the case as refused: the account stays as it is, and its administrators are told."""
    found = _find(context, token, origin.at)
    if isinstance(found, LinkOver):
        return found
    with context.db.write() as connection:
        held = _hold(connection, token, origin.at)
        if isinstance(held, LinkOver):
            return held
        case, user = held
        if not records.answer(connection, case.id, digest(token), State.REFUSED, origin.at):
            return LinkOver(Used(case))
        note(connection, case.key, reset_kinds.ResetRefused, origin=origin.by(acting.NOBODY))
        notice_flow.notify_of_own_act(context, connection, user, Notice.RESET_REFUSED_BY_YOU, origin)
        notify_overseers(context, connection, case, Notice.RESET_REFUSED, origin.at)
        return RefusalDone()


def reset_now(
    context: AppContext, connection: sa.Connection, held: User, reason: str, at: datetime
) -> ResetDone | NotEnabled | MissingReason:
    """Switch the second factor of a user off who is held: for the command line on the server, without asking them."""
    words = reason.strip()
    if not usable_reason(words):
        return MissingReason()
    if not held.has_second_factor:
        return NotEnabled()
    close_cases_of(connection, held.id, at, why=CONSOLE)
    key = Key(new_id(), held.account_id, held.id)
    records.insert(
        connection,
        {
            "id": key.id,
            "account_id": key.account_id,
            "user_id": key.user_id,
            "requester_kind": CONSOLE,
            "reason": words,
            "state": State.CONFIRMED,
            "requested_at": at,
            "email": held.email,
            "second_factor_since": held.second_factor_since,
            "factors_changed_at": held.factors_changed_at,
            "password_tries": 0,
            "ended_at": at,
            "ended_why": CONSOLE,
        },
    )
    note(connection, key, reset_kinds.ResetDoneOnTheServer, origin=Origin(at, actor=acting.CONSOLE), words=words)
    return _switch_off(context, connection, held, None, Origin(at))


def _switch_off(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    hashed: str | None,
    origin: Origin,
) -> ResetDone:
    """Leave the held user like one who never had a second factor: sessions and sign-ins end, the lock is lifted.

    Links to choose a password become void by `reset_confirmed_at`: the flow that uses one compares it with the moment
    the link was made, so nothing above this feature has to be called.
    """
    factors.switch_off(connection, user, origin.at)
    lockouts.lift_after_reset(connection, user)
    if hashed is not None:
        directory.set_password(connection, user.id, hashed, origin.at, by_mail=False)
    directory.change_user(connection, user.id, {"reset_confirmed_at": origin.at}, ends_sessions=False)
    notice_flow.notify(
        context,
        connection,
        user,
        Notice.RESET_DONE,
        origin.at,
        new_password=hashed is not None,
        address=origin.client.address,
        browser=origin.client.browser,
    )
    return ResetDone(user.eligibility(context.settings.two_factor_editions, origin.at))


def _why_not_yet(connection: sa.Connection, case: Case, user: User, given: Given) -> NotYet | None:
    """Say what is missing before a password is worth a try."""
    if needs_approval(case):
        return ApprovalRequired()
    if not given.new_password:
        return NewPasswordRequired() if lockouts.locked_since_password(connection, user) else None
    new = normalise(given.new_password)
    if new == normalise(given.password):
        return SamePassword()
    return add_user_flow.weak_password(new, user.email, user.name)


def _wrong_password(context: AppContext, case: Case, tries: int, origin: Origin) -> WrongPassword:
    """Write a wrong password down. Whoever charged the last try closes the case, so that it happens exactly once."""
    last = tries >= MOST_WRONG_PASSWORDS
    with context.db.write() as connection:
        directory.lock_user_row(connection, case.subject.id)
        note(connection, case.key, reset_kinds.ResetPasswordWrong, origin=origin.by(acting.NOBODY), result="refused")
        closed = {"state": State.CLOSED, "ended_at": origin.at, "ended_why": CloseReason.WRONG_PASSWORDS}
        if last and records.change(connection, case.id, **closed):
            note(
                connection,
                case.key,
                reset_kinds.ResetClosed,
                origin=Origin(origin.at, actor=acting.SYSTEM),
                words=CloseReason.WRONG_PASSWORDS,
            )
            notify_overseers(context, connection, case, Notice.RESET_CLOSED, origin.at)
    return WrongPassword(MOST_WRONG_PASSWORDS - tries)


def _find(context: AppContext, token: str, at: datetime) -> tuple[Case, User] | LinkOver:
    """Find the case of an open link and its user; where the case has died meanwhile, write that down."""
    with context.db.read() as connection:
        verdict = link_verdict(records.find_link(connection, digest(token)), at)
        if isinstance(verdict, Open):
            user = directory.find_user(connection, verdict.case.subject.id)
            return LinkOver(Unknown()) if user is None else (verdict.case, user)
    if isinstance(verdict, Dead) and verdict.case.state in OPEN_STATES:
        with context.db.write() as connection:
            _hold(connection, token, at)
    return LinkOver(verdict)


def _hold(
    connection: sa.Connection, token: str, at: datetime, *, charged: bool = False
) -> tuple[Case, User] | LinkOver:
    """Hold the user of a link and return its case, if it is still open.

    `charged`: the try that leads here has its own place among the five, so a full count does not speak against it.
    """
    seen = records.find_link(connection, digest(token))
    user = None if seen is None else directory.lock_user_row(connection, seen.case.subject.id)
    if seen is not None:
        records.hold(connection, seen.case.id)
    link = records.find_link(connection, digest(token))
    if link is None or user is None:
        return LinkOver(Unknown())
    if charged:
        link = msgspec.structs.replace(link, case=link.case._replace(password_tries=0))
    verdict = link_verdict(link, at)
    if isinstance(verdict, Open):
        return verdict.case, user
    close_if_dead(connection, link.case, at)
    return LinkOver(verdict)


def _over_meanwhile(context: AppContext, token: str, at: datetime) -> LinkOver:
    """Say what became of a link between the look at it and the charge."""
    with context.db.read() as connection:
        verdict: Open | Over = link_verdict(records.find_link(connection, digest(token)), at)
    return LinkOver(Unknown() if isinstance(verdict, Open) else verdict)
