"""The end of a sign-in: a complete attempt becomes a session, once."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.lockouts import flow as lockouts
from twofold.lockouts.known_client import KnownClient
from twofold.sessions import flow as sessions
from twofold.sessions.methods import Methods, has_second_factor, names
from twofold.signin import records
from twofold.signin.attempt import Attempt, Expired, Purpose
from twofold.signin.outcomes import SignedIn


class SignIn(NamedTuple):
    """A sign-in in which the `methods` were proved: whose, by which client, and where to go afterwards."""

    user: User
    methods: Methods
    channel: str
    client: str | None
    return_to: str
    known_client: KnownClient | None


def finish(
    context: AppContext,
    connection: sa.Connection,
    attempt: Attempt,
    methods: Methods,
    *,
    client: str | None,
    origin: Origin,
    new_backup_code: str | None = None,
) -> SignedIn | Expired:
    """Turn a complete attempt into what it was for, once: a session, or one that goes on."""
    if not records.finish(connection, attempt):
        return Expired()
    if attempt.purpose is Purpose.STEP_UP:
        return _step_up(context, connection, attempt, methods, client=client, origin=origin)
    user = attempt.user
    if user.password_unproven and "pwd" in names(methods):
        directory.password_proven(connection, user.id, attempt.security_version)
    sign_in = SignIn(user, methods, attempt.channel, client, attempt.return_to, attempt.known_client)
    signed_in = enter(context, connection, sign_in, origin=origin, security_version=attempt.security_version)
    return Expired() if signed_in is None else msgspec.structs.replace(signed_in, new_backup_code=new_backup_code)


def _step_up(
    context: AppContext,
    connection: sa.Connection,
    attempt: Attempt,
    methods: Methods,
    *,
    client: str | None,
    origin: Origin,
) -> SignedIn | Expired:
    """Let the session go on that an attempt began in; Expired where it has ended meanwhile."""
    if attempt.session_id is None:
        return Expired()
    session = sessions.find_by_id(context, connection, attempt.session_id, origin.at)
    started = None if session is None else sessions.step_up(context, connection, session, methods, origin=origin)
    if started is None:
        return Expired()
    return SignedIn(started, client or context.vault.new_token("client"), attempt.return_to)


def enter(
    context: AppContext,
    connection: sa.Connection,
    sign_in: SignIn,
    *,
    origin: Origin,
    security_version: int | None = None,
    settle: Callable[[sa.Connection], None] = lambda _connection: None,
) -> SignedIn | None:
    """Start a session, and record it; None when the user changed meanwhile and must begin again.

    `settle` writes what a first factor, proved just now, has to write: after the user, as rows are locked in one order.
    """
    user, methods = sign_in.user, sign_in.methods
    version = user.security_version if security_version is None else security_version
    started = sessions.start(
        context, connection, user, security_version=version, methods=methods, channel=sign_in.channel, origin=origin,
    )  # fmt: skip
    settle(connection)
    if started is None:
        return None
    client, known = sign_in.client or context.vault.new_token("client"), sign_in.known_client
    if known is None or known.token_hash != digest(client) or not known.is_current(origin.at):
        lockouts.remember_client(connection, user, client, origin.at, second_factor=has_second_factor(methods))
    audit.record(
        connection,
        kinds.SignedIn(methods=names(methods), channel=sign_in.channel, session=str(started.id)),
        origin=origin.by(acting.user(user.id)),
        account_id=user.account_id,
        subject_id=user.id,
    )
    return SignedIn(started, client, sign_in.return_to)
