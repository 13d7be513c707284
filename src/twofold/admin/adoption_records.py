"""The statements of adoption: how many have a second factor, and since which day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import users
from twofold.kit.db import UtcTime

EPOCH = date(1970, 1, 1)
_MICROSECONDS_A_DAY = 24 * 3600 * 1_000_000

_account = sa.bindparam("account_id", type_=sa.Uuid)
_since = users.c.second_factor_since
_counts = sa.select(
    sa.func.count(),
    sa.func.sum(sa.case((_since.is_not(None), 1), else_=0)),
    sa.func.sum(sa.case((_since.is_(None) & users.c.licensed, 1), else_=0)),
).where(users.c.account_id == _account, users.c.active)
_protected = (users.c.account_id == _account, users.c.active, _since.is_not(None))
_before = sa.select(sa.func.count()).where(*_protected, _since < sa.bindparam("from_at", type_=UtcTime))
# The day of a moment, as the number of days since 1970: moments are microseconds on SQLite, timestamps on PostgreSQL.
_DAYS: dict[str, sa.ColumnElement[int]] = {
    "sqlite": sa.type_coerce(_since, sa.BigInteger).op("/")(sa.literal_column(str(_MICROSECONDS_A_DAY))),
    "postgresql": sa.cast(
        sa.func.floor(sa.extract("epoch", _since) / sa.literal_column("86400")), sa.BigInteger,
    ),
}  # fmt: skip
_by_day = {
    name: sa.select(day.label("day"), sa.func.count())
    .where(*_protected, _since >= sa.bindparam("from_at", type_=UtcTime))
    .group_by(day)
    for name, day in _DAYS.items()
}


class Counts(NamedTuple):
    """The active people of an account: all, those with a second factor, those who have a licence and none."""

    people: int
    protected: int
    licensed_without: int


def counts(connection: sa.Connection, account_id: UUID) -> Counts:
    """Count the active people of an account by whether they have a second factor."""
    people, protected, licensed = connection.execute(_counts, {"account_id": account_id}).one()
    return Counts(people, protected or 0, licensed or 0)


def by_day(connection: sa.Connection, account_id: UUID, days: Sequence[date]) -> list[int]:
    """Return for each of a row of days how many of today's people had their second factor at its end."""
    from_at = datetime.combine(days[0], datetime.min.time(), UTC)
    values = {"account_id": account_id, "from_at": from_at}
    have = connection.execute(_before, values).scalar_one()
    rows = connection.execute(_by_day[connection.dialect.name], values).all()
    new = {EPOCH + timedelta(days=int(row.day)): row[1] for row in rows}
    counted = []
    for day in days:
        have += new.get(day, 0)
        counted.append(have)
    return counted
