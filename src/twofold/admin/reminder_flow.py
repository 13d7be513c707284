"""Reminders of a policy: everybody whom a date will stop is told a week and a day before it, once each.

Safe on several nodes at once: a row is written for each letter, in its transaction, and the second one finds it there.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from twofold.admin import reminder_records as records
from twofold.kit.db import AnyRow
from twofold.kit.house import House

# Days before the date, and up to how many days before it the letter is still of use.
WINDOWS = ((7, 1), (1, 0))
BATCH = 200
KEPT = timedelta(days=30)


def remind(house: House, at: datetime) -> int:
    """Drop the reminders that are due into the outbox; return how many. Without a mail server nothing is noted."""
    if not house.outbox.configured:
        return 0
    return sum(_remind_all(house, days, last, at) for days, last in WINDOWS)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete what was noted for dates that are long over; for the clean-up."""
    return records.forget_before(connection, at - KEPT)


def _remind_all(house: House, days: int, last: int, at: datetime) -> int:
    after, until = at + timedelta(days=last), at + timedelta(days=days)
    told = 0
    while True:
        with house.db.read() as connection:
            people = records.due(connection, house.settings.two_factor_editions, days, after, until, BATCH)
        if not people:
            return told
        with house.db.write() as connection:
            told += sum(_tell(house, connection, person, days, at) for person in people)


def _tell(house: House, connection: sa.Connection, person: AnyRow, days: int, at: datetime) -> bool:
    fresh = records.note(connection, person.id, person.account_id, person.due, days, at)
    if fresh:
        house.outbox.post(
            connection, "policy_reminder", user_id=person.id, account_id=person.account_id, recipient=person.email,
            at=at, facts={"due": person.due},
        )  # fmt: skip
    return fresh
