"""The statements of endings: a session that ends before its time moves to `ended_sessions`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import users
from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.statement import Statement
from twofold.sessions.ending import Ending, EndReason
from twofold.sessions.tables import ended_sessions, sessions

_copied = [sessions.c[name] for name in ("id", "token_hash", "user_id", "account_id", "expires_at")]
_unannounced = Statement(
    sa.select(
        ended_sessions.c.id,
        ended_sessions.c.user_id,
        ended_sessions.c.account_id,
        ended_sessions.c.reason,
        ended_sessions.c.ended_at,
    )
    .where(~ended_sessions.c.announced)
    .order_by(ended_sessions.c.ended_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_reason = Statement(
    sa.select(ended_sessions.c.reason).where(
        ended_sessions.c.token_hash == sa.bindparam("token_hash"),
        ended_sessions.c.expires_at > sa.bindparam("at", type_=UtcTime),
    )
)


def end(connection: sa.Connection, session_id: UUID, reason: EndReason, at: datetime) -> bool:
    """End a session; tell whether there was one."""
    return _move(connection, sessions.c.id == session_id, reason, at) == 1


def end_one_of(connection: sa.Connection, user_id: UUID, session_id: UUID, reason: EndReason, at: datetime) -> bool:
    """End one session of a user; tell whether there was one."""
    return _move(connection, (sessions.c.id == session_id) & (sessions.c.user_id == user_id), reason, at) == 1


def end_others_of(connection: sa.Connection, user_id: UUID, but: UUID, reason: EndReason, at: datetime) -> int:
    """End the sessions of a user but for one; return how many there were."""
    return _move(connection, (sessions.c.user_id == user_id) & (sessions.c.id != but), reason, at)


def end_outdated_of(connection: sa.Connection, user_id: UUID, reason: EndReason, at: datetime) -> int:
    """End the sessions of a user that are not of the user's version any more; return how many there were."""
    version = sa.select(users.c.security_version).where(users.c.id == user_id).scalar_subquery()
    return _move(connection, (sessions.c.user_id == user_id) & (sessions.c.security_version != version), reason, at)


def end_all_of_account(connection: sa.Connection, account_id: UUID, reason: EndReason, at: datetime) -> int:
    """End the sessions of all users of an account; return how many there were."""
    theirs = sa.select(users.c.id).where(users.c.account_id == account_id)  # by an index, which the account has not
    return _move(connection, sessions.c.user_id.in_(theirs), reason, at)


def end_all(connection: sa.Connection, reason: EndReason, at: datetime) -> int:
    """End every session of the installation, while no server runs; return how many there were."""
    told = (sa.literal(reason.value, sa.Text), sa.literal(at, UtcTime), sa.literal(value=False, type_=sa.Boolean))
    names = [*(column.name for column in _copied), "reason", "ended_at", "announced"]
    connection.execute(ended_sessions.insert().from_select(names, sa.select(*_copied, *told), include_defaults=False))
    return connection.execute(sessions.delete()).rowcount


def unannounced(connection: sa.Connection, most: int) -> list[Ending]:
    """List endings that nobody was told of yet, the oldest first."""
    return [
        Ending(row.id, row.user_id, row.account_id, EndReason(row.reason), row.ended_at)
        for row in _unannounced.rows(connection, most=most)
    ]


def note_announced(connection: sa.Connection, session_ids: Sequence[UUID]) -> None:
    """Write down that whoever asked to be told of these endings was told."""
    connection.execute(ended_sessions.update().where(ended_sessions.c.id.in_(session_ids)).values(announced=True))


def reason_of(connection: sa.Connection, token_hash: bytes, at: datetime) -> EndReason | None:
    """Say why the session of a token ended, while it would still hold by its time."""
    row = _reason.row(connection, token_hash=token_hash, at=at)
    return None if row is None else EndReason(row.reason)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete the endings of sessions that would be over by now."""
    return delete_idle(connection, ended_sessions, ended_sessions.c.expires_at <= at)


def _move(connection: sa.Connection, which: sa.ColumnElement[bool], reason: EndReason, at: datetime) -> int:
    """End sessions and keep what is to be told of them. Of two that end the same one at once, one finds it gone."""
    gone = connection.execute(sessions.delete().where(which).returning(*_copied)).mappings().all()
    told = {"reason": reason.value, "ended_at": at, "announced": False}
    if gone:
        connection.execute(ended_sessions.insert(), [{**row, **told} for row in gone])
    return len(gone)
