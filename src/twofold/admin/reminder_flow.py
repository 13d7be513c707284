"""Reminders of a policy: everybody whom a date will stop is told a week and a day before it, once each.

Safe on several nodes at once: a row is written for each letter, in its transaction, and the second one finds it there.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import sqlalchemy as sa

from twofold.admin import reminder_records as records
from twofold.admin.policy import REMINDERS
from twofold.admin.reminder import AccountDue, UserDue, Window
from twofold.events.notices import Notice
from twofold.kit.context import AppContext

BATCH = 50  # letters to a transaction, so that nobody who signs in meanwhile waits long for theirs
KEPT = timedelta(days=30)

# Lists the next people whom one query finds, after the last one of the batch before.
NextBatch: TypeAlias = Callable[[sa.Connection, UserDue | None], Sequence[UserDue]]


def remind(context: AppContext, at: datetime) -> int:
    """Drop the reminders that are due into the outbox; return how many. Without a mail server nothing is noted."""
    if not context.outbox.configured:
        return 0
    windows = [Window(days, at + timedelta(days=last), at + timedelta(days=days)) for days, last in REMINDERS]
    return sum(
        _remind_all(context, next_batch, window.days, at)
        for window in windows
        for next_batch in _batches(context, window)
    )


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete what was noted for dates that are 30 days over, and return how many; for the clean-up."""
    return records.forget_before(connection, at - KEPT)


def _batches(context: AppContext, window: Window) -> list[NextBatch]:
    editions = context.settings.two_factor_editions
    with context.db.read() as connection:
        due = records.accounts_due(connection, editions, window)

    def of_account(account: AccountDue, connection: sa.Connection, last: UserDue | None) -> Sequence[UserDue]:
        return records.by_date(connection, account.id, account.required_from, window, last, BATCH)

    def of_exceptions(connection: sa.Connection, last: UserDue | None) -> Sequence[UserDue]:
        return records.by_exception(connection, editions, window, last, BATCH)

    return [*(partial(of_account, account) for account in due), of_exceptions]


def _remind_all(context: AppContext, next_batch: NextBatch, days: int, at: datetime) -> int:
    told, last = 0, None
    while True:
        with context.db.read() as connection:
            people = next_batch(connection, last)
        if not people:
            return told
        with context.db.write() as connection:
            told += _notify(context, connection, people, days, at)
        last = people[-1]


def _notify(context: AppContext, connection: sa.Connection, people: Sequence[UserDue], days: int, at: datetime) -> int:
    fresh = records.note(connection, people, days, at)
    for user in people:
        if user.id in fresh:
            context.outbox.post(
                connection, Notice.POLICY_REMINDER, user_id=user.id, account_id=user.account_id,
                recipient=user.email, at=at, facts={"due": user.due},
            )  # fmt: skip
    return len(fresh)
