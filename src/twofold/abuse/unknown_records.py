"""The statements of events at addresses that no user has: they are stored, and discarded soon."""

from typing import Any

import sqlalchemy as sa

from twofold.abuse.tables import discarded_events
from twofold.audit.tables import WRITTEN
from twofold.kit.sql.database import insert_where
from twofold.kit.sql.statement import Statement

_append_where = Statement(insert_where(discarded_events, WRITTEN, "unknown"))
REHEARSED = 10  # events at a time: whoever looks for one hides it among no more
_FIRST = sa.select(*(discarded_events.c[name] for name in WRITTEN)).order_by(discarded_events.c.number).limit(REHEARSED)
_newest = sa.select(discarded_events.c.number).order_by(discarded_events.c.number.desc()).limit(1)


def discard_later(connection: sa.Connection, values: dict[str, Any], *, unknown: bool) -> None:
    """Write an event down that is to be discarded, or execute the same statement to no effect."""
    _append_where.enqueue(connection, **values, unknown=unknown)


def newest(connection: sa.Connection) -> int | None:
    """Return the number of the newest event that is to be discarded."""
    return connection.execute(_newest).scalar()


def first() -> sa.SelectBase:
    """Return the statement that selects the first of them, as the log stores its events."""
    return _FIRST


def discard_until(connection: sa.Connection, number: int) -> None:
    """Delete the events up to a number."""
    connection.execute(discarded_events.delete().where(discarded_events.c.number <= number))
