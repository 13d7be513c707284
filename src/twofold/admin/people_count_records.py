"""How many of an account's people a policy makes an exception for: they are few, and are read from an index."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import users
from twofold.kit.sql.database import UtcTime

_excepted = sa.select(sa.func.count()).where(
    users.c.account_id == sa.bindparam("account_id", type_=sa.Uuid),
    users.c.exception_until.is_not(None),
    users.c.exception_until > sa.bindparam("at", type_=UtcTime),
    users.c.second_factor_since.is_(None),
    users.c.active,
    users.c.licensed,
)


def excepted(connection: sa.Connection, account_id: UUID, at: datetime) -> int:
    """Count the active people with a licence and no second factor whose exception is running."""
    return connection.execute(_excepted, {"account_id": account_id, "at": at}).scalar_one()
