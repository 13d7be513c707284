"""The statements of what applications are to be told of the ends of sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.oidc.application_tables import applications
from twofold.oidc.grant_tables import grants
from twofold.oidc.logout_tables import logout_deliveries


class Delivery(NamedTuple):
    """What one application is to be told of one session, and how often that was tried."""

    id: UUID
    application_id: UUID
    user_id: UUID
    session_id: UUID
    attempts: int


_to_tell = (
    sa.select(grants.c.application_id, grants.c.user_id, grants.c.account_id, grants.c.session_id)
    .join(applications, applications.c.id == grants.c.application_id)
    .where(grants.c.session_id.in_(sa.bindparam("sessions", expanding=True)))
    .where(applications.c.backchannel_logout_uri.is_not(None))
    .distinct()
)
_at = sa.bindparam("at", type_=UtcTime)
_queued, _others = logout_deliveries.alias("queued"), logout_deliveries.alias("others")
# One at a time to each application: one that does not answer holds up what it is to be told, and nobody else.
_due = (
    sa.select(_queued.c.id)
    .where(
        _queued.c.due_at <= _at,
        ~sa.exists().where(_others.c.application_id == _queued.c.application_id, _others.c.claimed_until > _at),
    )
    .order_by(_queued.c.due_at)
    .limit(1)
)
_is_due = Statement(_due)
_claim = Statement(
    logout_deliveries.update()
    .where(logout_deliveries.c.id.in_(_due.with_for_update(skip_locked=True, of=_queued)))
    .values(claimed_until=sa.bindparam("until", type_=UtcTime))
    .returning(*columns(Delivery, logout_deliveries))
)


def plan(connection: sa.Connection, session_ids: Sequence[UUID], at: datetime) -> None:
    """Store what is to be sent: one delivery for each session and application that wants to be told of it."""
    rows = connection.execute(_to_tell, {"sessions": list(session_ids)}).all()
    if rows:
        values = [{"id": new_id(), "attempts": 0, "due_at": at, **row._asdict()} for row in rows]
        connection.execute(logout_deliveries.insert(), values)


def is_due(connection: sa.Connection, at: datetime) -> bool:
    """Tell whether there is something to be sent."""
    return _is_due.row(connection, at=at) is not None


def claim(connection: sa.Connection, at: datetime, until: datetime) -> Delivery | None:
    """Take the delivery that waits longest, for oneself until a moment; None where there is none."""
    row = _claim.row(connection, at=at, until=until)
    return None if row is None else Delivery(*row)


def settle(connection: sa.Connection, delivery: UUID, at: datetime, error: str | None) -> None:
    """Write down that nothing more is sent; `error` says why where it did not arrive."""
    _change(connection, delivery, due_at=None, claimed_until=None, settled_at=at, last_error=error)


def put_off(connection: sa.Connection, delivery: UUID, attempts: int, due_at: datetime, error: str) -> None:
    """Write down that it did not arrive, and when it is tried again."""
    _change(connection, delivery, attempts=attempts, due_at=due_at, claimed_until=None, last_error=error)


def forget_settled(connection: sa.Connection, before: datetime) -> int:
    """Delete what was settled before a moment."""
    return delete_idle(connection, logout_deliveries, logout_deliveries.c.settled_at <= before)


def _change(connection: sa.Connection, delivery: UUID, **values: Any) -> None:
    connection.execute(logout_deliveries.update().where(logout_deliveries.c.id == delivery).values(values))
