"""The statements of authorization requests that wait, and of codes."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.bounded import BoundedInsert
from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.oidc.grant_tables import authorization_codes, authorizations
from twofold.sessions.tables import sessions

# A code that is used a second time ends what the first use gave: so it is known for a while after it is over.
KNOWN_AFTERWARDS = timedelta(days=1)


class Redeemed(NamedTuple):
    """What a code stood for that has been used just now."""

    user_id: UUID
    account_id: UUID
    session_id: UUID
    nonce: str | None
    scope: str


_keep = BoundedInsert(authorizations)
_of_browser = (
    authorizations.c.id == sa.bindparam("authorization"),
    authorizations.c.browser == sa.bindparam("of_browser"),
    authorizations.c.expires_at > sa.bindparam("at", type_=UtcTime),
)
_find = Statement(sa.select(authorizations.c.sealed).where(*_of_browser))
_take = Statement(authorizations.delete().where(*_of_browser))
_take_pushed = Statement(authorizations.delete().where(*_of_browser).returning(authorizations.c.sealed))
_store_code = Statement(
    authorization_codes.insert().inline(),
    columns=[column.name for column in authorization_codes.c if column.name not in {"used_at", "grant_id"}],
)
_redeem = Statement(
    authorization_codes.update()
    .where(
        authorization_codes.c.code_hash == sa.bindparam("hash", type_=sa.LargeBinary),
        authorization_codes.c.application_id == sa.bindparam("application"),
        authorization_codes.c.redirect_uri == sa.bindparam("uri"),
        authorization_codes.c.challenge.is_not_distinct_from(sa.bindparam("answered", type_=sa.Text)),
        authorization_codes.c.used_at.is_(None),
        authorization_codes.c.expires_at > sa.bindparam("at", type_=UtcTime),
        sa.exists().where(sessions.c.id == authorization_codes.c.session_id),  # or nobody is told of its end
    )
    .values(used_at=sa.bindparam("at", type_=UtcTime), grant_id=sa.bindparam("grant", type_=sa.Uuid))
    .returning(*columns(Redeemed, authorization_codes))
)
_grant_of = Statement(
    sa.select(authorization_codes.c.grant_id).where(
        authorization_codes.c.code_hash == sa.bindparam("hash", type_=sa.LargeBinary),
        authorization_codes.c.application_id == sa.bindparam("application"),
        authorization_codes.c.grant_id.is_not(None),
    )
)


def keep(connection: sa.Connection, values: dict[str, Any], *, of_network: int, in_all: int) -> bool:
    """Store a request; False where its network has so many waiting already, or all networks together have."""
    return _keep.store(connection, values, of_network=of_network, in_all=in_all)


def find(connection: sa.Connection, authorization: UUID, browser: bytes, at: datetime) -> bytes | None:
    """Return the sealed request that waits for a browser."""
    row = _find.row(connection, authorization=authorization, of_browser=browser, at=at)
    return None if row is None else row.sealed


def take(connection: sa.Connection, authorization: UUID, browser: bytes, at: datetime) -> bool:
    """Delete a request that waits for a browser; tell whether there was one: it gets one code."""
    return _take.count(connection, authorization=authorization, of_browser=browser, at=at) == 1


def take_pushed(connection: sa.Connection, pushed: UUID, token_hash: bytes, at: datetime) -> bytes | None:
    """Delete a request that an application pushed, and return it, sealed: it is used once."""
    row = _take_pushed.row(connection, authorization=pushed, of_browser=token_hash, at=at)
    return None if row is None else row.sealed


def store_code(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new code."""
    _store_code.count(connection, **values)


def redeem(
    connection: sa.Connection,
    *,
    code_hash: bytes,
    application_id: UUID,
    redirect_uri: str,
    answered: str | None,
    grant_id: UUID,
    at: datetime,
) -> Redeemed | None:
    """Use a code for a grant, if it is all that it has to be, and return what it stands for; None where it is not.

    `answered` is the challenge that the verifier answers: it has to be the one that was sent, or none as none was.
    """
    row = _redeem.row(
        connection, hash=code_hash, application=application_id, uri=redirect_uri, answered=answered, grant=grant_id,
        at=at,
    )  # fmt: skip
    return None if row is None else Redeemed(*row)


def grant_of(connection: sa.Connection, code_hash: bytes, application_id: UUID) -> UUID | None:
    """Return the grant that a code of an application was used for."""
    row = _grant_of.row(connection, hash=code_hash, application=application_id)
    return None if row is None else row.grant_id


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete requests that nobody came back to, and codes that are over for a day."""
    known = at - KNOWN_AFTERWARDS
    return delete_idle(connection, authorizations, authorizations.c.expires_at <= at) + delete_idle(
        connection, authorization_codes, authorization_codes.c.expires_at <= known
    )
