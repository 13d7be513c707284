"""What is told of sessions that ended before their time: to whoever subscribed, and to whoever still has the token."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa

from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.kit.sql.database import Database
from twofold.sessions import ending_records
from twofold.sessions.ending import Ending, EndReason

AT_ONCE = 200

Subscriber: TypeAlias = Callable[[AppContext, sa.Connection, Sequence[Ending], datetime], None]
"""Is told of endings in the transaction that notes it: what it writes there is written once for each of them.

It must not wait for anything outside of the database: what is to be sent is stored, and sent by a job.
"""


def announce(context: AppContext, subscribers: Sequence[Subscriber], at: datetime) -> bool:
    """Tell subscribers of the endings that nobody was told of yet; tell whether there may be more.

    For a job that runs on one node at a time: what it reads, another must not tell of as well.
    """
    with context.db.read() as connection:
        if not ending_records.unannounced(connection, 1):
            return False
    with context.db.write() as connection:
        endings = ending_records.unannounced(connection, AT_ONCE)
        for subscriber in subscribers:
            subscriber(context, connection, endings, at)
        ending_records.note_announced(connection, [ending.session_id for ending in endings])
    return len(endings) == AT_ONCE


def reason_of(db: Database, token: str, at: datetime) -> EndReason | None:
    """Say why the session of a token ended, to whoever bears that token; None where nothing did."""
    with db.read() as connection:
        return ending_records.reason_of(connection, digest(token), at)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete the endings of sessions that would be over by now; for the clean-up."""
    return ending_records.forget_over(connection, at)
