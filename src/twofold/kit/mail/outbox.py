"""The mail outbox: a letter is stored in the same transaction as what it tells of, and delivered afterwards.

What rests here is only which letter to whom about what; links and codes are minted when a letter is delivered, so that
a waiting queue holds no secret and eats none of a link's fifteen minutes. A letter is never lost: a crash between
handing it to the mail server and noting that repeats it, under the same Message-ID.

A letter without a recipient is a decoy: somebody asked for one to an address that no user has. It is stored so that
the request does the same work for every address; it has a priority of its own, and the number that waits is bounded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog

from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import UtcTime, delete_idle, metadata
from twofold.kit.sql.rows import columns

LEASE = timedelta(minutes=2)
WAITS = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 1800, 3600))
GIVE_UP_AFTER = timedelta(days=3)
LATE_AFTER = timedelta(minutes=1)
KEPT = timedelta(days=30)  # how long an operator can look up what became of a letter
DECOYS_KEPT = timedelta(hours=1)
MOST_DECOYS_WAITING = 50  # decoys at a time; of more the oldest are deleted
DROPPED_AT_ONCE = 1_000  # decoys a transaction


class Priority(IntEnum):
    """Which letters go before which, in the order of these numbers."""

    WAITED_FOR = 0  # somebody who has proved something waits for it before a page
    ASKED_FOR = 1  # the same, but anybody can ask for it
    DECOY = 2
    OTHER = 3


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
    sa.Column("turn", sa.SmallInteger, nullable=False, server_default=str(Priority.OTHER.value)),
    sa.Index("ix_outbox_due_at", "due_at"),
    sa.Index("ix_outbox_settled_at", "settled_at"),
    sa.Index(
        "ix_outbox_turn_due_at",
        *("turn", "due_at"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
)

_due = sa.select(outbox.c.id).where(
    outbox.c.due_at <= sa.bindparam("at"),
    outbox.c.turn <= sa.bindparam("last"),
    outbox.c.turn != sa.bindparam("without"),
)
_is_due = _due.limit(1)
_claim = _due.limit(sa.bindparam("most")).with_for_update(skip_locked=True)
_claim_in_turn, _claim_oldest = _claim.order_by(outbox.c.turn, outbox.c.due_at), _claim.order_by(outbox.c.due_at)
_waits = outbox.c.due_at.is_not(None)
_is_decoy = outbox.c.turn == Priority.DECOY.value
_oldest_waiting = sa.select(sa.func.count(), sa.func.min(outbox.c.created_at)).where(_waits, sa.not_(_is_decoy))
_late = (
    sa.select(outbox.c.id)
    .where(_waits, sa.not_(_is_decoy), outbox.c.created_at <= sa.bindparam("before", type_=UtcTime))
    .limit(1)
)
_surplus = (
    sa.select(outbox.c.id)
    .where(_waits, _is_decoy)
    .order_by(outbox.c.due_at.desc())
    .offset(MOST_DECOYS_WAITING)
    .limit(sa.bindparam("most"))
)
_drop_surplus = outbox.delete().where(outbox.c.id.in_(_surplus)).returning(outbox.c.user_id)

log = structlog.get_logger()


class Entry(NamedTuple):
    """A letter that waits: its kind names the template, its facts (JSON) are what was known when it was dropped."""

    id: UUID
    kind: str
    account_id: UUID
    user_id: UUID
    recipient: str
    facts: dict[str, Any]
    created_at: datetime
    tries: int
    turn: Priority = Priority.OTHER

    @property
    def is_decoy(self) -> bool:
        """Whether no user has the address that it was asked for."""
        return not self.recipient


class Selection(NamedTuple):
    """Which letters are looked for: those of a priority up to `last`, with or without `decoys`."""

    last: Priority = Priority.OTHER
    decoys: bool = True


ANY = Selection()
NO_PRIORITY = -1


class Outbox:
    """Where flows drop letters; without a mail server notices are skipped, and what needs mail must ask first."""

    def __init__(self, *, configured: bool, priorities: Mapping[str, Priority] | None = None) -> None:
        """Give the kinds in `priorities` theirs; whatever else there is comes after them."""
        self.configured = configured
        self._priorities = priorities or {}

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

        One to an empty `recipient` is a decoy: the same statement stores it, and it is never sent.
        `not_before` puts its delivery off; it counts as waiting from then on.

        Raises:
            TypeError: one of the `facts` is of a type that JSON does not have.

        """
        if not self.configured:
            log.info("letter skipped: no mail server is set", kind=kind, user_id=str(user_id))
            return None
        letter, due_at = new_id(), max(at, not_before or at)
        turn = self._priorities.get(kind, Priority.OTHER) if recipient else Priority.DECOY
        values = {
            "id": letter, "kind": kind, "account_id": account_id, "user_id": user_id, "recipient": recipient,
            "facts": msgspec.json.encode(facts or {}).decode(), "created_at": due_at, "due_at": due_at, "tries": 0,
            "turn": turn.value,
        }  # fmt: skip
        connection.execute(outbox.insert(), values)
        return letter


