"""The statements of the support pages: accounts and people found by the beginning of a name or an address.

Each list is read along an index from where the page before ended, and no further than its page needs.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.account import Account
from twofold.directory.email_address import email_key
from twofold.directory.person_name import name_key
from twofold.directory.tables import USER, accounts, users
from twofold.directory.user import User
from twofold.factors.totp.tables import enrolments
from twofold.kit.sql.database import AnyRow, UtcTime
from twofold.kit.sql.rows import columns
from twofold.lockouts.budget import Counts
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets
from twofold.support.search import SearchCursor

HIGHEST = "\U0010ffff"
_KEYS = (users.c.name_key, users.c.surname_key, users.c.email_key)

_accounts = (
    sa.select(*columns(Account, accounts)).order_by(accounts.c.name_key, accounts.c.id).limit(sa.bindparam("most"))
)
_counts = sa.select(
    sa.func.count().label("people"),
    sa.func.count(users.c.second_factor_since).label("protected"),
    sa.func.sum(sa.case((users.c.licensed & users.c.active, 1), else_=0)).label("licensed"),
).where(users.c.account_id == sa.bindparam("account_id", type_=sa.Uuid))
_is_enrolling = sa.exists().where(
    enrolments.c.user_id == users.c.id, enrolments.c.expires_at > sa.bindparam("at", type_=UtcTime),
)  # fmt: skip
_people = sa.select(
    *USER,
    users.c.created_at.label("user_created_at"),
    second_factor_budgets.c.wrong,
    second_factor_budgets.c.wrong_in_row,
    mailbox_budgets.c.closed_until,
    _is_enrolling.label("enrolling"),
).select_from(
    users.join(accounts, accounts.c.id == users.c.account_id)
    .outerjoin(second_factor_budgets, second_factor_budgets.c.user_id == users.c.id)
    .outerjoin(mailbox_budgets, mailbox_budgets.c.user_id == users.c.id),
)


class Facts(NamedTuple):
    """What a list of people tells of one, and the key by which they were found."""

    user: User
    created_at: datetime
    counts: Counts
    mailbox_closed_until: datetime | None
    enrolling: bool
    key: str


class PeopleCounts(NamedTuple):
    """How many users an account has, how many of them have a second factor, and how many licences are in use."""

    people: int
    protected: int
    licensed: int


def accounts_named(connection: sa.Connection, text: str, after: SearchCursor | None, most: int) -> list[Account]:
    """List accounts whose name begins with a text, by name; all of them when there is none."""
    query, values = _accounts, {"most": most}
    if text:
        query = query.where(_begins(accounts.c.name_key, name_key(text)))
    if after is not None:
        query = query.where(sa.tuple_(accounts.c.name_key, accounts.c.id) > sa.tuple_(*_place(after)))
    return [Account(*row) for row in connection.execute(query, values)]


def people_found(
    connection: sa.Connection,
    text: str,
    stage: int,
    after: SearchCursor | None,
    most: int,
    at: datetime,
) -> list[Facts]:
    """List people whom a stage finds and none before it, in the order of what it looks at."""
    key = _KEYS[stage]
    query = _people.add_columns(key.label("found_key")).where(_matches(stage, text)).order_by(key, users.c.id)
    for earlier in range(stage if "@" not in text else 0):
        query = query.where(sa.func.coalesce(sa.not_(_matches(earlier, text)), sa.true()))
    if after is not None:
        query = query.where(sa.tuple_(key, users.c.id) > sa.tuple_(*_place(after)))
    return [_facts(row, at) for row in connection.execute(query.limit(most), {"at": at})]


def count_people(connection: sa.Connection, account_id: UUID) -> PeopleCounts:
    """Count the users of an account."""
    row = connection.execute(_counts, {"account_id": account_id}).one()
    return PeopleCounts(row.people, row.protected, int(row.licensed or 0))


def _matches(stage: int, text: str) -> sa.ColumnElement[bool]:
    return _begins(_KEYS[stage], email_key(text) if _KEYS[stage] is users.c.email_key else name_key(text))


def _begins(column: sa.Column[Any], key: str) -> sa.ColumnElement[bool]:
    """Tell whether a key begins with a text: a range, for LIKE finds no index under every locale."""
    return (column >= key) & (column < key + HIGHEST)


def _place(after: SearchCursor) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    return sa.literal(after.key), sa.literal(after.id, sa.Uuid)


def _facts(row: AnyRow, at: datetime) -> Facts:
    user, rest = User(*row[: len(USER)]), row[len(USER) :]
    created_at, wrong, wrong_in_row, closed_until, enrolling, key = rest
    closed = closed_until if closed_until is not None and closed_until > at else None
    return Facts(user, created_at, Counts(wrong or 0, wrong_in_row or 0), closed, bool(enrolling), key)
