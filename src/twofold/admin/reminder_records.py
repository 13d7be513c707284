"""The statements of reminders: who is stopped soon and was not told yet.

Two queries find them, each along its index and each a batch at a time: the account's date comes near, or a user's
exception ends.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.admin.reminder import ASKED, AccountDue, UserDue, Window
from twofold.admin.tables import policy_reminders
from twofold.directory.tables import accounts, users
from twofold.kit.sql.database import INSERTS, UtcTime, delete_idle
from twofold.kit.sql.rows import columns

NOBODY = UUID(int=0)

_after, _until = sa.bindparam("after", type_=UtcTime), sa.bindparam("until", type_=UtcTime)
_due, _last_id = sa.bindparam("due", type_=UtcTime), sa.bindparam("last_id", type_=sa.Uuid)
_account_rules = (
    accounts.c.policy == "required",
    ~accounts.c.sso,
    ~accounts.c.is_operator,
    accounts.c.edition.in_(sa.bindparam("editions", expanding=True)),
)
# Whoever was invited and has not come yet is told when they sign in for the first time.
_can_be_told = (
    users.c.second_factor_since.is_(None),
    users.c.active,
    users.c.licensed,
    users.c.frozen_at.is_(None),
    users.c.password_hash.is_not(None),
)


def _not_told(due: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(
        policy_reminders.c.user_id == users.c.id,
        policy_reminders.c.due == due,
        policy_reminders.c.days == sa.bindparam("days"),
    )


_accounts_due = (
    sa.select(*columns(AccountDue, accounts, required_from=accounts.c.required_from))
    .where(*_account_rules, accounts.c.required_from > _after, accounts.c.required_from <= _until)
    .order_by(accounts.c.id)
)
_by_date = (
    sa.select(*columns(UserDue, users, due=_due))
    .where(
        users.c.account_id == sa.bindparam("account_id", type_=sa.Uuid),
        *_can_be_told,
        users.c.exception_until.is_(None) | (users.c.exception_until <= _due),
        sa.tuple_(users.c.name_key, users.c.id) > sa.tuple_(sa.bindparam("last_place"), _last_id),
        _not_told(_due),
    )
    .order_by(users.c.name_key, users.c.id)
    .limit(sa.bindparam("most"))
)
_by_exception = (
    sa.select(*columns(UserDue, users, due=users.c.exception_until))
    .select_from(users.join(accounts, accounts.c.id == users.c.account_id))
    .where(
        *_account_rules,
        *_can_be_told,
        users.c.exception_until > _after,
        users.c.exception_until <= _until,
        accounts.c.required_from.is_(None) | (accounts.c.required_from < users.c.exception_until),
        sa.tuple_(users.c.exception_until, users.c.id) > sa.tuple_(sa.bindparam("last_place", type_=UtcTime), _last_id),
        _not_told(users.c.exception_until),
    )
    .order_by(users.c.exception_until, users.c.id)
    .limit(sa.bindparam("most"))
)
_unasked = (
    users.c.account_id == sa.bindparam("account_id", type_=sa.Uuid),
    *_can_be_told,
    ~sa.exists().where(
        policy_reminders.c.user_id == users.c.id,
        policy_reminders.c.days == ASKED,
        policy_reminders.c.sent_at > sa.bindparam("since", type_=UtcTime),
    ),
)
_count_unasked = sa.select(sa.func.count()).select_from(users).where(*_unasked)
_next_unasked = (
    sa.select(*columns(UserDue, users, due=_due))
    .where(
        *_unasked,
        ~sa.exists().where(
            policy_reminders.c.user_id == users.c.id,
            policy_reminders.c.due == _due,
            policy_reminders.c.days == ASKED,
        ),
    )
    .order_by(users.c.name_key, users.c.id)
    .limit(sa.bindparam("most"))
)
_note = {
    name: insert(policy_reminders).on_conflict_do_nothing().returning(policy_reminders.c.user_id)
    for name, insert in INSERTS.items()
}


def accounts_due(connection: sa.Connection, editions: AbstractSet[str], window: Window) -> list[AccountDue]:
    """List the accounts whose date comes near."""
    values = {"editions": sorted(editions), "after": window.after, "until": window.until}
    return [AccountDue(*row) for row in connection.execute(_accounts_due, values)]


def by_date(
    connection: sa.Connection, account_id: UUID, due: datetime, window: Window, last: UserDue | None, most: int
) -> list[UserDue]:
    """List people whom the date of their account stops and who were not told, by name, from the last one on."""
    place, last_id = ("", NOBODY) if last is None else (last.name_key, last.id)
    values = {"account_id": account_id, "due": due, "days": window.days, "last_place": place, "last_id": last_id}
    return [UserDue(*row) for row in connection.execute(_by_date, {**values, "most": most})]


def by_exception(
    connection: sa.Connection, editions: AbstractSet[str], window: Window, last: UserDue | None, most: int
) -> list[UserDue]:
    """List people whom the end of their exception stops and who were not told, by that end, from the last one on."""
    place, last_id = (window.after, NOBODY) if last is None else (last.due, last.id)
    values = {"editions": sorted(editions), **window._asdict(), "last_place": place, "last_id": last_id}
    return [UserDue(*row) for row in connection.execute(_by_exception, {**values, "most": most})]


def count_unasked(connection: sa.Connection, account_id: UUID, since: datetime) -> int:
    """Count the people of an account who lack a second factor and got no such letter since a moment."""
    return connection.execute(_count_unasked, {"account_id": account_id, "since": since}).scalar_one()


def unasked(connection: sa.Connection, account_id: UUID, due: datetime, since: datetime, most: int) -> list[UserDue]:
    """List some of them by name, to be noted under the moment `due`."""
    values = {"account_id": account_id, "due": due, "since": since, "most": most}
    return [UserDue(*row) for row in connection.execute(_next_unasked, values)]


def note(connection: sa.Connection, people: Sequence[UserDue], days: int, at: datetime) -> set[UUID]:
    """Write down that people are told; return whom no other node was faster to tell."""
    rows = [
        {"user_id": user.id, "account_id": user.account_id, "due": user.due, "days": days, "sent_at": at}
        for user in sorted(people, key=lambda user: (user.id, user.due))  # one order, on whichever node
    ]
    return set(connection.execute(_note[connection.dialect.name], rows).scalars())


def forget_before(connection: sa.Connection, at: datetime) -> int:
    """Delete what was noted for dates before a moment."""
    return delete_idle(connection, policy_reminders, policy_reminders.c.due < at)
