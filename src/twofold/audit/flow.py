"""Writing the audit log: one INSERT in the transaction of what it tells of."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit import records
from twofold.events.event import Event
from twofold.kit import metrics
from twofold.kit.acting import Actor, Origin
from twofold.kit.crypto.tokens import new_id


def record(
    connection: sa.Connection,
    event: Event,
    *,
    origin: Origin,
    account_id: UUID | None,
    subject_id: UUID | None = None,
    result: str = "done",
    reason: str | None = None,
) -> None:
    """Append one event; it can be neither changed nor taken back, and the sealer links it into its account's chain.

    `account_id` None is the installation, `subject_id` whom it was done to.

    Raises:
        TypeError: a fact of the event is of a type that JSON does not have.

    """
    values = values_of(event, origin=origin, account_id=account_id, subject_id=subject_id, result=result, reason=reason)
    records.append(connection, values)
    metrics.events.labels(event.kind, result).inc()


def record_where(connection: sa.Connection, values: dict[str, Any], *, known: bool) -> None:
    """Append the event of these values; where it is not `known` whose it is, the same statement has no effect."""
    records.append_where(connection, values, known=known)
    metrics.events.labels(values["kind"], values["result"]).inc()


def values_of(
    event: Event,
    *,
    origin: Origin,
    account_id: UUID | None,
    subject_id: UUID | None = None,
    result: str = "done",
    reason: str | None = None,
) -> dict[str, Any]:
    """Return the columns of an event.

    Raises:
        TypeError: a fact of the event is of a type that JSON does not have.

    """
    return {
        "id": new_id(),
        "account_id": account_id,
        "at": origin.at,
        "kind": event.kind,
        "result": result,
        "actor_kind": origin.actor.kind,
        "actor_id": origin.actor.id,
        "subject_id": subject_id,
        "reason": reason,
        "address": origin.client.address,
        "browser": origin.client.browser,
        "request_id": origin.client.request_id,
        "details": msgspec.json.encode(event.details).decode(),
    }


def rehearse(connection: sa.Connection, event: Event, *, at: datetime, actor: Actor, subject_id: UUID) -> None:
    """Do the work of recording an event in a transaction that is rolled back: it reaches neither log nor metrics."""
    values = values_of(event, origin=Origin(at, actor=actor), account_id=None, subject_id=subject_id)
    records.append(connection, values)
