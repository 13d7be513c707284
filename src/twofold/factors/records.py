"""The statements of what all kinds of second factors share: a removal that was proved."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.factors.tables import removals
from twofold.kit.sql.database import delete_idle, upsert

_ask_removal = upsert(removals, ["session_id"], ["token_hash", "expires_at"])


def ask_removal(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a proved removal that waits for its confirmation."""
    connection.execute(_ask_removal[connection.dialect.name], values)


def is_removal_asked(connection: sa.Connection, session_id: UUID, token_hash: bytes, at: datetime) -> bool:
    """Tell whether there is a proved removal for this session; it goes with everything else that is removed."""
    mine = (removals.c.session_id == session_id) & (removals.c.token_hash == token_hash) & (removals.c.expires_at > at)
    return connection.execute(sa.select(removals.c.session_id).where(mine)).first() is not None


def delete_all(connection: sa.Connection, user_id: UUID) -> None:
    """Delete what a user has proved and not carried out."""
    connection.execute(removals.delete().where(removals.c.user_id == user_id))


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete removals whose time is over."""
    return delete_idle(connection, removals, removals.c.expires_at <= at)
