"""Leases: of several nodes only one does a job at a time; when it dies, another takes over once its lease is over."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from twofold.kit.sql.database import INSERTS, UtcTime, metadata

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
)

_until = sa.select(leases.c.holder, leases.c.until).where(leases.c.name == sa.bindparam("of_name"))
_take = {
    name: insert(leases)
    .values(name=sa.bindparam("name"), holder=sa.bindparam("holder"), until=sa.bindparam("until", type_=UtcTime))
    .on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": sa.bindparam("holder"), "until": sa.bindparam("until", type_=UtcTime)},
        where=(leases.c.until <= sa.bindparam("at", type_=UtcTime)) | (leases.c.holder == sa.bindparam("holder")),
    )
    .returning(leases.c.name)
    for name, insert in INSERTS.items()
}


class Held(NamedTuple):
    """Who holds a lease, and until when."""

    holder: str
    until: datetime


def holder_of(connection: sa.Connection, name: str) -> Held | None:
    """Return who holds a lease, or was the last to hold it, and until when; None where nobody ever took it."""
    row = connection.execute(_until, {"of_name": name}).first()
    return None if row is None else Held(row.holder, row.until)


def take(connection: sa.Connection, name: str, holder: str, at: datetime, life: timedelta) -> bool:
    """Take a lease for `life` from `at`, or prolong one's own; False while another holder has it."""
    values = {"name": name, "holder": holder, "until": at + life, "at": at}
    return connection.execute(_take[connection.dialect.name], values).first() is not None


def give_up(connection: sa.Connection, name: str, holder: str) -> None:
    """Give one's own lease up, so that another node need not wait for its end."""
    connection.execute(leases.delete().where(leases.c.name == name, leases.c.holder == holder))
