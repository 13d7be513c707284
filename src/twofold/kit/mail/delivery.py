"""Delivering letters: claimed and composed in one transaction, rendered and sent outside of it, settled in another.

A crash in between repeats the letter once its claim is over, under the same Message-ID; whatever secret it carries is
minted anew, and the one before it is void.

While the mail server is away no letter is claimed: nothing is minted that nobody gets, and once the server is back
every letter is due, not only those whose own wait happens to be over.

A decoy letter goes through the same steps, but what its composer did is rolled back, and it is handed over to nobody
(kit.mail.decoys, kit.mail.rehearsal).
"""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, NamedTuple, TypeAlias, assert_never

import sqlalchemy as sa
import structlog

from twofold.kit import clock, metrics
from twofold.kit.context import AppContext
from twofold.kit.mail import outbox, rehearsal
from twofold.kit.mail.decoys import Allowance
from twofold.kit.mail.letters import Composer, Letters
from twofold.kit.mail.outbox import Entry, Priority, Selection
from twofold.kit.mail.smtp import Delivered, Outcome, Rejected, Transport, TryLater, Unreachable

# Between two attempts to reach a mail server that is away: longer and longer, but never more than a minute.
PROBE_WAITS = tuple(timedelta(seconds=s) for s in (5, 10, 20, 40, 60))

DECOYS_ADDRESS = "nobody@localhost"  # a decoy is composed with it: nothing is sent there

SENT, POSTPONED, REJECTED, DROPPED = OUTCOMES = ("sent", "postponed", "rejected", "dropped")  # of letters, as counted

Content: TypeAlias = dict[str, Any]

log = structlog.get_logger("twofold.mail")


class Claimed(NamedTuple):
    """A claimed letter and its content; None when it was dropped or waits for a repair."""

    entry: Entry
    content: Content | None


