"""Asking for a reset oneself: whoever proved the password and comes no further tells those who can help.

It changes nothing by itself: an administrator opens the case. docs/reset-case.md tells of both.
"""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import notice_flow
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.events.reset_kinds import HelpAsked
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.resets import help_records as records
from twofold.resets.help_request import HelpRequest
from twofold.resets.outcomes import AskedForHelp, AskedLately, NobodyToAsk

EVERY = timedelta(hours=1)
OPEN_FOR = timedelta(days=7)
MOST = 50


def ask(
    context: AppContext, connection: sa.Connection, user: User, *, origin: Origin
) -> AskedForHelp | AskedLately | NobodyToAsk | NoMail:
    """Ask those who can help a user who is held for a reset, by mail; once an hour."""
    if not context.outbox.configured:
        return NoMail()
    if not lockouts.who_can_help(connection, user):
        return NobodyToAsk()
    locked = lockouts.counts(connection, user.id).locked
    if not records.ask(connection, user.id, user.account_id, origin.at, origin.at - EVERY, locked=locked):
        return AskedLately()
    audit.record(
        connection, HelpAsked(locked=locked), origin=origin.by(acting.NOBODY), account_id=user.account_id,
        subject_id=user.id,
    )  # fmt: skip
    notice_flow.notify_admins(
        context, connection, user.account_id, Notice.MEMBER_ASKS_FOR_HELP, origin.at, except_id=user.id,
        name=user.name, email=user.email, user_id=str(user.id), locked=locked, address=origin.client.address,
        browser=origin.client.browser,
    )  # fmt: skip
    return AskedForHelp()


def asked_lately(context: AppContext, user: User, at: datetime) -> datetime | None:
    """Return when a user asked within the hour: until it is over they cannot ask again."""
    with context.db.read() as connection:
        asked = records.asked_at(connection, user.id)
    return asked if asked is not None and asked > at - EVERY else None


def open_requests(context: AppContext, viewer: User, at: datetime, account_id: UUID | None = None) -> list[HelpRequest]:
    """List who asks: those of the viewer's own account, or as support of one or of all."""
    wanted = account_id if viewer.role == "support" else viewer.account_id
    with context.db.read() as connection:
        return records.list_open(connection, wanted, at - OPEN_FOR, MOST)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete what was asked so long ago that it is answered elsewhere by now; for the clean-up."""
    return records.forget(connection, at - OPEN_FOR)
