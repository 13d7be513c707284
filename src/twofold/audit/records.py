"""The statements of the audit log: an event as it happens and as it is sealed, heads of chains, the key of exports."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.audit.chain import INSTALLATION, Event, Head, account_of, empty
from twofold.audit.stored import Linked, SealedHead, SigningKey, Waiting
from twofold.audit.tables import WRITTEN, audit_chains, audit_events, audit_signing_keys
from twofold.kit.sql.database import INSERTS, UtcTime, insert_where
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement

_append = Statement(audit_events.insert().inline(), columns=WRITTEN)
_append_where = Statement(insert_where(audit_events, WRITTEN, "known"))
_event = columns(Event, audit_events)
_waits = audit_events.c.hash.is_(None)
_any_waiting = sa.select(sa.literal(1)).select_from(audit_events).where(_waits).limit(1)
_waiting_in = (
    sa.select(audit_events.c.account_id)
    .where(_waits)
    .order_by(audit_events.c.number)
    .limit(sa.bindparam("most"))
)  # fmt: skip
_waiting = (
    sa.select(audit_events.c.number, audit_events.c.account_id, *_event)
    .where(_waits)
    .order_by(audit_events.c.number)
    .limit(sa.bindparam("most"))
)
_seal = (
    audit_events.update()
    .where(audit_events.c.number == sa.bindparam("of_number"), _waits)
    .values(position=sa.bindparam("at_position"), hash=sa.bindparam("by_hash"))
)
_known_heads = sa.select(audit_chains.c.chain).where(audit_chains.c.chain.in_(sa.bindparam("chains", expanding=True)))
# Everybody holds heads in the same order, so two sealers wait for each other and never deadlock.
_hold_heads = (
    sa.select(*columns(Head, audit_chains))
    .where(audit_chains.c.chain.in_(sa.bindparam("chains", expanding=True)))
    .order_by(audit_chains.c.chain)
    .with_for_update()
)
_open_heads = {
    name: insert(audit_chains).on_conflict_do_nothing(index_elements=["chain"]) for name, insert in INSERTS.items()
}
_move_head = (
    audit_chains.update()
    .where(audit_chains.c.chain == sa.bindparam("of_chain"))
    .values(
        position=sa.bindparam("new_position"),
        hash=sa.bindparam("new_hash"),
        sealed_at=sa.bindparam("new_sealed_at", type_=UtcTime),
    )
)
_heads = sa.select(*columns(Head, audit_chains)).order_by(
    sa.case((audit_chains.c.chain == INSTALLATION, 0), else_=1), "chain"
)
_head = sa.select(*columns(SealedHead, audit_chains)).where(audit_chains.c.chain == sa.bindparam("of_chain"))
_in_chain = sa.select(audit_events.c.position, audit_events.c.hash, *_event).where(
    audit_events.c.position > sa.bindparam("after"), audit_events.c.position <= sa.bindparam("until"),
).order_by(audit_events.c.position).limit(sa.bindparam("most"))  # fmt: skip
_in_chain_of_account = _in_chain.where(audit_events.c.account_id == sa.bindparam("of_account", type_=sa.Uuid))
_in_chain_of_installation = _in_chain.where(audit_events.c.account_id.is_(None))
_newest_key = sa.select(*columns(SigningKey, audit_signing_keys)).order_by(audit_signing_keys.c.number.desc()).limit(1)
_keep_key = {
    name: insert(audit_signing_keys).on_conflict_do_nothing(index_elements=["number"])
    for name, insert in INSERTS.items()
}


def append(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store an event."""
    _append.enqueue(connection, **values)


def append_where(connection: sa.Connection, values: dict[str, Any], *, known: bool) -> None:
    """Store an event where it is `known` whose it is, or execute the same statement to no effect."""
    _append_where.enqueue(connection, **values, known=known)


def any_waiting(connection: sa.Connection) -> bool:
    """Tell whether any event waits to be sealed."""
    return connection.execute(_any_waiting).first() is not None


def chains_waiting(connection: sa.Connection, most: int) -> set[UUID | None]:
    """Return the accounts (None: the installation) of the first events that wait to be sealed."""
    return set(connection.execute(_waiting_in, {"most": most}).scalars())


def waiting(connection: sa.Connection, most: int) -> list[Waiting]:
    """List the first events that wait to be sealed."""
    rows = connection.execute(_waiting, {"most": most})
    return [Waiting(number, account_id, Event(*fields)) for number, account_id, *fields in rows]


def append_all(connection: sa.Connection, events: sa.SelectBase) -> list[Waiting]:
    """Store the events that a statement selects, and return them as `waiting` does."""
    stored = audit_events.insert().from_select(WRITTEN, events, include_defaults=False)
    rows = connection.execute(stored.returning(audit_events.c.number, audit_events.c.account_id, *_event))
    return sorted(Waiting(number, account_id, Event(*fields)) for number, account_id, *fields in rows)


def hold_heads(connection: sa.Connection, chains: Collection[str], at: datetime) -> dict[str, Head]:
    """Hold the heads of chains to the end of the transaction, so that nobody else appends to them meanwhile."""
    values = {"chains": sorted(chains)}
    missing = set(chains) - set(connection.execute(_known_heads, values).scalars())
    if missing:
        new = [{**empty(chain)._asdict(), "sealed_at": at} for chain in sorted(missing)]
        connection.execute(_open_heads[connection.dialect.name], new)
    return {row.chain: Head(*row) for row in connection.execute(_hold_heads, values)}


def seal(connection: sa.Connection, sealed: Sequence[tuple[int, Head]]) -> int:
    """Give events their position and hash; return how many were changed."""
    values = [{"of_number": number, "at_position": head.position, "by_hash": head.hash} for number, head in sealed]
    return connection.execute(_seal, values).rowcount


def move_heads(connection: sa.Connection, heads: Collection[Head], at: datetime) -> None:
    """Write down how far chains reach now."""
    connection.execute(
        _move_head,
        [
            {"of_chain": head.chain, "new_position": head.position, "new_hash": head.hash, "new_sealed_at": at}
            for head in sorted(heads)
        ],
    )


def all_heads(connection: sa.Connection) -> list[Head]:
    """List the heads of all chains, the installation's first."""
    return [Head(*row) for row in connection.execute(_heads)]


def sealed_head(connection: sa.Connection, chain: str) -> SealedHead | None:
    """Find how far a chain is sealed, and since when."""
    row = connection.execute(_head, {"of_chain": chain}).first()
    return None if row is None else SealedHead(*row)


def events_of_chain(connection: sa.Connection, head: Head, after: int, most: int) -> list[Linked]:
    """List the sealed events of a chain behind a position and up to its head."""
    account_id = account_of(head.chain)
    query = _in_chain_of_installation if account_id is None else _in_chain_of_account
    values: dict[str, Any] = {"after": after, "until": head.position, "most": most}
    if account_id is not None:
        values["of_account"] = account_id
    rows = connection.execute(query, values)
    return [Linked(position, sealed, Event(*fields)) for position, sealed, *fields in rows]


def newest_key(connection: sa.Connection) -> SigningKey | None:
    """Return the key that signs exports."""
    row = connection.execute(_newest_key).first()
    return None if row is None else SigningKey(*row)


def keep_key(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a signing key, unless one by that number is there already."""
    connection.execute(_keep_key[connection.dialect.name], values)
