"""The statements of the people page: a page of it is one joined statement, read along an index, however many there are.

Whatever narrows the list has an index of its own that is in the order of the list, or starts from the few rows it is
about; nothing is counted and nothing is sorted that grows with the account. A search looks first whether it finds few.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.admin.cursor import PeopleCursor
from twofold.admin.passkey_records import passkeys_of
from twofold.admin.user_filter import Rules, UserFilter
from twofold.admin.user_summary import App
from twofold.directory.tables import USER, accounts, user_search, users
from twofold.directory.user import User
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit.sql.database import AnyRow, UtcTime
from twofold.lockouts.budget import FINAL_AFTER, LOCK_AFTER, Counts
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets

HIGHEST = "\U0010ffff"
PIECE = 16  # characters that `user_search` keeps from a place on
MANY = 1000  # pieces: where a search finds more, a page of it is soon full along the list of names

_at = sa.bindparam("at", type_=UtcTime)
_account = sa.bindparam("account_id", type_=sa.Uuid)
_budget, _mailbox = second_factor_budgets.c, mailbox_budgets.c

_protected = users.c.second_factor_since.is_not(None)
_unprotected = users.c.second_factor_since.is_(None) & users.c.active
_is_enrolling = sa.exists().where(enrolments.c.user_id == users.c.id, enrolments.c.expires_at > _at).correlate(users)
_mailbox_is_closed = sa.exists().where(_mailbox.user_id == users.c.id, _mailbox.closed_until > _at).correlate(users)
_is_locked = (
    sa.exists()
    .where(_budget.user_id == users.c.id, (_budget.wrong >= LOCK_AFTER) | (_budget.wrong_in_row >= FINAL_AFTER))
    .correlate(users)
)
_is_excepted = users.c.exception_until.is_not(None) & (users.c.exception_until > _at)
_idle = _unprotected & ~_is_enrolling
_without_password = users.c.password_hash.is_(None) & users.c.frozen_at.is_(None) & users.c.active
_has_come = users.c.first_signed_in_at.is_not(None) | users.c.second_factor_since.is_not(None)

# States that few are in at a time start from those few: their rows name the account as well.
_ever_locked = sa.select(_budget.user_id).where(_budget.account_id == _account, _budget.last_locked_at.is_not(None))
_shut_out = sa.select(_mailbox.user_id).where(_mailbox.account_id == _account, _mailbox.closed_until > _at)
_enrolling = sa.select(enrolments.c.user_id).where(enrolments.c.account_id == _account, enrolments.c.expires_at > _at)
_granted = users.alias("granted")
_with_exception = sa.select(_granted.c.id.label("user_id")).where(
    _granted.c.account_id == _account, _granted.c.exception_until.is_not(None), _granted.c.exception_until > _at
)
_EVER_LOCKED = sa.union(_ever_locked, _shut_out).subquery("few")
_ENROLLING, _WITH_EXCEPTION = _enrolling.subquery("few"), _with_exception.subquery("few")


def _begins(text: str) -> sa.ColumnElement[bool]:
    """Tell whether a piece begins with a text: a range, for LIKE finds no index under every locale."""
    return (user_search.c.piece >= sa.bindparam(text)) & (user_search.c.piece < sa.bindparam(f"{text}_end"))


_pieces_found = sa.select(user_search.c.user_id).where(user_search.c.account_id == _account)
_FOUND = sa.union(_pieces_found.where(_begins("name")), _pieces_found.where(_begins("email"))).subquery("few")
_HOW_MANY = sa.select(
    *(
        sa.select(sa.func.count())
        .select_from(_pieces_found.where(_begins(text)).limit(MANY).subquery("pieces"))
        .scalar_subquery()
        .label(text)
        for text in ("name", "email")
    )
)
# What follows a space in an address is no address.
_IS_FOUND = users.c.name_key.like(sa.bindparam("name_like"), escape="\\") | (
    users.c.email_key.like(sa.bindparam("email_like"), escape="\\")
    & ~users.c.email_key.like(sa.bindparam("beyond_like"), escape="\\")
)
_WITH_AND_WITHOUT_LICENCE = {"without", "not_offered", "must_set_up"}

_FACTS = (
    *USER,
    users.c.name_key,
    users.c.created_at.label("user_created_at"),
    _budget.wrong,
    _budget.wrong_in_row,
    _mailbox.closed_until,
    enrolments.c.expires_at.label("enrolment_until"),
    authenticators.c.id.label("app_id"),
    authenticators.c.name.label("app_name"),
    authenticators.c.created_at.label("app_created_at"),
    authenticators.c.last_used_at.label("app_last_used_at"),
)


class Facts(NamedTuple):
    """What the database knows of a person at a moment."""

    user: User
    name_key: str
    created_at: datetime
    counts: Counts
    mailbox_closed_until: datetime | None
    enrolling: bool
    apps: tuple[App, ...]


def page(
    connection: sa.Connection,
    account_id: UUID,
    user_filter: UserFilter,
    after: PeopleCursor | None,
    most: int,
    at: datetime,
) -> list[Facts]:
    """Return up to `most` people of an account in the order of their names; those before a cursor when it says so."""
    values: dict[str, Any] = {"account_id": account_id, "at": at, "most": most, **_texts(user_filter)}
    finds_few = bool(user_filter.search) and max(connection.execute(_HOW_MANY, values).one()) < MANY
    if after is not None:
        values |= {"after_key": after.name_key, "after_id": after.id}
    backwards = after is not None and after.backwards
    chosen = _chosen(user_filter, after, _few(user_filter, finds_few=finds_few)).subquery("chosen")
    rows = connection.execute(_joined(chosen, backwards=backwards), values).all()
    people = _with_passkeys(connection, _grouped(rows, at))
    return people[::-1] if backwards else people


def one(connection: sa.Connection, user_id: UUID, at: datetime) -> Facts | None:
    """Return a person by id."""
    chosen = sa.select(users.c.id).where(users.c.id == sa.bindparam("user_id", type_=sa.Uuid)).subquery("chosen")
    people = _grouped(connection.execute(_joined(chosen, backwards=False), {"user_id": user_id}).all(), at)
    return _with_passkeys(connection, people)[0] if people else None


def _with_passkeys(connection: sa.Connection, people: list[Facts]) -> list[Facts]:
    """Add the passkeys of those who have any."""
    holders = [facts.user.id for facts in people if facts.user.has_passkey]
    found = passkeys_of(connection, holders) if holders else {}
    return [facts._replace(apps=facts.apps + found.get(facts.user.id, ())) for facts in people]


def _chosen(user_filter: UserFilter, after: PeopleCursor | None, few: sa.Subquery | None) -> sa.Select[Any]:
    """Choose the ids of a page: everybody wanted, the first ones after the cursor."""
    if few is not None or user_filter.state not in _WITH_AND_WITHOUT_LICENCE:
        return _first(user_filter, after, few, sa.true())
    # Whoever has no factor stands in an index by licence and name.
    branches = [
        sa.select(_first(user_filter, after, few, match).subquery()) for match in (users.c.licensed, ~users.c.licensed)
    ]
    either = sa.union(*branches).subquery("either")
    order = _order(either.c, backwards=after is not None and after.backwards)
    return sa.select(either.c.id).order_by(*order).limit(sa.bindparam("most"))


def _first(
    user_filter: UserFilter, after: PeopleCursor | None, few: sa.Subquery | None, match: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    query = sa.select(users.c.id, users.c.name_key).where(match, _narrowed(user_filter))
    if user_filter.search:
        query = query.where(_IS_FOUND)
    if few is None:
        query = query.where(users.c.account_id == _account)
    else:
        query = query.select_from(few.join(users, users.c.id == few.c.user_id))
    if after is not None:
        place = sa.tuple_(users.c.name_key, users.c.id)
        end = sa.tuple_(sa.bindparam("after_key"), sa.bindparam("after_id", type_=sa.Uuid))
        query = query.where(place < end if after.backwards else place > end)
    order = _order(users.c, backwards=after is not None and after.backwards)
    return query.order_by(*order).limit(sa.bindparam("most"))


def _few(user_filter: UserFilter, *, finds_few: bool) -> sa.Subquery | None:
    """Return the few users whom a state or a search can be about; None where it may be about anybody."""
    match user_filter.state:
        case "locked":
            return _EVER_LOCKED
        case "pending":
            return _ENROLLING
        case "off" if user_filter.rules.required_now:
            return _WITH_EXCEPTION
        case _:
            return _FOUND if finds_few else None


def _order(columns: Any, *, backwards: bool) -> tuple[Any, Any]:
    if backwards:
        return columns.name_key.desc(), columns.id.desc()
    return columns.name_key, columns.id


def _joined(chosen: sa.Subquery, *, backwards: bool) -> sa.Select[Any]:
    tables = (
        users.join(chosen, chosen.c.id == users.c.id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(second_factor_budgets, _budget.user_id == users.c.id)
        .outerjoin(mailbox_budgets, _mailbox.user_id == users.c.id)
        .outerjoin(enrolments, enrolments.c.user_id == users.c.id)
        .outerjoin(authenticators, authenticators.c.user_id == users.c.id)
    )
    order = _order(users.c, backwards=backwards)
    return sa.select(*_FACTS).select_from(tables).order_by(*order, authenticators.c.created_at, authenticators.c.id)


def _texts(user_filter: UserFilter) -> dict[str, str]:
    if not user_filter.search:
        return {}
    texts: dict[str, str] = {}
    for field, key in (("name", user_filter.name_key), ("email", user_filter.email_key)):
        texts |= {field: key[:PIECE], f"{field}_end": key[:PIECE] + HIGHEST, f"{field}_like": _pattern(key)}
    return texts | {"beyond_like": f"% {texts['email_like']}"}


def _pattern(key: str) -> str:
    for mark in "\\%_":
        key = key.replace(mark, "\\" + mark)
    return f"%{key}%"


def _narrowed(user_filter: UserFilter) -> sa.ColumnElement[bool]:
    """Say in SQL who is in a state; `user_summary.py` says the same of one person."""
    alike = {
        "": sa.true(),
        "on": _protected & users.c.active & ~_is_locked,
        "without": _unprotected,
        "excepted": _is_excepted & users.c.active,
        "frozen": users.c.frozen_at.is_not(None) & users.c.active,
        "deactivated": ~users.c.active,
    }
    return (
        alike[user_filter.state]
        if user_filter.state in alike
        else _narrowed_by_rules(user_filter.state, user_filter.rules)
    )


def _narrowed_by_rules(state: str, rules: Rules) -> sa.ColumnElement[bool]:
    match state:
        case "invited":
            return sa.false() if rules.sso else _without_password & ~_has_come
        case "no_password":
            return sa.false() if rules.sso else _without_password & _has_come
        case "locked":
            shut_out = _mailbox_is_closed & _must_set_up(rules)
            return users.c.active & sa.case((_protected, _is_locked), else_=shut_out)
        case "pending":
            return _unprotected & _is_enrolling & ~(_mailbox_is_closed & _must_set_up(rules))
        case "must_set_up":
            return _idle & _must_set_up(rules) & ~_mailbox_is_closed
        case "off":
            return _idle & _may_set_up(rules)
        case "not_offered":
            return _idle & _is_not_offered(rules)
        case _:
            raise ValueError(state)


def _must_set_up(rules: Rules) -> sa.ColumnElement[bool]:
    if rules.always_required:
        return sa.true()
    return users.c.licensed & ~_is_excepted if rules.required_now else sa.false()


def _may_set_up(rules: Rules) -> sa.ColumnElement[bool]:
    if rules.always_required or not rules.offered:
        return sa.false()
    return users.c.licensed & _is_excepted if rules.required_now else users.c.licensed


def _is_not_offered(rules: Rules) -> sa.ColumnElement[bool]:
    if rules.always_required:
        return sa.false()
    return ~users.c.licensed if rules.offered else sa.true()


def _grouped(rows: Sequence[AnyRow], at: datetime) -> list[Facts]:
    """Put the rows of each person's authenticators together."""
    people: list[Facts] = []
    for row in rows:
        app = () if row.app_id is None else (App(row.app_id, row.app_name, row.app_created_at, row.app_last_used_at),)
        if people and people[-1].user.id == row.id:
            people[-1] = people[-1]._replace(apps=people[-1].apps + app)
        else:
            people.append(_facts(row, app, at))
    return people


def _facts(row: AnyRow, app: tuple[App, ...], at: datetime) -> Facts:
    closed_until, enrolment_until = row.closed_until, row.enrolment_until
    return Facts(
        User(*row[: len(USER)]),
        row.name_key,
        row.user_created_at,
        Counts(row.wrong or 0, row.wrong_in_row or 0),
        closed_until if closed_until is not None and closed_until > at else None,
        enrolment_until is not None and enrolment_until > at,
        app,
    )
