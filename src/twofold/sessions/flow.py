"""Sessions: the only function that makes them, and finding, renewing and ending them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.sql.database import AnyRow, Database
from twofold.sessions import records
from twofold.sessions.session import Session, Started, due_to_be_seen, holds
from twofold.settings import Settings


class SessionEnded(Exception):
    """A session was signed out while it made a change, which is rolled back."""


def start(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    *,
    security_version: int,
    methods: Sequence[str],
    channel: str,
    origin: Origin,
) -> Started | None:
    """Make a session; no other function begins one. None when the user may not have one under that version any more.

    `methods` are `pwd`, `otp`, `backup_code`; `channel` is page, api or legacy. It ends after `session_life` of the
    settings, 24 hours by default (NIST SP 800-63B-4 section 2.2.3), or when it was idle for `session_idle`.
    """
    started = _store(
        context,
        connection,
        user,
        security_version=security_version,
        methods=methods,
        channel=channel,
        origin=origin,
        authenticated_at=origin.at,
        expires_at=origin.at + context.settings.session_life,
    )
    if started is not None:
        directory.note_first_sign_in(connection, user, origin.at)
    return started


def find(db: Database, settings: Settings, token: str, at: datetime) -> Session | None:
    """Find the session of a token, if it holds; its last use is written down at most once a minute."""
    with db.read() as connection:
        session = records.by_token(connection, digest(token))
    if session is None or not holds(session, settings.session_idle, at):
        return None
    if due_to_be_seen(session, at):
        with db.write() as connection:
            records.seen(connection, session.token_hash, at)
    return session


def renew(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    *,
    security_version: int,
    origin: Origin,
    proved: str | None = None,
) -> Started:
    """Let the session that made a change go on: a new id and token under the raised version, the same end.

    `proved` is a method (`otp`, `backup_code`) that was proved on the way. OWASP ASVS 7.2.4 asks for the new token.

    Raises:
        SessionEnded: it was signed out since `hold_user`; the change is to be rolled back.
        RuntimeError: `security_version` is not the user's: a mistake of the caller.

    """
    if not records.end(connection, session.token_hash):
        raise SessionEnded
    methods = session.methods if proved is None or proved in session.methods else (*session.methods, proved)
    renewed = _store(
        context,
        connection,
        session.user,
        security_version=security_version,
        methods=methods,
        channel=session.channel,
        origin=origin,
        authenticated_at=session.authenticated_at,
        expires_at=session.expires_at,
    )
    if renewed is None:
        msg = "a session was renewed under a security version that is not its user's"
        raise RuntimeError(msg)
    return renewed


def list_own(context: AppContext, session: Session, at: datetime) -> Sequence[AnyRow]:
    """List the sessions of a user that still hold: at most 100 rows of `sessions`, the latest used first."""
    with context.db.read() as connection:
        return records.of_user(connection, session.user.id, at - context.settings.session_idle, at)


def sign_out(db: Database, session: Session, *, origin: Origin) -> None:
    """End this session."""
    with db.write() as connection:
        if records.end(connection, session.token_hash):
            _record_end(connection, session, origin, 1)


def end_one(db: Database, session: Session, session_id: UUID, *, origin: Origin) -> bool:
    """End one session of the same user; tell whether there was one."""
    with db.write() as connection:
        ended = records.end_one_of(connection, session.user.id, session_id)
        if ended:
            _record_end(connection, session, origin, 1)
    return ended


def end_others(db: Database, session: Session, *, origin: Origin) -> int:
    """End every session of the same user but this one."""
    with db.write() as connection:
        directory.lock_user_row(connection, session.user.id)  # several rows: one after another with whoever ends all
        ended = records.end_all_of(connection, session.user.id, except_hash=session.token_hash)
        if ended:
            _record_end(connection, session, origin, ended)
    return ended


def goes_on(connection: sa.Connection, session: Session, user: User) -> bool:
    """Tell whether a session that was read before its user was held is still one: neither ended nor outdated."""
    return user.security_version == session.user.security_version and records.exists(connection, session.token_hash)


def hold_user(connection: sa.Connection, session: Session) -> User | None:
    """Hold the user of a session; None where the session has ended since it was read, or is outdated."""
    user = directory.lock_user_row(connection, session.user.id)
    return user if user is not None and goes_on(connection, session, user) else None


def step_down(connection: sa.Connection, session: Session, *, origin: Origin) -> None:
    """End a session whose user must set up a second factor before going on."""
    records.end(connection, session.token_hash)
    audit.record(
        connection,
        kinds.SteppedDown(),
        origin=origin.by(acting.user(session.user.id)),
        account_id=session.user.account_id,
        subject_id=session.user.id,
    )


def forget_ended(connection: sa.Connection, user_id: UUID) -> None:
    """Delete the rows of sessions whose user's version was raised; they are ended already."""
    records.end_all_of(connection, user_id)


def forget_ended_of_account(connection: sa.Connection, account_id: UUID) -> None:
    """Delete the rows of sessions of an account, the versions of whose users were raised; they are ended already."""
    records.end_all_of_account(connection, account_id)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete sessions that are over; for the clean-up."""
    return records.forget_over(connection, at)


def _store(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    *,
    security_version: int,
    methods: Sequence[str],
    channel: str,
    origin: Origin,
    authenticated_at: datetime,
    expires_at: datetime,
) -> Started | None:
    token, session_id = context.vault.new_token("session"), new_id()
    stored = records.start(
        connection,
        {
            "token_hash": digest(token),
            "id": session_id,
            "user_id": user.id,
            "account_id": user.account_id,
            "security_version": security_version,
            "methods": " ".join(methods),
            "channel": channel,
            "browser": origin.client.browser,
            "address": origin.client.address,
            "authenticated_at": authenticated_at,
            "last_seen_at": origin.at,
            "expires_at": expires_at,
        },
    )
    return Started(token, session_id, expires_at) if stored else None


def _record_end(connection: sa.Connection, session: Session, origin: Origin, count: int) -> None:
    user = session.user
    audit.record(
        connection, kinds.SignedOut(sessions=count), origin=origin.by(acting.user(user.id)), account_id=user.account_id,
        subject_id=user.id,
    )  # fmt: skip
