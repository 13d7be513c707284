"""What is refused at an address that nobody has: counted by the hour, and not kept in the log for ever.

Whoever types addresses must not learn which of them somebody has. So both are recorded by the same statements: a row of
the hour that grows by one, or by nothing; an event of the log, or none; a row that is discarded soon, or none.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import unknown_records
from twofold.abuse.flow import count_refusal
from twofold.audit import flow as audit
from twofold.audit import seal_flow
from twofold.events.event import Event
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import Database


def record(
    connection: sa.Connection,
    event: Event,
    whose: tuple[UUID, UUID] | None,
    *,
    counted_as: str,
    origin: Origin,
    result: str = "done",
) -> None:
    """Write down what happened to a user of an account; where nobody has the address, count it for its network."""
    known = whose is not None
    user_id, account_id = whose or (new_id(), new_id())
    values = audit.values_of(
        event,
        origin=origin.by(acting.NOBODY),
        account_id=account_id,
        subject_id=user_id,
        result=result,
    )
    audit.record_where(connection, values, known=known)
    unknown_records.discard_later(connection, values, unknown=not known)
    # Last, because the row of the hour is locked until the commit, and requests from the whole network wait for it.
    count_refusal(connection, counted_as, origin.client.address, origin.at, times=0 if known else 1)


def discard(db: Database, at: datetime) -> None:
    """Delete the events of addresses that no user has, after as much work as sealing those of a user takes.

    The worker calls this when it seals the log.
    """
    with db.read() as connection:
        newest = unknown_records.newest(connection)
    if newest is not None:
        with db.write() as connection:
            seal_flow.rehearse(connection, unknown_records.first(), at)
            unknown_records.discard_until(connection, newest)
