"""Delivering letters: claimed and composed in one transaction, handed over outside of it, settled in another.

A crash in between repeats the letter once its claim is over, under the same Message-ID; whatever secret it carries is
minted anew, and the one before it is dead.

While the mail server is away no letter is claimed: nothing is minted that nobody gets, and once the server is back
every letter is due, not only those whose own wait happens to be over.
"""

import threading
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import NamedTuple, assert_never

import sqlalchemy as sa
import structlog

from twofold.kit import clock, metrics, outbox
from twofold.kit.house import House
from twofold.kit.letters import Composer, Letters
from twofold.kit.outbox import Entry
from twofold.kit.smtp import Delivered, Outcome, Rejected, Transport, TryLater, Unreachable

# Between two looks for a mail server that is away: longer and longer, but nobody waits for more than a minute.
LOOKS = tuple(timedelta(seconds=s) for s in (5, 10, 20, 40, 60))

log = structlog.get_logger("twofold.mail")


class Written(NamedTuple):
    """A letter that is ready to go out."""

    entry: Entry
    message: EmailMessage


class Delivery:
    """Delivers the letters of a house through a transport; `composers` say for each kind what it tells."""

    def __init__(
        self,
        house: House,
        transport: Transport,
        composers: Mapping[str, Composer],
        urgent: Collection[str] = (),
    ) -> None:
        self._transport = transport
        self._composers = composers
        self._urgent = urgent
        self._letters = Letters(house.settings)
        self._server = _MailServer(transport)

    def run(self, house: House, at: datetime) -> bool:
        """Deliver the letter that has been due longest; tell whether there was one."""
        return self._deliver_one(house, at, None)

    def run_urgent(self, house: House, at: datetime) -> bool:
        """Deliver a letter that somebody waits for before a page, whatever queues before it."""
        return self._deliver_one(house, at, self._urgent)

    def _deliver_one(self, house: House, at: datetime, kinds: Collection[str] | None) -> bool:
        if self._server.is_away(at):
            return False
        with house.db.read() as connection:
            if not outbox.is_due(connection, at, kinds):
                return False
        with house.db.write() as connection:
            entries = outbox.claim(connection, at, 1, kinds)
            written = self._write(house, connection, entries[0], at) if entries else None
        if written is not None:
            outcome = self._transport.deliver(written.message)
            if isinstance(outcome, Unreachable):
                self._server.lost(clock.now(), outcome)
            with house.db.write() as connection:
                _settle(connection, written.entry, outcome, clock.now())
        return bool(entries)

    def _write(self, house: House, connection: sa.Connection, entry: Entry, at: datetime) -> Written | None:
        """Compose a letter; one that is out of date is dropped, one that cannot be composed waits for a repair."""
        try:
            with connection.begin_nested():
                told = self._composers[entry.kind](house, connection, entry, at)
                if told is not None:
                    return Written(entry, self._letters.write(entry, told, at))
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            raise  # the database is away; the letter is as it should be
        except Exception as error:  # one letter that breaks must not hold up the others
            log.exception("letter could not be composed", kind=entry.kind, letter=str(entry.id))
            outbox.postpone(connection, entry, at, f"not composed: {type(error).__name__}")
            metrics.letters.labels("postponed").inc()
            return None
        outbox.settle(connection, entry.id, "dropped", at)
        metrics.letters.labels("dropped").inc()
        return None


class _MailServer:
    """Knows whether the mail server is away; one thread at a time looks for it, the others leave the letters alone."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._looking = threading.Lock()
        self._looks = 0
        self._next_look: datetime | None = None  # None while it is there

    def lost(self, at: datetime, outcome: Unreachable) -> None:
        """Note that a letter found nobody there."""
        with self._looking:
            if self._next_look is None:
                self._looks, self._next_look = 0, at + LOOKS[0]
                log.error("the mail server is away", why=outcome.why)

    def is_away(self, at: datetime) -> bool:
        """Tell whether it is away; look for it, where the time has come."""
        if self._looks_at(at) and self._looking.acquire(blocking=False):
            try:
                if self._looks_at(at):  # still: another thread may just have looked
                    self._look(at)
            finally:
                self._looking.release()
        return self._next_look is not None

    def _looks_at(self, at: datetime) -> bool:
        """Tell whether it is away and a look is due; that one lies far ahead means that the clock was set back."""
        return self._next_look is not None and not timedelta(0) < self._next_look - at <= LOOKS[-1]

    def _look(self, at: datetime) -> None:
        if self._transport.reach() is None:
            self._next_look = None
            log.warning("the mail server is back")
        else:
            self._looks += 1
            self._next_look = at + LOOKS[min(self._looks, len(LOOKS) - 1)]


def _settle(connection: sa.Connection, entry: Entry, outcome: Outcome, at: datetime) -> None:
    """Note what became of a letter; nothing of its text, its recipient or its links is logged."""
    named = log.bind(kind=entry.kind, letter=str(entry.id), tries=entry.tries)
    match outcome:
        case Delivered():
            outbox.settle(connection, entry.id, "sent", at)
            metrics.letters.labels("sent").inc()
            named.info("letter sent")
        case TryLater(why) | Unreachable(why):
            outbox.postpone(connection, entry, at, why)
            metrics.letters.labels("postponed").inc()
            named.warning("letter postponed", why=why)
        case Rejected(why):
            outbox.settle(connection, entry.id, "rejected", at, why)
            metrics.letters.labels("rejected").inc()
            named.error("letter rejected", why=why)
        case _:
            assert_never(outcome)
