"""The statements of operator keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.rows import columns
from twofold.provisioning.operator_key import OperatorKey
from twofold.provisioning.tables import operator_keys

_keys = sa.select(*columns(OperatorKey, operator_keys))
_valid_key = _keys.where(
    operator_keys.c.key_hash == sa.bindparam("key_hash"),
    operator_keys.c.revoked_at.is_(None),
)
_used = (
    operator_keys.update().where(operator_keys.c.id == sa.bindparam("of_id")).values(last_used_at=sa.bindparam("used"))
)
_revoke = (
    operator_keys.update()
    .where(operator_keys.c.id == sa.bindparam("of_id"), operator_keys.c.revoked_at.is_(None))
    .values(revoked_at=sa.bindparam("revoked"))
)
_all_keys = _keys.order_by(operator_keys.c.created_at, operator_keys.c.id)


def insert_key(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new key."""
    connection.execute(operator_keys.insert(), values)


def valid_key(connection: sa.Connection, key_hash: bytes) -> OperatorKey | None:
    """Find a key that was not revoked, by its hash."""
    row = connection.execute(_valid_key, {"key_hash": key_hash}).first()
    return None if row is None else OperatorKey(*row)


def used(connection: sa.Connection, key_id: UUID, at: datetime) -> None:
    """Write the last use of a key down."""
    connection.execute(_used, {"of_id": key_id, "used": at})


def revoke(connection: sa.Connection, key_id: UUID, at: datetime) -> bool:
    """Revoke a key; False when there is none, or it was revoked before."""
    return connection.execute(_revoke, {"of_id": key_id, "revoked": at}).rowcount == 1


def all_keys(connection: sa.Connection) -> list[OperatorKey]:
    """List every key, revoked ones as well, in the order of their making."""
    return [OperatorKey(*row) for row in connection.execute(_all_keys)]
