"""Changing factors that exist: a new backup code, another name, one authenticator less, everything off.

Each takes password and code; the password is checked first, and a wrong one leaves the code untouched.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events import kinds
from twofold.events.event import Event
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.factor_name import NAME_LENGTH
from twofold.factors.kinds_flow import Given
from twofold.factors.outcomes import Changed, MalformedCode, NoSuchAuthenticator, NotEnabled, Passed, SessionOver
from twofold.factors.proof import Malformed
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import Methods, proved_now
from twofold.sessions.session import Session

T = TypeVar("T")
R = TypeVar("R")


class Proofs(NamedTuple):
    """What every change of factors takes, and the browser or client it comes from."""

    password: str
    code: Given
    client: str | None


ChangeRefused = factors.ProofsRefused | NotEnabled


def regenerate(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    origin: Origin,
    seen: bool,
) -> Changed | ChangeRefused:
    """Put a new backup code in the place of the old one; `seen` where the answer itself hands it to a program."""

    def change(connection: sa.Connection, user: User, passed: Passed) -> Changed:
        code = backup_code.issue(connection, user, origin.at, seen=seen)
        version = directory.end_sessions(connection, user.id)
        token = go_on(
            context, connection, session, user, version, kinds.BackupCodeRegenerated(), origin,
            proved_now(origin.at, second_factor=passed.method, amr_values=passed.amr_values),
        )  # fmt: skip
        return Changed(token, code, "regenerated")

    return with_proofs(context, session, given, change, operation=Operation.REGENERATE, origin=origin)


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
            kinds.AuthenticatorRenamed(name=text),
            origin=origin.by(acting.user(session.user.id)),
            account_id=session.user.account_id,
            subject_id=session.user.id,
        )
    return True


def with_proofs(
    context: AppContext,
    session: Session,
    given: Proofs,
    change: Callable[[sa.Connection, User, Passed], T],
    why_not: Callable[[sa.Connection, User], R | None] = lambda _connection, _user: None,
    *,
    operation: Operation,
    origin: Origin,
    hold: Callable[[sa.Connection, Session], User | None] | None = None,
) -> T | R | ChangeRefused:
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
        user = (hold or sessions.hold_user)(connection, session)
        lockouts.settle(connection, proved)
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


def go_on(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    user: User,
    version: int | None,
    event: Event,
    origin: Origin,
    proved: Methods = (),
) -> str:
    """Write a change down, tell its user, and let the session that made and `proved` it go on under a new token."""
    audit.record(
        connection, event, origin=origin.by(acting.user(user.id)), account_id=user.account_id, subject_id=user.id,
    )  # fmt: skip
    notice_flow.notify_of_event(context, connection, user, event, origin)
    raised = user.security_version if version is None else version
    return sessions.renew(
        context, connection, session, security_version=raised, ends_others=EndReason.FACTORS_CHANGED, origin=origin,
        proved=proved,
    ).token  # fmt: skip
