"""Events to test with."""

from uuid import UUID

from tests.harness.clock import NOON, later
from twofold.audit import flow as audit
from twofold.kit.db import Database
from twofold.kit.visitor import Visitor

A, B = UUID(int=0xA), UUID(int=0xB)
ADA, BOB = UUID(int=0xADA), UUID(int=0xB0B)
HERE = Visitor("192.0.2.7", "Firefox", "request-1")


def record(db: Database, count: int = 1, *, account: UUID | None = A, kind: str = "signed_in") -> None:
    """Record events, a second apart, in a transaction of their own."""
    with db.write() as connection:
        for number in range(count):
            audit.record(
                connection, kind, at=later(seconds=number), account_id=account, actor=audit.user(ADA), subject_id=BOB,
                reason=f"reason {number}", visitor=HERE, details={"number": number, "of": ["é", None, True]},
            )  # fmt: skip


__all__ = ["ADA", "BOB", "HERE", "NOON", "A", "B", "record"]
