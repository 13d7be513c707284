"""Changing factors that exist: a new backup code, another name, one authenticator less, everything off.

Each takes password and code; the password is checked first, and a wrong one leaves the code untouched.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import accounts_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.factors import kinds_flow, records
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.enrolment_flow import NAME_LENGTH
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    MalformedCode,
    NoSuchAuthenticator,
    NotEnabled,
    Passed,
    ProofRefused,
    RequiredByPolicy,
    SessionOver,
)
from twofold.factors.proof import Malformed
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_token
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session

LAST_QUESTION_LIFE = timedelta(minutes=10)

T = TypeVar("T")
R = TypeVar("R")


class Proofs(NamedTuple):
    """What every change of factors takes, and the browser or client it comes from."""

    password: str
    code: str
    client: str | None


ProofsRefused = lockouts.WrongPassword | lockouts.Wait | ProofRefused | MalformedCode | NotEnabled | SessionOver


def regenerate(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    origin: Origin,
    seen: bool,
) -> Changed | ProofsRefused:
    """Put a new backup code in the place of the old one; `seen` where the answer itself hands it to a program."""

    def change(connection: sa.Connection, user: User, _passed: Passed) -> Changed:
        code = backup_code.issue(connection, user, origin.at, seen=seen)
        version = directory.end_sessions(connection, user.id)
        token = _go_on(context, connection, session, user, version, "backup_code_regenerated", origin)
        return Changed(token, code, "regenerated")

    return with_proofs(context, session, given, change, operation="regenerate", origin=origin)


def ask_removal(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    origin: Origin,
) -> AwaitsLastQuestion | RequiredByPolicy | ProofsRefused:
    """Prove a removal; what is left is the last question, within ten minutes."""
    if _required(context, session.user, origin.at):
        return RequiredByPolicy()

    def change(connection: sa.Connection, user: User, passed: Passed) -> AwaitsLastQuestion:
        token = new_token("remove")
        records.ask_removal(
            connection,
            {
                "session_id": session.id,
                "user_id": user.id,
                "account_id": user.account_id,
                "token_hash": digest(token),
                "expires_at": origin.at + LAST_QUESTION_LIFE,
            },
        )
        return AwaitsLastQuestion(token, passed.new_backup_code)

    return with_proofs(context, session, given, change, operation="remove", origin=origin)


def answer_removal(
    context: AppContext,
    session: Session,
    confirmation: str,
    *,
    origin: Origin,
) -> Changed | RequiredByPolicy | SessionOver:
    """Carry a proved removal out. SessionOver: it was not proved in this session, or more than ten minutes ago."""
    with context.db.write() as connection:
        user = _hold_with_policy(connection, session)
        if user is None:
            return SessionOver()
        if _required(context, user, origin.at):
            return RequiredByPolicy()
        if factors.hold(connection, user.id).locked:
            return SessionOver()
        if not records.is_removal_asked(connection, session.id, digest(confirmation), origin.at):
            return SessionOver()
        return _remove(context, connection, session, user, origin)


def remove(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    origin: Origin,
) -> Changed | RequiredByPolicy | ProofsRefused:
    """Switch two-factor authentication off at once, for clients that ask their own last question."""
    if _required(context, session.user, origin.at):
        return RequiredByPolicy()

    def change(connection: sa.Connection, user: User, _passed: Passed) -> Changed:
        return _remove(context, connection, session, user, origin)

    def why_not(_connection: sa.Connection, user: User) -> RequiredByPolicy | None:
        return RequiredByPolicy() if _required(context, user, origin.at) else None

    return with_proofs(
        context,
        session,
        given,
        change,
        why_not,
        operation="remove",
        origin=origin,
        hold=_hold_with_policy,
    )


def remove_one(
    context: AppContext,
    session: Session,
    authenticator: UUID,
    given: Proofs,
    *,
    origin: Origin,
) -> Changed | NoSuchAuthenticator | LastAuthenticator | ProofsRefused:
    """Remove one authenticator; the last one goes only with two-factor authentication itself."""
    with context.db.read() as connection:
        refused = _why_not_one(connection, session.user, authenticator)
    if refused is not None:
        return refused

    def change(connection: sa.Connection, user: User, passed: Passed) -> Changed:
        _remove_factor(connection, user, authenticator)
        version = directory.factors_changed(connection, user.id, origin.at, since=user.second_factor_since)
        token = _go_on(context, connection, session, user, version, "authenticator_removed", origin)
        return Changed(token, passed.new_backup_code, "removed_one")

    def why_not(connection: sa.Connection, user: User) -> NoSuchAuthenticator | LastAuthenticator | None:
        return _why_not_one(connection, user, authenticator)

    return with_proofs(context, session, given, change, why_not, operation="remove_one", origin=origin)


def rename(
    context: AppContext,
    session: Session,
    authenticator: UUID,
    name: str,
    *,
    origin: Origin,
) -> bool | NoSuchAuthenticator:
    """Give an authenticator another name; False when the name is empty, too long or has control characters."""
    text = name.strip()
    if not 1 <= len(text) <= NAME_LENGTH or not text.isprintable():
        return False
    with context.db.write() as connection:
        renamed = (kind.rename(connection, session.user.id, authenticator, text) for kind in kinds_flow.KINDS)
        if not any(renamed):
            return NoSuchAuthenticator()
        audit.record(
            connection,
            "authenticator_renamed",
            origin=origin.by(acting.user(session.user.id)),
            account_id=session.user.account_id,
            subject_id=session.user.id,
            details={"name": text},
        )
    return True


def with_proofs(
    context: AppContext,
    session: Session,
    given: Proofs,
    change: Callable[[sa.Connection, User, Passed], T],
    why_not: Callable[[sa.Connection, User], R | None] = lambda _connection, _user: None,
    *,
    operation: str,
    origin: Origin,
    hold: Callable[[sa.Connection, Session], User | None] | None = None,
) -> T | R | ProofsRefused:
    """Carry a change out for somebody who proves password and second factor.

    `hold` may hold more than the user. `why_not` looks once more at what is held, before a backup code is spent on a
    change that cannot be.
    """
    if not session.user.has_second_factor:
        return NotEnabled()
    proof = kinds_flow.parse(given.code)
    if isinstance(proof, Malformed):
        return MalformedCode()
    proved = lockouts.prove_password(
        context, session.user.email, given.password, client=given.client, address=origin.client.address, at=origin.at,
    )  # fmt: skip
    if not isinstance(proved, lockouts.Proved):
        return proved
    with context.db.write() as connection:
        lockouts.settle(connection, proved)
        user = (hold or _hold)(connection, session)
        if user is None:
            return SessionOver()
        refused = why_not(connection, user)
        if refused is not None:
            return refused
        factors.hold(connection, user.id)
        passed = factors.prove(context, connection, user, proof, operation=operation, origin=origin)
        if not isinstance(passed, Passed):
            return passed
        return change(connection, user, passed)


def _hold(connection: sa.Connection, session: Session) -> User | None:
    """Hold the user of a session; None when it has ended since it was read."""
    user = directory.lock_user_row(connection, session.user.id)
    return None if user is None or user.security_version != session.user.security_version else user


def _hold_with_policy(connection: sa.Connection, session: Session) -> User | None:
    """Hold the user of a session and their account's policy, which rests on who has a second factor."""
    accounts_flow.lock_account(connection, session.user.account_id)
    return _hold(connection, session)


