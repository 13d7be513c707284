"""The statements behind the audit pages: a page is one joined statement, read along an index in the order of time.

Every way to narrow the log has an index that begins with the account and ends with time and number, so that a page
costs the same however long the log is.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.audit.chain import Event
from twofold.audit.tables import ACTED_ON_ANOTHER, audit_events
from twofold.directory.tables import users
from twofold.directory.user import NamedUser
from twofold.kit.sql.database import AnyRow, UtcTime
from twofold.kit.sql.rows import columns
from twofold.support.audit_search import EventCursor, Filters, Found

NO_ACCOUNT = UUID(int=0)  # the installation's log, where an id is wanted

_log = audit_events.c
_actor, _subject = users.alias("actor"), users.alias("subject")
_own_columns = (_log.number, _log.account_id, _log.position, _log.hash, *columns(Event, audit_events))


def _who(people: sa.FromClause, prefix: str) -> tuple[sa.ColumnElement[Any], ...]:
    return tuple(column.label(f"{prefix}_{column.name}_") for column in columns(NamedUser, people))


def page(
    connection: sa.Connection,
    account_id: UUID | None,
    filters: Filters,
    after: EventCursor | None,
    most: int,
) -> list[Found]:
    """Return up to `most` events of a log (None: the installation's), as the cursor goes; without one the newest."""
    forwards = after is not None and after.forwards
    chosen = _chosen(account_id, filters, after).subquery("chosen")
    tables = (
        audit_events.join(chosen, chosen.c.number == _log.number)
        .outerjoin(_actor, (_actor.c.id == _log.actor_id) & (_log.actor_kind == "user"))
        .outerjoin(_subject, _subject.c.id == _log.subject_id)
    )
    query = (
        sa.select(*_own_columns, *_who(_actor, "actor"), *_who(_subject, "subject"))
        .select_from(tables)
        .order_by(*_order(audit_events.c, forwards=forwards))
    )
    return [_found(row) for row in connection.execute(query, _values(account_id, filters, after, most))]


def email_of(connection: sa.Connection, account_id: UUID, user_id: UUID) -> str | None:
    """Return the address of one of an account's users."""
    query = sa.select(users.c.email).where(users.c.id == user_id, users.c.account_id == account_id)
    return connection.execute(query).scalar()


def names(connection: sa.Connection, people: Collection[UUID]) -> Mapping[UUID, str]:
    """Return users in words, for an export."""
    query = sa.select(*columns(NamedUser, users)).where(users.c.id.in_(people))
    found = [NamedUser(*row) for row in connection.execute(query)] if people else []
    return {user.id: user.words for user in found}


def _chosen(account_id: UUID | None, filters: Filters, after: EventCursor | None) -> sa.Select[Any]:
    """Choose the events of a page by number: each branch is read along one index, and no further than it needs.

    SQLite guesses which index that is. What is wrapped in coalesce can only be looked at, so it guesses right.
    """
    of_log = _log.account_id.is_(None) if account_id is None else _log.account_id == _account()
    if filters.user_id is None:
        return _branch([of_log, *([_log.kind == _kind()] if filters.kind else [])], filters, after)
    user, of_kind = sa.bindparam("person", type_=sa.Uuid), sa.func.coalesce(_log.kind, "") == _kind()
    rest = [of_kind] if filters.kind else []
    of_log_unindexed = sa.func.coalesce(_log.account_id, NO_ACCOUNT) == _account()
    about = _branch([_log.subject_id == user, of_log_unindexed, *rest], filters, after)
    by = _branch([of_log, _log.actor_id == user, ACTED_ON_ANOTHER, *rest], filters, after)
    either = sa.union(sa.select(about.subquery()), sa.select(by.subquery())).subquery("either")
    forwards = after is not None and after.forwards
    return sa.select(either.c.number, either.c.at).order_by(*_order(either.c, forwards=forwards)).limit(_most())


def _branch(
    conditions: Sequence[sa.ColumnElement[bool] | sa.TextClause], filters: Filters, after: EventCursor | None
) -> sa.Select[tuple[int, datetime]]:
    query = sa.select(_log.number, _log.at).where(*conditions)
    if filters.since is not None:
        query = query.where(_log.at >= sa.bindparam("since", type_=UtcTime))
    if filters.until is not None:
        query = query.where(_log.at < sa.bindparam("until", type_=UtcTime))
    if after is not None:
        place = sa.tuple_(_log.at, _log.number)
        end = sa.tuple_(sa.bindparam("after_at", type_=UtcTime), sa.bindparam("after_number", type_=sa.BigInteger))
        query = query.where(place > end if after.forwards else place < end)
    forwards = after is not None and after.forwards
    return query.order_by(*_order(_log, forwards=forwards)).limit(_most())


def _account() -> sa.BindParameter[UUID]:
    return sa.bindparam("account", type_=sa.Uuid)


def _kind() -> sa.BindParameter[str]:
    return sa.bindparam("kind", type_=sa.Text)


def _most() -> sa.BindParameter[int]:
    return sa.bindparam("most", type_=sa.Integer)


def _order(columns: Any, *, forwards: bool) -> tuple[Any, Any]:
    return (columns.at, columns.number) if forwards else (columns.at.desc(), columns.number.desc())


def _values(account_id: UUID | None, filters: Filters, after: EventCursor | None, most: int) -> dict[str, Any]:
    values: dict[str, UUID | str | datetime | int | None] = {
        "account": account_id or NO_ACCOUNT,
        "person": filters.user_id,
        "kind": filters.kind,
        "since": filters.since,
        "until": filters.until,
        "most": most,
    }
    if after is not None:
        values |= {"after_at": after.at, "after_number": after.number}
    return values


def _found(row: AnyRow) -> Found:
    number, account_id, position, sealed, *rest = row
    event, who = rest[: len(Event._fields)], rest[len(Event._fields) :]
    actor, subject = who[: len(NamedUser._fields)], who[len(NamedUser._fields) :]
    return Found(
        number, account_id, position, sealed, Event(*event), None if actor[0] is None else NamedUser(*actor),
        None if subject[0] is None else NamedUser(*subject),
    )  # fmt: skip
