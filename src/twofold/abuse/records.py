"""The statements of refusals counted by hour and network, and of blocked networks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse.blocklist import Block
from twofold.abuse.refused import AimedAt, LoggedEvent
from twofold.abuse.tables import blocked_networks, refusal_counts
from twofold.audit.tables import audit_events
from twofold.directory.tables import users
from twofold.kit.sql.database import INSERTS, UtcTime, delete_idle, upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement

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
_counts_since = (
    sa.select(refusal_counts.c.network, refusal_counts.c.kind, sa.func.sum(refusal_counts.c.refused))
    .where(refusal_counts.c.hour >= sa.bindparam("since", type_=UtcTime), refusal_counts.c.refused > 0)
    .group_by(refusal_counts.c.network, refusal_counts.c.kind)
)

# The log is read from its end by its primary key, so the look costs what it shows and not what the log holds.
_newest_events = (
    sa.select(*columns(LoggedEvent, audit_events)).order_by(audit_events.c.number.desc()).limit(sa.bindparam("most"))
)
_events_before = _newest_events.where(audit_events.c.number < sa.bindparam("before"))
_users_aimed_at = sa.select(*columns(AimedAt, users)).where(users.c.id.in_(sa.bindparam("user_ids", expanding=True)))

_block_columns = columns(Block, blocked_networks)
_blocks = sa.select(*_block_columns).order_by(blocked_networks.c.blocked_at, blocked_networks.c.network)
_in_force = sa.select(blocked_networks.c.network).where(
    blocked_networks.c.until.is_(None) | (blocked_networks.c.until > sa.bindparam("at", type_=UtcTime))
)
_block = upsert(blocked_networks, ["network"], ["reason", "blocked_at", "until"])
_by_network = sa.select(*_block_columns).where(blocked_networks.c.network == sa.bindparam("network"))


def count(connection: sa.Connection, hour: datetime, network: str, kind: str, times: int) -> None:
    """Add to the refusals of an hour, a network and a kind."""
    _count.enqueue(connection, hour=hour, network=network, kind=kind, times=times)


def counts_since(connection: sa.Connection, since: datetime) -> list[tuple[str, str, int]]:
    """Return network, kind and number of what was refused since the beginning of an hour."""
    rows = connection.execute(_counts_since, {"since": since}).all()
    return [(network, kind, int(refused)) for network, kind, refused in rows]


def forget_before(connection: sa.Connection, hour: datetime) -> int:
    """Delete the counts of the hours before one."""
    return delete_idle(connection, refusal_counts, refusal_counts.c.hour < hour)


def newest_events(connection: sa.Connection, before: int | None, most: int) -> list[LoggedEvent]:
    """List events of all logs, the newest first, from before a number on."""
    query, values = (_newest_events, {}) if before is None else (_events_before, {"before": before})
    return [LoggedEvent(*row) for row in connection.execute(query, {"most": most, **values})]


def users_aimed_at(connection: sa.Connection, user_ids: Sequence[UUID]) -> list[AimedAt]:
    """Return the users by these ids."""
    return [AimedAt(*row) for row in connection.execute(_users_aimed_at, {"user_ids": user_ids})] if user_ids else []


def block(connection: sa.Connection, values: dict[str, Any]) -> Block:
    """Store a block, in the place of one of the same network; return it."""
    connection.execute(_block[connection.dialect.name], values)
    return Block(*connection.execute(_by_network, {"network": values["network"]}).one())


def unblock(connection: sa.Connection, block_id: UUID) -> Block | None:
    """Delete a block, and return it."""
    gone = blocked_networks.delete().where(blocked_networks.c.id == block_id).returning(*_block_columns)
    row = connection.execute(gone).first()
    return None if row is None else Block(*row)


def blocks(connection: sa.Connection) -> list[Block]:
    """List every block, the oldest first, also those whose time is over."""
    return [Block(*row) for row in connection.execute(_blocks)]


def networks_in_force(connection: sa.Connection, at: datetime) -> list[str]:
    """List the networks that are blocked at a moment."""
    return list(connection.execute(_in_force, {"at": at}).scalars())


def forget_blocks_over(connection: sa.Connection, at: datetime) -> int:
    """Delete blocks whose time is over."""
    return delete_idle(connection, blocked_networks, blocked_networks.c.until <= at)