def _remove(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    user: User,
    origin: Origin,
) -> Changed:
    version = factors.switch_off(connection, user, origin.at)
    token = _go_on(context, connection, session, user, version, "two_factor_removed", origin)
    return Changed(token, None, "removed")


def _remove_factor(connection: sa.Connection, user: User, factor: UUID) -> None:
    if not any(kind.remove(connection, user.id, factor) for kind in kinds_flow.KINDS):
        raise LookupError("a factor that is held is gone")


def _required(context: AppContext, user: User, at: datetime) -> bool:
    return user.eligibility(context.settings.two_factor_editions, at).required


def _why_not_one(
    connection: sa.Connection,
    user: User,
    authenticator: UUID,
) -> NoSuchAuthenticator | LastAuthenticator | None:
    own = [factor.id for factor in kinds_flow.factors_of(connection, user.id)]
    if authenticator not in own:
        return NoSuchAuthenticator()
    return LastAuthenticator() if len(own) == 1 else None


def _go_on(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    user: User,
    version: int | None,
    kind: str,
    origin: Origin,
) -> str:
    """Write a change down, tell its user, and let the session that made it go on under a new token."""
    audit.record(
        connection, kind, origin=origin.by(acting.user(user.id)), account_id=user.account_id, subject_id=user.id,
    )  # fmt: skip
    notice_flow.notify(
        context, connection, user, kind, origin.at, address=origin.client.address, browser=origin.client.browser
    )
    raised = user.security_version if version is None else version
    return sessions.renew(context, connection, session, security_version=raised, origin=origin).token
