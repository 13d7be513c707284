"""The statements of the policy: whom a date stops, and whether an administrator would get through."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import users
from twofold.directory.user import NamedUser
from twofold.kit.sql.database import UtcTime
from twofold.kit.sql.rows import columns
from twofold.lockouts.tables import CAN_ACT

_account = sa.bindparam("account_id", type_=sa.Uuid)
_from = sa.bindparam("from_at", type_=UtcTime)
_of_account = users.c.account_id == _account
# Whoever has no factor when the policy holds: `directory.eligibility` says the same of one user.
_without = (users.c.second_factor_since.is_(None), users.c.active, users.c.licensed)
_no_exception = users.c.exception_until.is_(None) | (users.c.exception_until <= _from)
_stopped = (_of_account, *_without, _no_exception)
_is_admin = sa.case((users.c.role == "admin", 1), else_=0)

_stopped_people = (
    sa.select(*columns(NamedUser, users))
    .where(*_stopped)
    .order_by(users.c.name_key, users.c.id)
    .limit(sa.bindparam("most"))
)
_stopped_counts = sa.select(sa.func.count(), sa.func.sum(_is_admin)).where(*_stopped)
_excepted_count = sa.select(sa.func.count()).where(
    _of_account, *_without, users.c.exception_until.is_not(None), users.c.exception_until > _from
)
_people_count = sa.select(sa.func.count()).where(_of_account, users.c.active)
_protected_admin = (
    sa.select(sa.literal(1))
    .where(
        _of_account,
        users.c.role == "admin",
        *CAN_ACT,
        users.c.second_factor_since.is_not(None),
    )
    .limit(1)
)


class Stopped(NamedTuple):
    """Whom a required policy stops: the first of them by name, and how many there are."""

    people: Sequence[NamedUser]
    number: int
    admins: int
    excepted: int
    of: int


def stopped(connection: sa.Connection, account_id: UUID, from_at: datetime, most: int) -> Stopped:
    """Tell whom a policy that is required from a moment stops then."""
    values = {"account_id": account_id, "from_at": from_at}
    people = [NamedUser(*row) for row in connection.execute(_stopped_people, {**values, "most": most})]
    count, admins = connection.execute(_stopped_counts, values).one()
    excepted = connection.execute(_excepted_count, values).scalar_one()
    return Stopped(people, count, admins or 0, excepted, people_of(connection, account_id))


def people_of(connection: sa.Connection, account_id: UUID) -> int:
    """Count the active people of an account."""
    return connection.execute(_people_count, {"account_id": account_id}).scalar_one()


def has_protected_admin(connection: sa.Connection, account_id: UUID) -> bool:
    """Tell whether an administrator of an account who can act has a second factor."""
    return connection.execute(_protected_admin, {"account_id": account_id}).first() is not None
