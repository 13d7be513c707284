"""Dropping notices into the outbox: to a user, and to the administrators of an account."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import records
from twofold.directory.user import User
from twofold.events.event import Event
from twofold.events.notices import Notice
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext


def notify(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    kind: Notice,
    at: datetime,
    **facts: Any,
) -> None:
    """Drop a change notice to a user into the outbox, in the caller's transaction.

    Raises:
        TypeError: one of the `facts` is of a type that JSON does not have.

    """
    context.outbox.post(
        connection, kind, user_id=user.id, account_id=user.account_id, recipient=user.email, at=at, facts=facts,
    )  # fmt: skip


def notify_admins(
    context: AppContext,
    connection: sa.Connection,
    account_id: UUID,
    kind: Notice,
    at: datetime,
    *,
    except_id: UUID | None = None,
    **facts: Any,
) -> None:
    """Drop a notice to every administrator of an account who is active and not frozen, but for the one it is about.

    At most 200 get one.

    Raises:
        TypeError: one of the `facts` is of a type that JSON does not have.

    """
    for admin in records.admins_at_work(connection, account_id):
        if admin.id != except_id:
            context.outbox.post(
                connection, kind, user_id=admin.id, account_id=account_id, recipient=admin.email, at=at, facts=facts,
            )  # fmt: skip


def notify_of_own_act(
    context: AppContext, connection: sa.Connection, user: User, kind: Notice, origin: Origin, **facts: Any
) -> None:
    """Drop a change notice to a user about what came from a browser of theirs, or a thief's: it says from where."""
    notify(
        context,
        connection,
        user,
        kind,
        origin.at,
        address=origin.client.address,
        browser=origin.client.browser,
        **facts,
    )


def notify_of_event(
    context: AppContext, connection: sa.Connection, user: User, event: Event, origin: Origin, **facts: Any
) -> None:
    """Drop the letter that belongs to an event, if any does, to the user whom it is about."""
    if event.notice is not None:
        notify_of_own_act(context, connection, user, event.notice, origin, **facts)
