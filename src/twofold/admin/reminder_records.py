"""The statements of reminders: who is stopped soon and was not told yet.

Two roads lead there, each along its index: the account's date comes near, or a user's exception ends.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.admin.tables import policy_reminders
from twofold.directory.tables import accounts, users
from twofold.kit.db import INSERTS, AnyRow, UtcTime

_at = sa.bindparam("at", type_=UtcTime)
_after, _until = sa.bindparam("after", type_=UtcTime), sa.bindparam("until", type_=UtcTime)
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
_by_date = (
    accounts.c.required_from > _after,
    accounts.c.required_from <= _until,
    users.c.exception_until.is_(None) | (users.c.exception_until <= accounts.c.required_from),
)
_by_exception = (
    users.c.exception_until > _after,
    users.c.exception_until <= _until,
    accounts.c.required_from.is_(None) | (accounts.c.required_from < users.c.exception_until),
)


def _due(column: sa.Column[Any], which: tuple[sa.ColumnElement[bool], ...]) -> sa.Select[Any]:
    told = sa.exists().where(
        policy_reminders.c.user_id == users.c.id,
        policy_reminders.c.due == column,
        policy_reminders.c.days == sa.bindparam("days"),
    )
    return (
        sa.select(users.c.id, users.c.account_id, users.c.email, column.label("due"))
        .select_from(users.join(accounts, accounts.c.id == users.c.account_id))
        .where(*_account_rules, *_can_be_told, *which, ~told)
        .limit(sa.bindparam("most"))
    )


_ROADS = (_due(accounts.c.required_from, _by_date), _due(users.c.exception_until, _by_exception))
_note = {
    name: insert(policy_reminders).on_conflict_do_nothing().returning(policy_reminders.c.user_id)
    for name, insert in INSERTS.items()
}


def due(
    connection: sa.Connection, editions: AbstractSet[str], days: int, after: datetime, until: datetime, most: int
) -> Sequence[AnyRow]:
    """List people who are stopped after one moment and not later than another, and were not told so for these days."""
    values = {"editions": sorted(editions), "days": days, "after": after, "until": until, "most": most}
    found: list[AnyRow] = []
    for road in _ROADS:
        found.extend(connection.execute(road, {**values, "most": most - len(found)}).all())
        if len(found) >= most:
            break
    return found


def note(connection: sa.Connection, user_id: UUID, account_id: UUID, due_at: datetime, days: int, at: datetime) -> bool:
    """Write down that a user is told; False when another node was faster."""
    values = {"user_id": user_id, "account_id": account_id, "due": due_at, "days": days, "sent_at": at}
    return connection.execute(_note[connection.dialect.name], values).first() is not None


def forget_before(connection: sa.Connection, at: datetime) -> int:
    """Delete what was noted for dates before a moment."""
    return connection.execute(policy_reminders.delete().where(policy_reminders.c.due < at)).rowcount
