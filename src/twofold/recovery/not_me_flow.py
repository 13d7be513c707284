"""The link "this wasn't me" in every letter about a change: by it its user freezes everything at once.

The link is minted when the letter goes out, lives seven days and works once. Opening it changes nothing, because mail
scanners open every link; the press of its button does.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events import kinds
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_token
from twofold.kit.mail.outbox import Entry
from twofold.lockouts import flow as lockouts
from twofold.lockouts.helper import Helper
from twofold.recovery import browser_records, records
from twofold.recovery.outcomes import Froze, Gone, NotMe
from twofold.resets import flow as resets
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason

LIFE = timedelta(days=7)


def mint(connection: sa.Connection, entry: Entry, user: User, at: datetime) -> str:
    """Make the token of a letter that is about to go out; the same letter, sent again, brings another in its place."""
    token = new_token("notme")
    records.mint_not_me(
        connection,
        {
            "letter": entry.id,
            "user_id": user.id,
            "account_id": user.account_id,
            "about": entry.kind,
            "happened_at": entry.created_at,
            "token_hash": digest(token),
            "expires_at": at + LIFE,
        },
    )
    return token


def look(context: AppContext, token: str, at: datetime) -> NotMe | Gone:
    """Say what a link is good for; changes nothing."""
    with context.db.read() as connection:
        return _look(connection, token, at)


def freeze(context: AppContext, token: str, *, origin: Origin) -> Froze | Gone:
    """Freeze the user of a link: all sessions end, and the links and the reset case that are open become void."""
    with context.db.write() as connection:
        found = _look(connection, token, origin.at)
        if isinstance(found, Gone):
            return found
        directory.lock_user_row(connection, found.user.id)
        found = _look(connection, token, origin.at)  # once more: whoever uses a link holds its user
        if isinstance(found, Gone):
            return found
        user = found.user
        directory.change_user(connection, user.id, {"frozen_at": origin.at}, ends_sessions=True)
        resets.close_cases_of(connection, user.id, origin.at, why="frozen")
        records.void(connection, user.id)
        browser_records.void(connection, user.id)
        records.use_up_not_me(connection, user.id, origin.at)
        sessions.end_outdated(connection, user.id, EndReason.FROZEN, origin.at)
        _notify(context, connection, user, found, origin=origin)
    return Froze(user)


def whom_to_ask(context: AppContext, user: User) -> list[Helper]:
    """List who can unfreeze a user; maybe nobody."""
    with context.db.read() as connection:
        return lockouts.who_can_help(connection, user)


def _look(connection: sa.Connection, token: str, at: datetime) -> NotMe | Gone:
    link = records.not_me_by_token(connection, digest(token))
    user = None if link is None else directory.find_user(connection, link.user_id)
    if link is None or user is None:
        return Gone(frozen=False)
    if user.frozen_at is not None or link.used_at is not None or at >= link.expires_at:
        return Gone(frozen=user.frozen_at is not None)
    return NotMe(user, link.about, link.happened_at)


def _notify(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    found: NotMe,
    *,
    origin: Origin,
) -> None:
    event = kinds.Frozen(about=found.about, happened_at=found.happened_at.isoformat())
    audit.record(
        connection,
        event,
        origin=origin.by(acting.user(user.id)),
        account_id=user.account_id,
        subject_id=user.id,
    )
    notice_flow.notify_of_event(context, connection, user, event, origin)
    notice_flow.notify_admins(
        context, connection, user.account_id, Notice.MEMBER_FROZE, origin.at, except_id=user.id, name=user.name,
        email=user.email, user_id=str(user.id), about=found.about, happened_at=found.happened_at.isoformat(),
    )  # fmt: skip
