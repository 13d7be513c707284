"""Delivering letters: claimed and composed in one transaction, handed over outside of it, settled in another.

A crash in between repeats the letter once its claim is over, under the same Message-ID; whatever secret it carries is
minted anew, and the one before it is dead.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from email.message import EmailMessage
from typing import NamedTuple, assert_never

import sqlalchemy as sa
import structlog

from twofold.kit import clock, metrics, outbox
from twofold.kit.house import House
from twofold.kit.letters import Composer, Letters
from twofold.kit.outbox import Entry
from twofold.kit.smtp import Delivered, Outcome, Rejected, Transport, TryLater

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

    def run(self, house: House, at: datetime) -> bool:
        """Deliver the letter that has been due longest; tell whether there was one."""
        return self._deliver_one(house, at, None)

    def run_urgent(self, house: House, at: datetime) -> bool:
        """Deliver a letter that somebody waits for before a page, whatever queues before it."""
        return self._deliver_one(house, at, self._urgent)

    def _deliver_one(self, house: House, at: datetime, kinds: Collection[str] | None) -> bool:
        with house.db.read() as connection:
            if not outbox.is_due(connection, at, kinds):
                return False
        with house.db.write() as connection:
            entries = outbox.claim(connection, at, 1, kinds)
            written = self._write(house, connection, entries[0], at) if entries else None
        if written is not None:
            outcome = self._transport.deliver(written.message)
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


def _settle(connection: sa.Connection, entry: Entry, outcome: Outcome, at: datetime) -> None:
    """Note what became of a letter; nothing of its text, its recipient or its links is logged."""
    named = log.bind(kind=entry.kind, letter=str(entry.id), tries=entry.tries)
    match outcome:
        case Delivered():
            outbox.settle(connection, entry.id, "sent", at)
            metrics.letters.labels("sent").inc()
            named.info("letter sent")
        case TryLater(why):
            outbox.postpone(connection, entry, at, why)
            metrics.letters.labels("postponed").inc()
            named.warning("letter postponed", why=why)
        case Rejected(why):
            outbox.settle(connection, entry.id, "rejected", at, why)
            metrics.letters.labels("rejected").inc()
            named.error("letter rejected", why=why)
        case _:
            assert_never(outcome)
