"""The statements of the keys that sign."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from twofold.kit.sql.database import INSERTS
from twofold.kit.sql.rows import columns
from twofold.oidc.key_tables import oidc_keys
from twofold.oidc.signing_key import SigningKey

_all = sa.select(*columns(SigningKey, oidc_keys)).order_by(
    oidc_keys.c.algorithm, oidc_keys.c.active_from, oidc_keys.c.kid
)
_hold = sa.select(oidc_keys.c.kid).order_by(oidc_keys.c.kid).with_for_update()
_keep = {name: insert(oidc_keys).on_conflict_do_nothing() for name, insert in INSERTS.items()}
_retire = (
    oidc_keys.update()
    .where(
        oidc_keys.c.algorithm == sa.bindparam("of_algorithm"),
        oidc_keys.c.retired_at.is_(None),
        oidc_keys.c.active_from <= sa.bindparam("at"),
    )
    .values(retired_at=sa.bindparam("retired"), gone_at=sa.bindparam("gone"))
)
_delete_gone = oidc_keys.delete().where(oidc_keys.c.gone_at <= sa.bindparam("at"))


def all_keys(connection: sa.Connection) -> list[SigningKey]:
    """List every key, of each algorithm in the order in which they sign."""
    return [SigningKey(*row) for row in connection.execute(_all)]


def hold_keys(connection: sa.Connection) -> None:
    """Hold every key to the end of the transaction, so that one rotation comes after another."""
    connection.execute(_hold)


def keep_key(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a key, unless there is one of its algorithm that has no end."""
    connection.execute(_keep[connection.dialect.name], values)


def retire(connection: sa.Connection, algorithm: str, at: datetime, *, retired: datetime, gone: datetime) -> bool:
    """Give the key of an algorithm its end; False where none signs that has no end: its successor waits already."""
    values = {"of_algorithm": algorithm, "at": at, "retired": retired, "gone": gone}
    return connection.execute(_retire, values).rowcount == 1


def delete_gone(connection: sa.Connection, at: datetime) -> None:
    """Delete the keys that are not published any more."""
    connection.execute(_delete_gone, {"at": at})


def delete_all(connection: sa.Connection) -> None:
    """Delete every key."""
    connection.execute(oidc_keys.delete())
