"""Signs of life: which servers and workers use a database now, for commands that must not run beside them.

Each writes a lease of its own every few seconds, with the newest schema that it knows. A lock that it held in the
database would be released the moment it dies, but needs a connection of its own all its life, and poolers that lend
connections by the transaction give it to others. docs/decisions/0038-log-and-tools.md weighs that.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from twofold.kit import leases
from twofold.kit.leases import leases as table
from twofold.kit.sql.database import Database, UtcTime

EVERY = timedelta(seconds=15)
LIFE = timedelta(seconds=45)  # a node that was killed counts for so long
FORGOTTEN_AFTER = timedelta(days=1)
PREFIX, BEHIND = "node:", "node;"  # the names of nodes lie between them
STOPS_WITHIN = 5.0  # seconds for a sign of life that is being given

_ours = (table.c.name >= PREFIX) & (table.c.name < BEHIND)
_alive = sa.select(table.c.holder).where(_ours, table.c.until > sa.bindparam("at", type_=UtcTime))
_gone = table.delete().where(_ours, table.c.until <= sa.bindparam("before", type_=UtcTime))


@contextmanager
def seen(db: Database, name: str, schema: str, now: Callable[[], datetime]) -> Iterator[None]:
    """Give signs of life while the block runs, under a name of one's own; `schema` is the newest that this node knows.

    Errors of the database are swallowed: while it is away no sign is stored.
    """
    stopping = threading.Event()

    def go_on() -> None:
        while not stopping.wait(EVERY.total_seconds()):
            show(db, name, schema, now())

    thread = threading.Thread(target=go_on, name="signs-of-life", daemon=True)
    show(db, name, schema, now())
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(STOPS_WITHIN)
        with suppress(sa.exc.SQLAlchemyError), db.write(durable=False) as connection:
            leases.give_up(connection, PREFIX + name, schema)


def show(db: Database, name: str, schema: str, at: datetime) -> None:
    """Give one sign of life, which counts for 45 seconds; an error of the database is swallowed."""
    with suppress(sa.exc.SQLAlchemyError), db.write(durable=False) as connection:
        leases.take(connection, PREFIX + name, schema, at, LIFE)


def alive(connection: sa.Connection, at: datetime) -> list[str]:
    """Return for each node that was seen within 45 seconds the newest schema revision that it knows."""
    return list(connection.execute(_alive, {"at": at}).scalars())


def forget_gone(connection: sa.Connection, at: datetime) -> int:
    """Delete nodes that were killed a day ago, and return how many; one that ends in good order gives its lease up."""
    return connection.execute(_gone, {"before": at - FORGOTTEN_AFTER}).rowcount
