"""Blocking a network: stored once, in force on every node within seconds."""

from datetime import datetime, timedelta
from uuid import UUID

from twofold.abuse import records
from twofold.abuse.blocklist import Block, Blocklist, WrongNetwork, network_to_block
from twofold.audit import flow as audit
from twofold.events import directory_kinds
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import Database


def block(
    context: AppContext,
    network: str,
    *,
    reason: str,
    life: timedelta | None,
    origin: Origin,
) -> Block | WrongNetwork:
    """Block a network for `life`, or (None) until it is unblocked; a second block of it replaces the first."""
    wanted = network_to_block(network, context.settings.trusted_proxies)
    if isinstance(wanted, WrongNetwork):
        return wanted
    until = None if life is None else origin.at + life
    values = {"id": new_id(), "network": wanted, "reason": reason.strip(), "blocked_at": origin.at, "until": until}
    with context.db.write() as connection:
        made = records.block(connection, values)
        audit.record(
            connection,
            directory_kinds.NetworkBlocked(network=wanted, until=None if until is None else until.isoformat()),
            origin=origin,
            account_id=None,
            reason=reason,
        )
    return made


def unblock(
    db: Database,
    block_id: UUID,
    *,
    reason: str,
    origin: Origin,
) -> Block | None:
    """Lift a block and return it; None when there is no such block."""
    with db.write() as connection:
        gone = records.unblock(connection, block_id)
        if gone is None:
            return None
        audit.record(
            connection,
            directory_kinds.NetworkUnblocked(network=gone.network),
            origin=origin,
            account_id=None,
            reason=reason,
        )
    return gone


def list_blocks(db: Database) -> list[Block]:
    """List every block that was not lifted, the oldest first."""
    with db.read() as connection:
        return records.blocks(connection)


def in_force(db: Database, at: datetime) -> Blocklist:
    """Return the blocks that are in force at a moment."""
    with db.read() as connection:
        return Blocklist(records.networks_in_force(connection, at))
