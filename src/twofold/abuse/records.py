"""The statements of refusals counted by hour and network."""

from datetime import datetime

import sqlalchemy as sa

from twofold.abuse.tables import refusal_counts
from twofold.kit.db import INSERTS, UtcTime
from twofold.kit.statement import Statement

_count = Statement(
    {
        name: insert(refusal_counts)
        .values(
            hour=sa.bindparam("hour", type_=UtcTime),
            network=sa.bindparam("network", type_=sa.Text),
            kind=sa.bindparam("kind", type_=sa.Text),
            refused=sa.bindparam("times", type_=sa.BigInteger),
        )
        .on_conflict_do_update(
            index_elements=["hour", "network", "kind"],
            set_={"refused": refusal_counts.c.refused + sa.bindparam("times", type_=sa.BigInteger)},
        )
        for name, insert in INSERTS.items()
    }
)


def count(connection: sa.Connection, hour: datetime, network: str, kind: str, times: int) -> None:
    """Add to the refusals of an hour, a network and a kind."""
    _count.later(connection, hour=hour, network=network, kind=kind, times=times)


def forget_before(connection: sa.Connection, hour: datetime) -> int:
    """Delete the counts of the hours before one."""
    return connection.execute(refusal_counts.delete().where(refusal_counts.c.hour < hour)).rowcount
