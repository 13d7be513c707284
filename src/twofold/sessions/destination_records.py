"""The statements of destinations."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.statement import Statement
from twofold.sessions.tables import destinations


# A stranger can ask for as many as there is room for: of one network, and in all.
def _fewer(than: str, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    counted = sa.select(destinations.c.id).where(*where).limit(sa.bindparam(than, type_=sa.Integer)).subquery()
    return sa.select(sa.func.count()).select_from(counted).scalar_subquery() < sa.bindparam(than, type_=sa.Integer)


_keep = Statement(
    destinations.insert().from_select(
        [column.name for column in destinations.c],
        sa.select(*(sa.bindparam(f"new_{column.name}", type_=column.type) for column in destinations.c)).where(
            _fewer("of_network", destinations.c.network == sa.bindparam("new_network", type_=sa.Text)),
            _fewer("in_all"),
        ),
        include_defaults=False,
    )
)
_find = Statement(
    sa.select(destinations.c.sealed).where(
        destinations.c.id == sa.bindparam("destination"),
        destinations.c.browser == sa.bindparam("of_browser"),
        destinations.c.expires_at > sa.bindparam("at", type_=UtcTime),
    )
)


def keep(connection: sa.Connection, values: dict[str, Any], *, of_network: int, in_all: int) -> bool:
    """Store a destination; False where its network has so many already, or all networks together have."""
    return (
        _keep.count(
            connection, of_network=of_network, in_all=in_all, **{f"new_{name}": value for name, value in values.items()}
        )
        == 1
    )


def find(connection: sa.Connection, destination: UUID, browser: bytes, at: datetime) -> bytes | None:
    """Return the sealed path of a destination that was kept for a browser."""
    row = _find.row(connection, destination=destination, of_browser=browser, at=at)
    return None if row is None else row.sealed


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete destinations whose time is over."""
    return delete_idle(connection, destinations, destinations.c.expires_at <= at)
