"""The statements of grants and their tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.oidc.application_tables import applications
from twofold.oidc.grant_tables import access_tokens, grants, refresh_tokens
from twofold.sessions.session import Session, of_row
from twofold.sessions.tables import COUNTS, JOINED, SESSION, sessions


class Held(NamedTuple):
    """A token that an application holds, and the session that it comes from."""

    grant_id: UUID
    application_id: UUID
    scope: str
    expires_at: datetime
    session: Session


class Revoked(NamedTuple):
    """Whose a grant was that has ended just now."""

    application_id: UUID
    user_id: UUID
    account_id: UUID


class HeldRefresh(NamedTuple):
    """A refresh token that was given out: current, or replaced by the next one."""

    held: Held
    replaced_at: datetime | None
    successor: bytes | None


def _held(tokens: sa.Table, scope: sa.Column[str], *more: sa.Column[Any]) -> Statement:
    """Build the one statement that finds a token: with it its grant, application, session, user and account hold."""
    joined = (
        JOINED.join(grants, grants.c.session_id == sessions.c.id)
        .join(tokens, tokens.c.grant_id == grants.c.id)
        .join(applications, applications.c.id == grants.c.application_id)
    )
    own = (
        grants.c.id.label("grant_id"),
        grants.c.application_id,
        scope.label("scope"),
        tokens.c.expires_at.label("token_expires_at"),
    )
    return Statement(
        sa.select(*own, *more, *SESSION)
        .select_from(joined)
        .where(
            tokens.c.token_hash == sa.bindparam("hash", type_=sa.LargeBinary),
            tokens.c.expires_at > sa.bindparam("at", type_=UtcTime),
            grants.c.revoked_at.is_(None),
            *COUNTS,
        )
    )


_access = _held(access_tokens, access_tokens.c.scope)
_refresh = _held(refresh_tokens, grants.c.scope, refresh_tokens.c.replaced_at, refresh_tokens.c.successor)
_store_grant = Statement(
    grants.insert().inline(), columns=[column.name for column in grants.c if column.name != "revoked_at"]
)
_store_access = Statement(access_tokens.insert().inline())
_store_refresh = Statement(
    refresh_tokens.insert().inline(), columns=["token_hash", "grant_id", "user_id", "account_id", "expires_at"]
)
_replace = Statement(
    refresh_tokens.update()
    .where(
        refresh_tokens.c.token_hash == sa.bindparam("hash", type_=sa.LargeBinary),
        refresh_tokens.c.replaced_at.is_(None),
    )
    .values(replaced_at=sa.bindparam("at", type_=UtcTime), successor=sa.bindparam("sealed", type_=sa.LargeBinary))
)
_revoke = Statement(
    grants.update()
    .where(grants.c.id == sa.bindparam("grant"), grants.c.revoked_at.is_(None))
    .values(revoked_at=sa.bindparam("at", type_=UtcTime))
    .returning(*columns(Revoked, grants))
)
_revoke_of_user = Statement(
    grants.update()
    .where(
        grants.c.session_id.in_(sa.select(sessions.c.id).where(sessions.c.user_id == sa.bindparam("of_user"))),
        grants.c.application_id == sa.bindparam("application"),
        grants.c.revoked_at.is_(None),
    )
    .values(revoked_at=sa.bindparam("at", type_=UtcTime))
)
_drop_access = Statement(
    access_tokens.delete().where(access_tokens.c.token_hash == sa.bindparam("hash", type_=sa.LargeBinary))
)


def store_grant(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new grant."""
    _store_grant.enqueue(connection, **values)


def store_access(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new access token."""
    _store_access.enqueue(connection, **values)


def store_refresh(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new refresh token."""
    _store_refresh.enqueue(connection, **values)


def by_access(connection: sa.Connection, token_hash: bytes, at: datetime) -> Held | None:
    """Find an access token, with the session that it comes from; None where any of them has ended but by idleness."""
    row = _access.row(connection, hash=token_hash, at=at)
    return None if row is None else _of(row, row[4:])


def by_refresh(connection: sa.Connection, token_hash: bytes, at: datetime) -> HeldRefresh | None:
    """Find a refresh token likewise, also one that was replaced."""
    row = _refresh.row(connection, hash=token_hash, at=at)
    return None if row is None else HeldRefresh(_of(row, row[6:]), row.replaced_at, row.successor)


def replace(connection: sa.Connection, token_hash: bytes, successor: bytes, at: datetime) -> bool:
    """Replace a refresh token; False where another request did."""
    return _replace.count(connection, hash=token_hash, sealed=successor, at=at) == 1


def revoke(connection: sa.Connection, grant_id: UUID, at: datetime) -> Revoked | None:
    """End a grant and its tokens; return whose it was, None where it had ended."""
    row = _revoke.row(connection, grant=grant_id, at=at)
    return None if row is None else Revoked(*row)


def revoke_of_user(connection: sa.Connection, user_id: UUID, application_id: UUID, at: datetime) -> int:
    """End what the sessions of a user gave an application, and its tokens; return how many grants ended."""
    return _revoke_of_user.count(connection, of_user=user_id, application=application_id, at=at)


def drop_access(connection: sa.Connection, token_hash: bytes) -> None:
    """Delete one access token."""
    _drop_access.count(connection, hash=token_hash)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete tokens that are over, and grants whose session would be."""
    return sum(
        delete_idle(connection, table, table.c.expires_at <= at) for table in (access_tokens, refresh_tokens, grants)
    )


def _of(row: Any, session: Sequence[Any]) -> Held:
    return Held(row.grant_id, row.application_id, row.scope, row.token_expires_at, of_row(session))
