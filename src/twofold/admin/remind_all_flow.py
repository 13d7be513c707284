"""An administrator reminds everybody of their account who could set up a second factor, each at most once in 24 hours.

A row is noted for each letter, in its transaction: of two who do it at the same moment, the second finds it there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from twofold.admin import people_flow
from twofold.admin import reminder_records as records
from twofold.admin.reminder import ASKED, UserDue
from twofold.audit import flow as audit
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.events import directory_kinds
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext

AGAIN_AFTER = timedelta(days=1)
MOST = 1000  # people at once: somebody waits for the page
BATCH = 50  # letters to a transaction, so that nobody who signs in meanwhile waits long for theirs


class Reminded(NamedTuple):
    """How many people were reminded."""

    people: int


def count_waiting(context: AppContext, viewer: User, at: datetime) -> int:
    """Count whom the viewer could remind now."""
    if not people_flow.rules_of(context, viewer, at).offered:
        return 0
    with context.db.read() as connection:
        return records.count_unasked(connection, viewer.account_id, at - AGAIN_AFTER)


def remind_all(context: AppContext, actor: User, *, origin: Origin) -> Reminded | NoMail:
    """Drop a reminder into the outbox for up to a thousand people who lack a second factor."""
    if not context.outbox.configured:
        return NoMail()
    told = 0
    while told < MOST and people_flow.rules_of(context, actor, origin.at).offered:
        with context.db.write() as connection:
            people = records.unasked(connection, actor.account_id, _day(origin.at), origin.at - AGAIN_AFTER, BATCH)
            told += _remind(context, connection, people, origin.at)
        if not people:
            break
    if told:
        with context.db.write() as connection:
            audit.record(
                connection, directory_kinds.RemindersSent(people=told), origin=origin.by(acting.user(actor.id)),
                account_id=actor.account_id,
            )  # fmt: skip
    return Reminded(told)


def _day(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(), UTC)


def _remind(context: AppContext, connection: sa.Connection, people: Sequence[UserDue], at: datetime) -> int:
    fresh = records.note(connection, people, ASKED, at) if people else set()
    for user in people:
        if user.id in fresh:
            context.outbox.post(
                connection, Notice.POLICY_REMINDER, user_id=user.id, account_id=user.account_id,
                recipient=user.email, at=at, facts={"due": user.due, "asked": True},
            )  # fmt: skip
    return len(fresh)
