"""The statements of who uses which application, and of what they agreed to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.oidc.use_tables import application_rules, application_uses


class Use(NamedTuple):
    """That somebody uses an application: what it may see of them, and when they signed in to it last."""

    application_id: UUID
    scope: str
    last_used_at: datetime | None


_OF_ONE = (
    application_uses.c.user_id == sa.bindparam("user"),
    application_uses.c.application_id == sa.bindparam("application"),
)
_KEYS = ["user_id", "application_id"]

_agreed = Statement(sa.select(application_uses.c.scope).where(*_OF_ONE, application_uses.c.agreed_at.is_not(None)))
_agree = upsert(application_uses, _KEYS, ["scope", "agreed_at"])
_first_party = Statement(
    upsert(application_uses, _KEYS, ["scope", "last_used_at", "acr"]),
    columns=[column.name for column in application_uses.c if column.name != "agreed_at"],
)
_third_party = Statement(
    application_uses.update()
    .where(*_OF_ONE, application_uses.c.agreed_at.is_not(None))
    .values(last_used_at=sa.bindparam("at", type_=UtcTime), acr=sa.bindparam("reached"))
    .returning(application_uses.c.scope)
)
_of_user = Statement(
    sa.select(*columns(Use, application_uses)).where(application_uses.c.user_id == sa.bindparam("user"))
)
_forget = Statement(application_uses.delete().where(*_OF_ONE))


def agreed(connection: sa.Connection, user_id: UUID, application_id: UUID) -> str | None:
    """Return the scopes to which a user agreed; None where they were not asked."""
    row = _agreed.row(connection, user=user_id, application=application_id)
    return None if row is None else row.scope


def agree(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store what a user agrees to, in place of what they agreed to before."""
    connection.execute(_agree[connection.dialect.name], values)


def note_first_party(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Note a sign-in to an application about which nobody is asked."""
    _first_party.enqueue(connection, **values)


def note_third_party(
    connection: sa.Connection, user_id: UUID, application_id: UUID, *, acr: str, at: datetime
) -> str | None:
    """Note a sign-in to an application, and return to what its user agreed; None: to nothing, or no longer."""
    row = _third_party.row(connection, user=user_id, application=application_id, at=at, reached=acr)
    return None if row is None else row.scope


def of_user(connection: sa.Connection, user_id: UUID) -> Mapping[UUID, Use]:
    """Return what a user uses, by the id of each application."""
    return {row.application_id: Use(*row) for row in _of_user.rows(connection, user=user_id)}


def forget(connection: sa.Connection, user_id: UUID, application_id: UUID) -> bool:
    """Delete what a user agreed to, and that they use an application; tell whether they did."""
    return _forget.count(connection, user=user_id, application=application_id) == 1


def forget_application(connection: sa.Connection, application_id: UUID) -> None:
    """Delete who uses an application, and what accounts ask for there."""
    connection.execute(application_rules.delete().where(application_rules.c.application_id == application_id))
    connection.execute(application_uses.delete().where(application_uses.c.application_id == application_id))
