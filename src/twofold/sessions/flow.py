"""Sessions: the only function that makes them, and finding, renewing and ending them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
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
from twofold.kit.sql.database import Database
from twofold.sessions import ending_records, records
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import Method, Methods, authenticated_at, columns, with_proved
from twofold.sessions.session import OwnSession, Session, Started, due_to_be_seen, holds
from twofold.settings import Settings


class SessionEnded(Exception):
    """A session was signed out while it made a change, which is rolled back."""


def start(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    *,
    security_version: int,
    methods: Methods,
    channel: str,
    origin: Origin,
) -> Started | None:
    """Make a session; no other function begins one. None when the user may not have one under that version any more.

    `channel` is page, api or legacy. It ends after `session_life` of the settings, 24 hours by default (NIST SP
    800-63B-4 section 2.2.3), or when it was idle for `session_idle`.

    Raises:
        ValueError: no first factor is among the `methods`: a mistake of the caller.

    """
    authenticated_at(methods)
    token, session_id, expires_at = (
        context.vault.new_token("session"), new_id(), origin.at + context.settings.session_life,
    )  # fmt: skip
    stored = records.start(
        connection,
        {
            "id": session_id,
            "user_id": user.id,
            "account_id": user.account_id,
            "channel": channel,
            "authenticated_at": origin.at,
            "expires_at": expires_at,
            **_under_token(token, security_version, methods, origin),
        },
    )
    if not stored:
        return None
    directory.note_first_sign_in(connection, user, origin.at)
    return Started(token, session_id, expires_at)


def find(db: Database, settings: Settings, token: str, at: datetime) -> Session | None:
    """Find the session of a token, if it holds; its last use is written down at most once a minute."""
    with db.read() as connection:
        session = records.by_token(connection, digest(token))
    if session is None or not holds(session, settings.session_idle, at):
        return None
    if due_to_be_seen(session, at):
        with db.write(durable=False) as connection:
            note_use(connection, session, at)
    return session


def renew(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    *,
    security_version: int,
    ends_others: EndReason,
    origin: Origin,
    proved: Sequence[Method] = (),
) -> Started:
    """Let the session that made a change go on under a new token and the version that this raised: the same `sid`.

    `ends_others` says why all others of its user have ended. `proved` are the methods that were proved on the way.
    OWASP ASVS 7.2.4 asks for the new token.

    Raises:
        SessionEnded: it was signed out since `hold_user`; the change is to be rolled back.
        RuntimeError: `security_version` is not the user's: a mistake of the caller.

    """
    renewed = _renew(context, connection, session, security_version, proved, origin)
    if renewed is not None:
        end_outdated(connection, session.user.id, ends_others, origin.at)
        return renewed
    if not records.exists(connection, session.token_hash):
        raise SessionEnded
    msg = "a session was renewed under a security version that is not its user's"
    raise RuntimeError(msg)


def step_up(
    context: AppContext, connection: sa.Connection, session: Session, proved: Sequence[Method], *, origin: Origin
) -> Started | None:
    """Let a session go on, under a new token, in which somebody proved a factor again; None where it has ended."""
    started = _renew(context, connection, session, session.user.security_version, proved, origin)
    if started is None:
        return None
    audit.record(
        connection,
        kinds.SteppedUp(methods=[method.name for method in proved]),
        origin=origin.by(acting.user(session.user.id)),
        account_id=session.user.account_id,
        subject_id=session.user.id,
    )
    return started


def find_by_id(context: AppContext, connection: sa.Connection, session_id: UUID, at: datetime) -> Session | None:
    """Find a session by its `sid`, if it holds."""
    session = records.by_id(connection, session_id)
    return session if session is not None and holds(session, context.settings.session_idle, at) else None


def note_use(connection: sa.Connection, session: Session, at: datetime) -> None:
    """Write down that a session was used, at most once a minute: by an application, which has no token of it."""
    if due_to_be_seen(session, at):
        records.seen(connection, session.token_hash, at)


def list_own(context: AppContext, session: Session, at: datetime) -> list[OwnSession]:
    """List the sessions of a user that still hold: at most 100, the latest used first."""
    with context.db.read() as connection:
        return records.of_user(connection, session.user.id, at - context.settings.session_idle, at)


def sign_out(db: Database, session: Session, *, origin: Origin) -> None:
    """End this session, under whatever token it goes on meanwhile."""
    with db.write() as connection:
        if ending_records.end(connection, session.id, EndReason.SIGNED_OUT, origin.at):
            _record_end(connection, session, origin, 1)


def end_one(db: Database, session: Session, session_id: UUID, *, origin: Origin) -> bool:
    """End one session of the same user; tell whether there was one."""
    with db.write() as connection:
        reason = EndReason.SIGNED_OUT if session_id == session.id else EndReason.SIGNED_OUT_ELSEWHERE
        ended = ending_records.end_one_of(connection, session.user.id, session_id, reason, origin.at)
        if ended:
            _record_end(connection, session, origin, 1)
    return ended


def end_others(db: Database, session: Session, *, origin: Origin) -> int:
    """End every session of the same user but this one; return how many."""
    with db.write() as connection:
        directory.lock_user_row(connection, session.user.id)  # several rows: one after another with whoever ends all
        ended = ending_records.end_others_of(
            connection, session.user.id, session.id, EndReason.SIGNED_OUT_ELSEWHERE, origin.at
        )
        if ended:
            _record_end(connection, session, origin, ended)
    return ended


def must_set_up(settings: Settings, session: Session, at: datetime) -> bool:
    """Tell whether a policy asks the user of a session for a second factor before anything else."""
    user = session.user
    return not user.has_second_factor and user.eligibility(settings.two_factor_editions, at).required


def goes_on(connection: sa.Connection, session: Session, user: User) -> bool:
    """Tell whether a session that was read before its user was held is still one: neither ended nor outdated."""
    return user.security_version == session.user.security_version and records.exists(connection, session.token_hash)


def hold_user(connection: sa.Connection, session: Session) -> User | None:
    """Hold the user of a session; None where the session has ended since it was read, or is outdated."""
    user = directory.lock_user_row(connection, session.user.id)
    return user if user is not None and goes_on(connection, session, user) else None


def step_down(connection: sa.Connection, session: Session, *, origin: Origin) -> None:
    """End a session whose user must set up a second factor before going on."""
    ending_records.end(connection, session.id, EndReason.STEPPED_DOWN, origin.at)
    audit.record(
        connection,
        kinds.SteppedDown(),
        origin=origin.by(acting.user(session.user.id)),
        account_id=session.user.account_id,
        subject_id=session.user.id,
    )


def end_outdated(connection: sa.Connection, user_id: UUID, reason: EndReason, at: datetime) -> None:
    """End what stayed behind when a user's security version was raised; whatever raises it calls this, or `renew`.

    Those sessions hold no more from the moment of that. Here their rows go, and whoever is to be told of it is told.
    """
    ending_records.end_outdated_of(connection, user_id, reason, at)


def end_outdated_of_account(connection: sa.Connection, account_id: UUID, reason: EndReason, at: datetime) -> None:
    """End what stayed behind when the versions of all users of an account were raised."""
    ending_records.end_all_of_account(connection, account_id, reason, at)


def end_all(connection: sa.Connection, reason: EndReason, at: datetime) -> None:
    """End every session of the installation."""
    ending_records.end_all(connection, reason, at)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete sessions that are over, and return how many; for the clean-up."""
    return records.forget_over(connection, at)


def _renew(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    security_version: int,
    proved: Sequence[Method],
    origin: Origin,
) -> Started | None:
    """Give a session another token; None where it has ended, or its user is of another version."""
    token, methods = context.vault.new_token("session"), with_proved(session.methods, proved)
    changed = _under_token(token, security_version, methods, origin)
    if not records.renew(connection, session.token_hash, changed):
        return None
    return Started(token, session.id, session.expires_at)


def _under_token(token: str, security_version: int, methods: Methods, origin: Origin) -> dict[str, Any]:
    """Return what of a row changes whenever its session goes on under another token."""
    return {
        "token_hash": digest(token),
        "security_version": security_version,
        **columns(methods),
        "browser": origin.client.browser,
        "address": origin.client.address,
        "last_seen_at": origin.at,
    }


def _record_end(connection: sa.Connection, session: Session, origin: Origin, count: int) -> None:
    user = session.user
    audit.record(
        connection, kinds.SignedOut(sessions=count), origin=origin.by(acting.user(user.id)), account_id=user.account_id,
        subject_id=user.id,
    )  # fmt: skip
