"""The statements of what users have chosen for themselves."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import accounts, user_preferences, users
from twofold.kit.moments import Choices
from twofold.kit.sql.database import INSERTS

_choices = (
    sa.select(user_preferences.c.language, user_preferences.c.time_zone, accounts.c.time_zone)
    .select_from(
        users.join(accounts, accounts.c.id == users.c.account_id).outerjoin(
            user_preferences, user_preferences.c.user_id == users.c.id
        )
    )
    .where(users.c.id == sa.bindparam("user_id"))
)
_account_zone = sa.select(accounts.c.time_zone).where(accounts.c.id == sa.bindparam("account_id"))


def choices_of(connection: sa.Connection, user_id: UUID) -> Choices | None:
    """Return what a user has chosen, with the time zone of their account; None: there is no such user."""
    row = connection.execute(_choices, {"user_id": user_id}).first()
    return None if row is None else Choices(*row)


def zone_of_account(connection: sa.Connection, account_id: UUID) -> str:
    """Return the time zone of an account."""
    zone: str = connection.execute(_account_zone, {"account_id": account_id}).scalar_one()
    return zone


def store(connection: sa.Connection, user_id: UUID, account_id: UUID, values: dict[str, Any]) -> None:
    """Store what a user has chosen, in place of what they chose before."""
    insert = INSERTS[connection.dialect.name](user_preferences)
    connection.execute(
        insert.on_conflict_do_update(index_elements=["user_id"], set_=values),
        {"user_id": user_id, "account_id": account_id, **values},
    )