class Delivery:
    """Delivers the letters of an application through a transport; `composers` give the content of each kind."""

    def __init__(self, context: AppContext, transport: Transport, composers: Mapping[str, Composer]) -> None:
        self._transport = transport
        self._composers = composers
        self._letters = Letters(context.settings)
        self._server = _MailServer(transport)
        self._allowance = Allowance()

    def run(self, context: AppContext, at: datetime) -> bool:
        """Deliver the due letter that has the highest priority; tell whether there was one."""
        return self._deliver_one(context, at, Priority.OTHER)

    def run_urgent(self, context: AppContext, at: datetime) -> bool:
        """Deliver a letter that somebody waits for before a page, or a decoy; tell whether there was one.

        It takes no other, so that a thread is left for those.
        """
        return self._deliver_one(context, at, Priority.DECOY)

    def run_oldest(self, context: AppContext, at: datetime) -> bool:
        """Deliver the letter that has been due longest, so that none starves; tell whether there was one."""
        return self._deliver_one(context, at, Priority.OTHER, oldest_first=True)

    def _deliver_one(self, context: AppContext, at: datetime, last: Priority, *, oldest_first: bool = False) -> bool:
        if self._server.is_away(at):
            return False
        with ExitStack() as place:
            which = Selection(last, place.enter_context(self._allowance.one(at)))
            claimed = self._claim(context, at, which, oldest_first=oldest_first)
            if claimed is None:
                return False
            if not claimed.entry.is_decoy:
                place.close()
            message = self._write(context, claimed, at)
            if message is not None:
                self._hand_over(context, claimed.entry, message)
        return True

    def _claim(self, context: AppContext, at: datetime, which: Selection, *, oldest_first: bool) -> Claimed | None:
        with context.db.read() as connection:
            if not outbox.is_due(connection, at, which):
                return None
        with context.db.write() as connection:
            entries = outbox.claim(connection, at, 1, which, oldest_first=oldest_first)
            claimed = self._compose(context, connection, entries[0], at) if entries else None
        if claimed is not None and claimed.entry.turn in {Priority.ASKED_FOR, Priority.DECOY}:
            self._allowance.spend()
        return claimed

    def _compose(self, context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> Claimed:
        """Ask for the content of a letter; one that is out of date is dropped, one that breaks waits for a repair."""
        try:
            with connection.begin_nested() as composing:
                content = self._composers[entry.kind](context, connection, entry, at)
                if entry.is_decoy:
                    composing.rollback()
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            raise  # the database is away; the letter is as it should be
        except Exception as error:  # one letter that breaks must not hold up the others
            log.exception("letter could not be composed", kind=entry.kind, letter=str(entry.id))
            _put_aside(connection, entry, at, error)
            return Claimed(entry, None)
        if content is None:
            _drop(connection, entry, at)
        return Claimed(entry, content)

    def _write(self, context: AppContext, claimed: Claimed, at: datetime) -> EmailMessage | None:
        """Write a letter, while no transaction is open: on SQLite nobody else could write meanwhile."""
        entry, content = claimed
        if content is None:
            return None
        try:
            return self._letters.write(entry._replace(recipient=entry.recipient or DECOYS_ADDRESS), content, at)
        except Exception as error:  # as in `_compose`
            log.exception("letter could not be composed", kind=entry.kind, letter=str(entry.id))
            with context.db.write() as connection:
                _put_aside(connection, entry, at, error)
            return None

    def _hand_over(self, context: AppContext, entry: Entry, message: EmailMessage) -> None:
        if entry.is_decoy:
            with self._allowance.as_long():
                rehearsal.hand_over(message)
            with context.db.write() as connection:
                _drop(connection, entry, clock.now())
            return
        with self._allowance.measured():
            outcome = self._transport.deliver(message)
        if isinstance(outcome, Unreachable):
            self._server.lost(clock.now(), outcome)
        with context.db.write() as connection:
            _settle(connection, entry, outcome, clock.now())


class _MailServer:
    """Knows whether the mail server is away; one thread at a time tries to reach it, the others claim no letters."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._probing = threading.Lock()
        self._probes = 0
        self._next_probe: datetime | None = None  # None while it is there

    def lost(self, at: datetime, outcome: Unreachable) -> None:
        """Note that the server could not be reached with a letter."""
        with self._probing:
            if self._next_probe is None:
                self._probes, self._next_probe = 0, at + PROBE_WAITS[0]
                log.error("the mail server is away", why=outcome.why)

    def is_away(self, at: datetime) -> bool:
        """Tell whether it is away; try to reach it, where the next attempt is due."""
        if self._probe_is_due(at) and self._probing.acquire(blocking=False):
            try:
                if self._probe_is_due(at):  # still: another thread may just have probed
                    self._probe(at)
            finally:
                self._probing.release()
        return self._next_probe is not None

    def _probe_is_due(self, at: datetime) -> bool:
        """Tell whether it is away and an attempt is due; one that lies far ahead means that the clock was set back."""
        return self._next_probe is not None and not timedelta(0) < self._next_probe - at <= PROBE_WAITS[-1]

    def _probe(self, at: datetime) -> None:
        if self._transport.reach() is None:
            self._next_probe = None
            log.warning("the mail server is back")
        else:
            self._probes += 1
            self._next_probe = at + PROBE_WAITS[min(self._probes, len(PROBE_WAITS) - 1)]


def _drop(connection: sa.Connection, entry: Entry, at: datetime) -> None:
    """Note that a letter is not to be sent; a decoy as settled so long ago that it is soon deleted."""
    settled_at = at - outbox.KEPT + outbox.DECOYS_KEPT if entry.is_decoy else at
    outbox.settle(connection, entry.id, "dropped", settled_at)
    metrics.letters.labels(DROPPED).inc()


def _put_aside(connection: sa.Connection, entry: Entry, at: datetime, error: Exception) -> None:
    """Let a letter that breaks wait for a repair."""
    outbox.postpone(connection, entry, at, f"not composed: {type(error).__name__}")
    metrics.letters.labels(POSTPONED).inc()


def _settle(connection: sa.Connection, entry: Entry, outcome: Outcome, at: datetime) -> None:
    """Note what became of a letter; nothing of its text, its recipient or its links is logged."""
    named = log.bind(kind=entry.kind, letter=str(entry.id), tries=entry.tries)
    match outcome:
        case Delivered():
            outbox.settle(connection, entry.id, "sent", at)
            metrics.letters.labels(SENT).inc()
            named.info("letter sent")
        case TryLater(why) | Unreachable(why):
            outbox.postpone(connection, entry, at, why)
            metrics.letters.labels(POSTPONED).inc()
            named.warning("letter postponed", why=why)
        case Rejected(why):
            outbox.settle(connection, entry.id, "rejected", at, why)
            metrics.letters.labels(REJECTED).inc()
            named.error("letter rejected", why=why)
        case _:
            assert_never(outcome)
