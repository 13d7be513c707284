"""The statements of adoption: how many have a second factor, and since which day.

Each is answered from an index alone: whoever has a factor is counted with the inactive ones, and those, who are few,
are taken off again.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.admin.adoption import Counts
from twofold.admin.tables import adoption_counts
from twofold.directory.tables import users
from twofold.kit.sql.database import INSERTS, UtcTime, delete_idle

EPOCH = date(1970, 1, 1)
_MICROSECONDS_A_DAY = 24 * 3600 * 1_000_000

_since = users.c.second_factor_since
_protected = (users.c.account_id == sa.bindparam("account_id", type_=sa.Uuid), _since.is_not(None))
_from = sa.bindparam("from_at", type_=UtcTime)
# The day of a moment, as the number of days since 1970: moments are microseconds on SQLite, timestamps on PostgreSQL.
_DAYS: dict[str, sa.ColumnElement[int]] = {
    "sqlite": sa.type_coerce(_since, sa.BigInteger).op("/")(sa.literal_column(str(_MICROSECONDS_A_DAY))),
    "postgresql": sa.cast(sa.func.floor(sa.extract("epoch", _since) / sa.literal_column("86400")), sa.BigInteger),
}
# How much each counts: everybody who has a factor, less those who are inactive.
_PARTS: tuple[tuple[int, tuple[sa.ColumnElement[bool], ...]], ...] = ((1, ()), (-1, (~users.c.active,)))

_how_many_before = [
    (sign, sa.select(sa.func.count()).where(*_protected, *rest, _since < _from)) for sign, rest in _PARTS
]
_by_day = {
    name: [
        (sign, sa.select(day.label("day"), sa.func.count()).where(*_protected, *rest, _since >= _from).group_by(day))
        for sign, rest in _PARTS
    ]
    for name, day in _DAYS.items()
}
_counts = sa.select(
    sa.func.count(),
    sa.func.count(_since),
    sa.func.count().filter(_since.is_(None), users.c.licensed),
    sa.func.count().filter(
        _since.is_(None), users.c.licensed, users.c.exception_until > sa.bindparam("at", type_=UtcTime)
    ),
    sa.func.count().filter(users.c.licensed),
).where(users.c.account_id == sa.bindparam("account_id", type_=sa.Uuid), users.c.active)

_stored = sa.select(adoption_counts.c.day, adoption_counts.c.have).where(
    adoption_counts.c.account_id == sa.bindparam("account_id", type_=sa.Uuid),
    adoption_counts.c.day >= sa.bindparam("first"),
)
_day = sa.bindparam("day", type_=sa.Date)
_is_stored = sa.select(sa.exists().where(adoption_counts.c.day == _day))
_store = {
    name: insert(adoption_counts)
    .from_select(
        ["account_id", "day", "have"],
        sa.select(users.c.account_id, _day, sa.func.count(_since)).where(users.c.active).group_by(users.c.account_id),
    )
    .on_conflict_do_nothing()
    for name, insert in INSERTS.items()
}


def counts(connection: sa.Connection, account_id: UUID, at: datetime) -> Counts:
    """Count the active people of an account by whether they have a second factor."""
    return Counts(*connection.execute(_counts, {"account_id": account_id, "at": at}).one())


def stored(connection: sa.Connection, account_id: UUID, first: date) -> dict[date, int]:
    """Return how many had a second factor at the end of each day that was counted, from a day on."""
    counted = connection.execute(_stored, {"account_id": account_id, "first": first})
    return {count.day: count.have for count in counted}


def is_stored(connection: sa.Connection, day: date) -> bool:
    """Tell whether a day was counted."""
    return bool(connection.execute(_is_stored, {"day": day}).scalar_one())


def store(connection: sa.Connection, day: date) -> None:
    """Count the people of every account, and keep it as the number of a day."""
    connection.execute(_store[connection.dialect.name], {"day": day})


def forget_before(connection: sa.Connection, day: date) -> int:
    """Delete what was counted before a day."""
    return delete_idle(connection, adoption_counts, adoption_counts.c.day < day)


def by_day(connection: sa.Connection, account_id: UUID, days: Sequence[date]) -> list[int]:
    """Return for each of a row of days how many of today's people had their second factor at its end."""
    values = {"account_id": account_id, "from_at": datetime.combine(days[0], time(), UTC)}
    have = _sum(connection, _how_many_before, values)
    new: Counter[date] = Counter()
    for sign, query in _by_day[connection.dialect.name]:
        for number_of_day, number in connection.execute(query, values):
            new[EPOCH + timedelta(days=int(number_of_day))] += sign * number
    counted = []
    for day in days:
        have += new[day]
        counted.append(have)
    return counted


def _sum(connection: sa.Connection, parts: list[tuple[int, sa.Select[int]]], values: dict[str, Any]) -> int:
    return sum(sign * connection.execute(query, values).scalar_one() for sign, query in parts)
