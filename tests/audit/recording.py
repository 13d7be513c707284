"""Events to test with."""

from uuid import UUID

from tests.harness.clock import NOON, later
from tests.harness.events import recorded
from twofold.audit import flow as audit
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.kit.sql.database import Database

A, B = UUID(int=0xA), UUID(int=0xB)
ADA, BOB = UUID(int=0xADA), UUID(int=0xB0B)
NO_REQUEST = ClientInfo("192.0.2.7", "Firefox", "request-1")


def record(db: Database, count: int = 1, *, account: UUID | None = A, kind: str = "signed_in") -> None:
    """Record events, a second apart, in a transaction of their own."""
    with db.write() as connection:
        for number in range(count):
            audit.record(
                connection,
                recorded(kind, {"number": number, "of": ["é", None, True]}),
                origin=Origin(later(seconds=number), NO_REQUEST, acting.user(ADA)),
                account_id=account,
                subject_id=BOB,
                reason=f"reason {number}",
            )


__all__ = ["ADA", "BOB", "NOON", "NO_REQUEST", "A", "B", "record"]
