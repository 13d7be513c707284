"""The mail outbox: a letter is written in the same transaction as what it tells of, and delivered afterwards.

What rests here is only which letter to whom about what; links and codes are minted when a letter is delivered, so that
a waiting queue holds no secret and eats none of a link's fifteen minutes. A letter is never lost: a crash between
handing it to the mail server and noting that repeats it, under the same Message-ID.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog

from twofold.kit.db import AnyRow, UtcTime, metadata
from twofold.kit.tokens import new_id

LEASE = timedelta(minutes=2)
WAITS = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 1800, 3600))
GIVE_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)  # how long an operator can look up what became of a letter

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=True),  # null once nothing is left to do
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=True),  # sent | dropped | rejected
    sa.Column("settled_at", UtcTime, nullable=True),
    sa.Column("last_error", sa.Text, nullable=True),
    sa.Index("ix_outbox_due_at", "due_at"),
    sa.Index("ix_outbox_settled_at", "settled_at"),
)

_due = sa.select(outbox.c.id).where(outbox.c.due_at <= sa.bindparam("at"))
_claim_due = _due.order_by(outbox.c.due_at).limit(sa.bindparam("most")).with_for_update(skip_locked=True)
_of_kinds = outbox.c.kind.in_(sa.bindparam("kinds", expanding=True))
_is_due = _due.limit(1)
_oldest_waiting = sa.select(sa.func.count(), sa.func.min(outbox.c.created_at)).where(outbox.c.due_at.is_not(None))

log = structlog.get_logger()


class Entry(NamedTuple):
    """A letter that waits: its kind names the template, its facts (JSON) say what it tells."""

    id: UUID
    kind: str
    account_id: UUID
    user_id: UUID
    recipient: str
    facts: dict[str, Any]
    created_at: datetime
    tries: int


class Outbox:
    """Where flows drop letters; without a mail server notices are skipped, and what needs mail must ask first."""

    def __init__(self, *, configured: bool) -> None:
        self.configured = configured

    def post(
        self,
        connection: sa.Connection,
        kind: str,
        *,
        user_id: UUID,
        account_id: UUID,
        recipient: str,
        at: datetime,
        facts: Mapping[str, Any] | None = None,
        not_before: datetime | None = None,
    ) -> UUID | None:
        """Drop a letter in the caller's transaction; return its id, or None when there is no mail server.

        `not_before` puts its delivery off; it counts as waiting from then on.
        """
        if not self.configured:
            log.info("letter skipped: no mail server is set", kind=kind, user_id=str(user_id))
            return None
        letter, due_at = new_id(), at if not_before is None else max(at, not_before)
        connection.execute(
            outbox.insert(),
            {
                "id": letter,
                "kind": kind,
                "account_id": account_id,
                "user_id": user_id,
                "recipient": recipient,
                "facts": msgspec.json.encode(facts or {}).decode(),
                "created_at": due_at,
                "due_at": due_at,
                "tries": 0,
            },
        )
        return letter


def is_due(connection: sa.Connection, at: datetime, kinds: Collection[str] | None = None) -> bool:
    """Tell whether a letter (of these kinds) is due: one look that holds nobody up."""
    query = _is_due if kinds is None else _is_due.where(_of_kinds)
    return connection.execute(query, {"at": at} | _named(kinds)).first() is not None


def claim(
    connection: sa.Connection, at: datetime, most: int = 10, kinds: Collection[str] | None = None
) -> Sequence[Entry]:
    """Take letters (of these kinds) that are due, for two minutes: whoever dies with them leaves them to the next."""
    query = _claim_due if kinds is None else _claim_due.where(_of_kinds)
    ids = connection.execute(query, {"at": at, "most": most} | _named(kinds)).scalars().all()
    if not ids:
        return []
    rows = connection.execute(
        outbox.update()
        .where(outbox.c.id.in_(ids))
        .values(due_at=at + LEASE, tries=outbox.c.tries + 1)
        .returning(outbox),
    )
    return [_entry(row) for row in sorted(rows, key=lambda row: row.created_at)]


def settle(connection: sa.Connection, letter: UUID, outcome: str, at: datetime, error: str | None = None) -> None:
    """Note that a letter needs no more work: it was `sent`, `dropped` as out of date, or `rejected` for good."""
    connection.execute(
        outbox.update()
        .where(outbox.c.id == letter)
        .values(outcome=outcome, settled_at=at, due_at=None, last_error=error),
    )


def postpone(connection: sa.Connection, entry: Entry, at: datetime, error: str) -> None:
    """Try a letter again later, after a wait that grows; after three days give it up as rejected.

    A letter that another worker has claimed meanwhile is left to that one.
    """
    if at - entry.created_at > GIVE_UP_AFTER:
        settle(connection, entry.id, "rejected", at, error)
        return
    wait = WAITS[min(entry.tries, len(WAITS)) - 1]
    mine = (outbox.c.id == entry.id) & (outbox.c.tries == entry.tries) & outbox.c.due_at.is_not(None)
    connection.execute(outbox.update().where(mine).values(due_at=at + wait, last_error=error))


def waiting(connection: sa.Connection) -> tuple[int, datetime | None]:
    """Return how many letters wait and since when the oldest does."""
    row = connection.execute(_oldest_waiting).one()
    return row[0], row[1]


def forget_settled(connection: sa.Connection, at: datetime) -> int:
    """Delete letters that were settled a month ago; for the clean-up."""
    return connection.execute(outbox.delete().where(outbox.c.settled_at <= at - KEPT)).rowcount


def _named(kinds: Collection[str] | None) -> dict[str, Any]:
    return {} if kinds is None else {"kinds": sorted(kinds)}


def _entry(row: AnyRow) -> Entry:
    return Entry(
        row.id,
        row.kind,
        row.account_id,
        row.user_id,
        row.recipient,
        msgspec.json.decode(row.facts),
        row.created_at,
        row.tries,
    )
