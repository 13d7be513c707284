"""The statements of destinations."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.bounded import BoundedInsert
from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.statement import Statement
from twofold.sessions.tables import destinations

_keep = BoundedInsert(destinations)
_find = Statement(
    sa.select(destinations.c.sealed).where(
        destinations.c.id == sa.bindparam("destination"),
        destinations.c.browser == sa.bindparam("of_browser"),
        destinations.c.expires_at > sa.bindparam("at", type_=UtcTime),
    )
)


def keep(connection: sa.Connection, values: dict[str, Any], *, of_network: int, in_all: int) -> bool:
    """Store a destination; False where its network has so many already, or all networks together have."""
    return _keep.store(connection, values, of_network=of_network, in_all=in_all)


def find(connection: sa.Connection, destination: UUID, browser: bytes, at: datetime) -> bytes | None:
    """Return the sealed path of a destination that was kept for a browser."""
    row = _find.row(connection, destination=destination, of_browser=browser, at=at)
    return None if row is None else row.sealed


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete destinations whose time is over."""
    return delete_idle(connection, destinations, destinations.c.expires_at <= at)