def is_due(connection: sa.Connection, at: datetime, which: Selection = ANY) -> bool:
    """Tell whether a letter is due: a read that blocks nobody."""
    return connection.execute(_is_due, {"at": at} | _named(which)).first() is not None


def claim(
    connection: sa.Connection, at: datetime, most: int = 10, which: Selection = ANY, *, oldest_first: bool = False
) -> Sequence[Entry]:
    """Claim up to `most` due letters by priority, for two minutes (LEASE): after a crash another worker takes them.

    `oldest_first` disregards the priority, so that nothing starves behind what comes again and again.
    """
    query = _claim_oldest if oldest_first else _claim_in_turn
    ids = connection.execute(query, {"at": at, "most": most} | _named(which)).scalars().all()
    if not ids:
        return []
    rows = connection.execute(
        outbox.update()
        .where(outbox.c.id.in_(ids))
        .values(due_at=at + LEASE, tries=outbox.c.tries + 1)
        .returning(*columns(Entry, outbox)),
    )
    return sorted((_entry(*row) for row in rows), key=lambda entry: (entry.turn, entry.created_at))


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
    values: dict[str, Any] = {"due_at": at + WAITS[min(entry.tries, len(WAITS)) - 1]}
    if at - entry.created_at > GIVE_UP_AFTER:
        values = {"due_at": None, "outcome": "rejected", "settled_at": at}
    mine = (outbox.c.id == entry.id) & (outbox.c.tries == entry.tries) & outbox.c.due_at.is_not(None)
    connection.execute(outbox.update().where(mine).values(last_error=error, **values))


def waiting(connection: sa.Connection) -> tuple[int, datetime | None]:
    """Return how many letters to users wait, decoys not counted, and since when the oldest does."""
    row = connection.execute(_oldest_waiting).one()
    return row[0], row[1]


def is_late(connection: sa.Connection, at: datetime) -> bool:
    """Tell whether a letter to a user has waited for more than a minute: the mail server is away, or no worker runs."""
    return connection.execute(_late, {"before": at - LATE_AFTER}).first() is not None


def forget_settled(connection: sa.Connection, at: datetime) -> int:
    """Delete letters that were settled 30 days ago, and return how many; for the clean-up."""
    return delete_idle(connection, outbox, outbox.c.settled_at <= at - KEPT)


def has_surplus(connection: sa.Connection) -> bool:
    """Tell whether more decoys wait than are kept (MOST_DECOYS_WAITING)."""
    return connection.execute(_surplus, {"most": 1}).first() is not None


def drop_surplus(connection: sa.Connection) -> list[UUID]:
    """Delete the oldest decoys, where more wait than are kept, up to 1,000; return the made-up user ids they name."""
    return list(connection.execute(_drop_surplus, {"most": DROPPED_AT_ONCE}).scalars())


def _named(which: Selection) -> dict[str, int]:
    return {"last": which.last.value, "without": NO_PRIORITY if which.decoys else Priority.DECOY.value}


def _entry(*row: Any) -> Entry:
    stored: Any = Entry(*row)  # its facts are text still, and its priority a number
    entry: Entry = stored._replace(facts=msgspec.json.decode(stored.facts), turn=Priority(stored.turn))
    return entry
