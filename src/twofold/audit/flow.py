"""Writing the audit log: one INSERT in the transaction of what it tells of."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit.tables import WRITTEN, audit_events
from twofold.kit import metrics
from twofold.kit.db import insert_where
from twofold.kit.statement import Statement
from twofold.kit.tokens import new_id
from twofold.kit.visitor import Visitor

HERE = Visitor("", "")

_append = Statement(audit_events.insert().inline())
_append_where = Statement(insert_where(audit_events, WRITTEN, "known"))


class Actor(NamedTuple):
    """Who acted: a user, an operator's key, the command line on the server itself, or Twofold on its own."""

    kind: str
    id: UUID | None = None


CONSOLE = Actor("console")
SYSTEM = Actor("system")
NOBODY = Actor("nobody")


def user(user_id: UUID) -> Actor:
    """Name a user as the one who acted."""
    return Actor("user", user_id)


def record(
    connection: sa.Connection,
    kind: str,
    *,
    at: datetime,
    account_id: UUID | None,
    actor: Actor,
    subject_id: UUID | None = None,
    result: str = "done",
    reason: str | None = None,
    visitor: Visitor = HERE,
    details: dict[str, Any] | None = None,
) -> None:
    """Append one event; it can be neither changed nor taken back, and the sealer links it into its account's chain."""
    values = values_of(
        kind, at=at, account_id=account_id, actor=actor, subject_id=subject_id, result=result, reason=reason,
        visitor=visitor, details=details,
    )  # fmt: skip
    _append.later(connection, **values)
    metrics.events.labels(kind, result).inc()


def record_where(connection: sa.Connection, values: dict[str, Any], *, known: bool) -> None:
    """Append the event of these values, or execute the same statement to no effect: whose it is, is not `known`."""
    _append_where.later(connection, **values, known=known)
    metrics.events.labels(values["kind"], values["result"]).inc()


def values_of(
    kind: str,
    *,
    at: datetime,
    account_id: UUID | None,
    actor: Actor,
    subject_id: UUID | None = None,
    result: str = "done",
    reason: str | None = None,
    visitor: Visitor = HERE,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the columns of an event."""
    return {
        "id": new_id(),
        "account_id": account_id,
        "at": at,
        "kind": kind,
        "result": result,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "subject_id": subject_id,
        "reason": reason,
        "address": visitor.address,
        "browser": visitor.browser,
        "request_id": visitor.request_id,
        "details": msgspec.json.encode(details or {}).decode(),
    }


def rehearse(
    connection: sa.Connection, kind: str, *, at: datetime, actor: Actor, subject_id: UUID, details: dict[str, Any]
) -> None:
    """Do the work of recording an event, where all of it is undone: it comes to stand in no log and no number."""
    _append.later(
        connection, **values_of(kind, at=at, account_id=None, actor=actor, subject_id=subject_id, details=details)
    )
