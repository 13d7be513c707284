"""The statements of backup codes."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.factors.backup_code.codes import Issued
from twofold.factors.backup_code.tables import backup_codes
from twofold.kit.sql.database import UtcTime, upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement

_at = sa.bindparam("at", type_=UtcTime)
_of_user = sa.bindparam("of_user", type_=sa.Uuid)
_hold = sa.select(backup_codes.c.user_id).where(backup_codes.c.user_id == _of_user).with_for_update()
# Spent and replaced in one statement: nobody can spend it twice, and nobody is ever left without one.
_spend = Statement(
    backup_codes.update()
    .where(backup_codes.c.user_id == _of_user, backup_codes.c.code_hash == sa.bindparam("typed"))
    .values(
        spent_hash=backup_codes.c.code_hash,
        code_hash=sa.bindparam("successor"),
        created_at=_at,
        seen=False,
    )
)
_was_spent = sa.select(sa.literal(1)).where(
    backup_codes.c.user_id == _of_user,
    backup_codes.c.spent_hash == sa.bindparam("typed"),
)
_issued = columns(Issued, backup_codes)
_issue = upsert(backup_codes, ["user_id"], ["code_hash", "spent_hash", "created_at", "seen"])


def spend(connection: sa.Connection, user_id: UUID, typed: bytes, successor: bytes, at: datetime) -> bool:
    """Spend the backup code and store its successor; False when it is not (or no longer) the user's."""
    values = {"of_user": user_id, "typed": typed, "successor": successor, "at": at}
    return _spend.count(connection, **values) == 1


def was_spent(connection: sa.Connection, user_id: UUID, typed: bytes) -> bool:
    """Tell whether this is the backup code that the user spent last."""
    return connection.execute(_was_spent, {"of_user": user_id, "typed": typed}).first() is not None


def issue(
    connection: sa.Connection,
    user_id: UUID,
    account_id: UUID,
    code_hash: bytes,
    at: datetime,
    *,
    seen: bool,
) -> None:
    """Store a new backup code in the place of any before it."""
    values = {
        "user_id": user_id,
        "account_id": account_id,
        "code_hash": code_hash,
        "spent_hash": None,
        "created_at": at,
        "seen": seen,
    }
    connection.execute(_issue[connection.dialect.name], values)


def mark_seen(connection: sa.Connection, user_id: UUID, code_hash: bytes) -> None:
    """Note that the user says this backup code is saved."""
    this = (backup_codes.c.user_id == user_id) & (backup_codes.c.code_hash == code_hash)
    connection.execute(backup_codes.update().where(this).values(seen=True))


def find(connection: sa.Connection, user_id: UUID) -> Issued | None:
    """Return when the backup code of a user was made and whether it was seen."""
    row = connection.execute(sa.select(*_issued).where(backup_codes.c.user_id == user_id)).first()
    return None if row is None else Issued(*row)


def hold(connection: sa.Connection, user_id: UUID) -> None:
    """Keep others from changing the backup code of a user until the transaction ends."""
    connection.execute(_hold, {"of_user": user_id})


def delete_all(connection: sa.Connection, user_id: UUID) -> None:
    """Delete the backup code of a user."""
    connection.execute(backup_codes.delete().where(backup_codes.c.user_id == user_id))
