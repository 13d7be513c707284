"""The statements of sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import users
from twofold.kit.sql.database import delete_idle
from twofold.kit.sql.statement import Statement
from twofold.sessions import methods
from twofold.sessions.session import OwnSession, Session, of_row
from twofold.sessions.tables import COUNTS, JOINED, SESSION, sessions

_session = sa.select(*SESSION).select_from(JOINED).where(*COUNTS)
_session_by_token = Statement(_session.where(sessions.c.token_hash == sa.bindparam("token_hash")))
_session_by_id = Statement(_session.where(sessions.c.id == sa.bindparam("session_id")))
_OWN = ("id", "browser", "address", "authenticated_at", "last_seen_at", "expires_at", "methods", "proved")
_sessions_of_user = (
    sa.select(*(sessions.c[name] for name in _OWN))
    .join(users, users.c.id == sessions.c.user_id)
    .where(
        sessions.c.user_id == sa.bindparam("user_id"),
        sessions.c.security_version == users.c.security_version,
        sessions.c.expires_at > sa.bindparam("at"),
        sessions.c.last_seen_at > sa.bindparam("idle_since"),
    )
    .order_by(sessions.c.last_seen_at.desc())
    .limit(100)
)
# The statement that makes the session checks once more that its user may have one under this version.
_start = Statement(
    sessions.insert().from_select(
        [column.name for column in sessions.c],
        sa.select(
            *(sa.bindparam(f"new_{column.name}", type_=column.type) for column in sessions.c),
        )
        .select_from(users)
        .where(
            users.c.id == sa.bindparam("new_user_id", type_=sa.Uuid),
            users.c.security_version == sa.bindparam("new_security_version", type_=sa.Integer),
            users.c.active,
            users.c.frozen_at.is_(None),
        ),
        include_defaults=False,
    )
)
# The session that made a change goes on under another token, if its user is still of the version it is to have.
_renew = Statement(
    sessions.update()
    .where(
        sessions.c.token_hash == sa.bindparam("of"),
        sa.exists()
        .where(users.c.id == sessions.c.user_id, users.c.security_version == sa.bindparam("new_security_version"))
        .correlate(sessions),
    )
    .values(
        token_hash=sa.bindparam("new_token_hash"),
        security_version=sa.bindparam("new_security_version"),
        methods=sa.bindparam("new_methods"),
        proved=sa.bindparam("new_proved"),
        browser=sa.bindparam("new_browser"),
        address=sa.bindparam("new_address"),
        last_seen_at=sa.bindparam("new_last_seen_at"),
    )
)
_seen = Statement(
    sessions.update().where(sessions.c.token_hash == sa.bindparam("of")).values(last_seen_at=sa.bindparam("seen"))
)


def start(connection: sa.Connection, values: dict[str, Any]) -> bool:
    """Store a new session if its user may have one under that security version; tell whether it was stored."""
    return _start.count(connection, **{f"new_{name}": value for name, value in values.items()}) == 1


def by_token(connection: sa.Connection, token_hash: bytes) -> Session | None:
    """Find a session, its user and account, by the hash of its token: one statement."""
    return _read(_session_by_token.row(connection, token_hash=token_hash))


def by_id(connection: sa.Connection, session_id: UUID) -> Session | None:
    """Find a session, its user and account, by its own id."""
    return _read(_session_by_id.row(connection, session_id=session_id))


def renew(connection: sa.Connection, token_hash: bytes, values: dict[str, Any]) -> bool:
    """Give a session another token; False where there is none, or its user is of another version than the new one."""
    return _renew.count(connection, of=token_hash, **{f"new_{name}": value for name, value in values.items()}) == 1


def of_user(connection: sa.Connection, user_id: UUID, idle_since: datetime, at: datetime) -> list[OwnSession]:
    """List the sessions of a user that still hold, the latest used first."""
    rows = connection.execute(_sessions_of_user, {"user_id": user_id, "idle_since": idle_since, "at": at})
    return [
        OwnSession(
            row.id, row.browser, row.address, row.authenticated_at, row.last_seen_at, row.expires_at,
            methods.authenticated_at(methods.read(row.methods, row.proved, row.authenticated_at)),
        )
        for row in rows
    ]  # fmt: skip


def seen(connection: sa.Connection, token_hash: bytes, at: datetime) -> None:
    """Write the last use of a session down."""
    _seen.enqueue(connection, of=token_hash, seen=at)


def exists(connection: sa.Connection, token_hash: bytes) -> bool:
    """Tell whether there is a session by the hash of its token."""
    return connection.execute(sa.select(sessions.c.id).where(sessions.c.token_hash == token_hash)).first() is not None


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete sessions that are over."""
    return delete_idle(connection, sessions, sessions.c.expires_at <= at)


def _read(row: Any) -> Session | None:
    return None if row is None else of_row(row)
