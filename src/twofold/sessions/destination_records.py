"""The statements of destinations."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.statement import Statement
from twofold.sessions.tables import destinations

OVERHEAD = 200  # bytes of a row beside its path

# A stranger can ask for as many as a network may: what one keeps is bounded.
_kept = sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(destinations.c.path) + OVERHEAD), 0)).where(
    destinations.c.network == sa.bindparam("new_network", type_=sa.Text)
)
_keep = Statement(
    destinations.insert().from_select(
        [column.name for column in destinations.c],
        sa.select(*(sa.bindparam(f"new_{column.name}", type_=column.type) for column in destinations.c)).where(
            _kept.scalar_subquery() < sa.bindparam("most", type_=sa.Integer)
        ),
        include_defaults=False,
    )
)
_find = Statement(
    sa.select(destinations.c.path).where(
        destinations.c.id == sa.bindparam("destination"),
        destinations.c.browser == sa.bindparam("of_browser"),
        destinations.c.expires_at > sa.bindparam("at", type_=UtcTime),
    )
)


def keep(connection: sa.Connection, values: dict[str, Any], most: int) -> bool:
    """Store a destination; False where those of its network take `most` bytes already."""
    return _keep.count(connection, most=most, **{f"new_{name}": value for name, value in values.items()}) == 1


def find(connection: sa.Connection, destination: UUID, browser: bytes, at: datetime) -> str | None:
    """Return the path of a destination, to the browser that it was kept for."""
    row = _find.row(connection, destination=destination, of_browser=browser, at=at)
    return None if row is None else row.path


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete destinations whose time is over."""
    return delete_idle(connection, destinations, destinations.c.expires_at <= at)
