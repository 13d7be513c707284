"""Removing one factor, and switching two-factor authentication off: proved, then asked once more."""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import accounts_flow
from twofold.directory.user import User
from twofold.events import kinds
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow, records
from twofold.factors.change_flow import ChangeRefused, Proofs, go_on, with_proofs
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    NoSuchAuthenticator,
    Passed,
    RequiredByPolicy,
    SessionOver,
)
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_token
from twofold.sessions import flow as sessions
from twofold.sessions.methods import Methods, proved_now
from twofold.sessions.session import Session

LAST_QUESTION_LIFE = timedelta(minutes=10)


def ask_removal(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    origin: Origin,
) -> AwaitsLastQuestion | RequiredByPolicy | ChangeRefused:
    """Prove a removal; what is left is to confirm it, within ten minutes."""
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
                "token_hash": _confirmation_hash(token, user),
                "expires_at": origin.at + LAST_QUESTION_LIFE,
            },
        )
        return AwaitsLastQuestion(token, passed.new_backup_code)

    return with_proofs(context, session, given, change, operation=Operation.REMOVE, origin=origin)


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
        if not records.is_removal_asked(connection, session.id, _confirmation_hash(confirmation, user), origin.at):
            return SessionOver()
        return _remove(context, connection, session, user, origin)


def remove(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    origin: Origin,
) -> Changed | RequiredByPolicy | ChangeRefused:
    """Switch two-factor authentication off at once, for clients that ask for a confirmation themselves."""
    if _required(context, session.user, origin.at):
        return RequiredByPolicy()

    def change(connection: sa.Connection, user: User, passed: Passed) -> Changed:
        return _remove(
            context,
            connection,
            session,
            user,
            origin,
            proved_now(origin.at, second_factor=passed.method, amr_values=passed.amr_values),
        )

    def why_not(_connection: sa.Connection, user: User) -> RequiredByPolicy | None:
        return RequiredByPolicy() if _required(context, user, origin.at) else None

    return with_proofs(
        context,
        session,
        given,
        change,
        why_not,
        operation=Operation.REMOVE,
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
) -> Changed | NoSuchAuthenticator | LastAuthenticator | ChangeRefused:
    """Remove one authenticator; the last one goes only with two-factor authentication itself."""
    with context.db.read() as connection:
        refused = _why_not_one(connection, session.user, authenticator)
    if refused is not None:
        return refused

    def change(connection: sa.Connection, user: User, passed: Passed) -> Changed:
        removed = _remove_factor(connection, user, authenticator)
        event = kinds.PasskeyRemoved() if removed is kinds_flow.PASSKEY else kinds.AuthenticatorRemoved()
        version = factors.note_change(connection, user.id, origin.at, since=user.second_factor_since)
        token = go_on(
            context, connection, session, user, version, event, origin,
            proved_now(origin.at, second_factor=passed.method, amr_values=passed.amr_values),
        )  # fmt: skip
        return Changed(token, passed.new_backup_code, "removed_one")

    def why_not(connection: sa.Connection, user: User) -> NoSuchAuthenticator | LastAuthenticator | None:
        return _why_not_one(connection, user, authenticator)

    return with_proofs(context, session, given, change, why_not, operation=Operation.REMOVE_ONE, origin=origin)


def _hold_with_policy(connection: sa.Connection, session: Session) -> User | None:
    """Hold the user of a session and their account's policy, which rests on who has a second factor."""
    accounts_flow.lock_account(connection, session.user.account_id)
    return sessions.hold_user(connection, session)


def _remove(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    user: User,
    origin: Origin,
    proved: Methods = (),
) -> Changed:
    version = factors.switch_off(connection, user, origin.at)
    token = go_on(context, connection, session, user, version, kinds.TwoFactorRemoved(), origin, proved)
    return Changed(token, None, "removed")


def _remove_factor(connection: sa.Connection, user: User, factor: UUID) -> kinds_flow.Kind:
    for kind in kinds_flow.KINDS:
        if kind.remove(connection, user.id, factor):
            return kind
    raise LookupError("a factor that is held is gone")


def _confirmation_hash(token: str, user: User) -> bytes:
    """Bind a confirmation to the user as they are: after any change that ends sessions it confirms nothing."""
    return digest(f"{token} {user.security_version}")


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
