"""Sealing: events are linked into their chains a few seconds after they were recorded.

A sign-in only ever inserts its event; it neither knows nor waits for a chain. The place in a chain is given here, by
whoever holds the chain's head, so it does not matter that a transaction may take a low number and commit late: its
event is simply linked later.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from twofold.audit import records
from twofold.audit.chain import Head, append, chain_of
from twofold.audit.stored import Waiting
from twofold.kit.sql.database import Database

BATCH = 200  # events a transaction


def seal_everything(db: Database, at: datetime) -> int:
    """Link whatever waits, batch by batch, and return how many events; the worker calls this every few seconds.

    Raises:
        RuntimeError: an event was sealed by something that did not lock the head of its chain.
        ValueError: the `details` of an event are not JSON, or hold a number that canonical JSON lacks.

    """
    total = 0
    while sealed := seal(db, at):
        total += sealed
        if sealed < BATCH:
            break
    return total


def seal(db: Database, at: datetime, most: int = BATCH) -> int:
    """Link up to `most` events that wait into their chains, in the order of their numbers; return how many.

    Several sealers may run at once: each holds the heads of the chains it appends to, and looks again at what still
    waits after it got hold of them.

    Raises:
        RuntimeError, ValueError: as for `seal_everything`.

    """
    with db.read() as connection:
        if not records.any_waiting(connection):
            return 0
    with db.write() as connection:
        chains = {chain_of(account_id) for account_id in records.chains_waiting(connection, most)}
        if not chains:
            return 0
        heads = records.hold_heads(connection, chains, at)
        sealed = _linked(records.waiting(connection, most), heads)
        if not sealed:
            return 0
        if records.seal(connection, sealed) != len(sealed):
            msg = "an audit event was sealed by somebody who did not hold the head of its chain"
            raise RuntimeError(msg)
        records.move_heads(connection, {heads[head.chain] for _number, head in sealed}, at)
    return len(sealed)


def rehearse(connection: sa.Connection, events: sa.SelectBase, at: datetime) -> None:
    """Do the work of recording and sealing `events` (the columns of `tables.WRITTEN`), and undo it.

    For events of nobody: else whoever is watched by how quickly others are answered would be seen by what is sealed a
    moment later.
    """
    with connection.begin_nested() as sealing:
        waiting = records.append_all(connection, events)
        heads = records.hold_heads(connection, {chain_of(one.account_id) for one in waiting}, at)
        linked = _linked(waiting, heads)
        records.seal(connection, linked)
        records.move_heads(connection, {heads[head.chain] for _number, head in linked}, at)
        sealing.rollback()


def _linked(events: Sequence[Waiting], heads: dict[str, Head]) -> list[tuple[int, Head]]:
    """Link events into the chains whose heads are held, which move on; return each event's number and place."""
    linked: list[tuple[int, Head]] = []
    for number, account_id, event in events:
        head = heads.get(chain_of(account_id))
        if head is not None:  # else it came in meanwhile, in a chain whose head is not held: the next batch has it
            heads[head.chain] = append(head, event)
            linked.append((number, heads[head.chain]))
    return linked
