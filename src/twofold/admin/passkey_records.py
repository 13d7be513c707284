"""The statement of the passkeys that a page of people shows: by name and time, never a key."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa

from twofold.admin.user_summary import App
from twofold.factors.passkeys.tables import passkeys

_PASSKEYS = (
    sa.select(passkeys.c.user_id, passkeys.c.id, passkeys.c.name, passkeys.c.created_at, passkeys.c.last_used_at)
    .where(passkeys.c.user_id.in_(sa.bindparam("holders", expanding=True, type_=sa.Uuid)))
    .order_by(passkeys.c.created_at, passkeys.c.id)
)


def passkeys_of(connection: sa.Connection, holders: Sequence[UUID]) -> Mapping[UUID, tuple[App, ...]]:
    """Return the passkeys of several users, the oldest first."""
    found: dict[UUID, tuple[App, ...]] = {}
    for row in connection.execute(_PASSKEYS, {"holders": holders}):
        passkey = App(row.id, row.name, row.created_at, row.last_used_at, is_passkey=True)
        found[row.user_id] = (*found.get(row.user_id, ()), passkey)
    return found
