"""The statements of passkeys, of their registrations, and of challenges that were answered."""

from datetime import datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.factors.passkeys.passkey import Passkey, Registration
from twofold.factors.passkeys.tables import passkey_registrations, passkey_users, passkeys, spent_challenges
from twofold.kit.sql.database import INSERTS, UtcTime, delete_idle, upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement

_at = sa.bindparam("at", type_=UtcTime)
_of_user = sa.bindparam("of_user", type_=sa.Uuid)
_of_id = sa.bindparam("of_id", type_=sa.Uuid)
_counter = sa.bindparam("new_counter", type_=sa.BigInteger)
_passkeys_of = Statement(
    sa.select(*columns(Passkey, passkeys))
    .where(passkeys.c.user_id == _of_user)
    .order_by(passkeys.c.created_at, passkeys.c.id)
)
_hold = sa.select(passkeys.c.id).where(passkeys.c.user_id == _of_user).order_by(passkeys.c.id).with_for_update()
_owner = Statement(
    sa.select(passkeys.c.user_id).where(passkeys.c.credential_id == sa.bindparam("credential", type_=sa.LargeBinary))
)
_handle = Statement(sa.select(passkey_users.c.handle).where(passkey_users.c.user_id == _of_user))
# Of two assertions with the same counter one finds the row changed; a counter that stays 0 counts nothing.
_use = Statement(
    passkeys.update()
    .where(passkeys.c.id == _of_id, (passkeys.c.counter < _counter) | ((passkeys.c.counter == 0) & (_counter == 0)))
    .values(counter=_counter, last_used_at=_at)
)
_use_all_the_same = Statement(passkeys.update().where(passkeys.c.id == _of_id).values(last_used_at=_at))
_spend = Statement({name: insert(spent_challenges).on_conflict_do_nothing() for name, insert in INSERTS.items()})
_open = upsert(
    passkey_registrations,
    ["user_id"],
    [column.name for column in passkey_registrations.c if column.name != "user_id"],
)
_give_handle = {name: insert(passkey_users).on_conflict_do_nothing() for name, insert in INSERTS.items()}
_insert = {
    name: insert(passkeys)
    .on_conflict_do_nothing(index_elements=["credential_id"])
    .execution_options(preserve_rowcount=True)  # of an INSERT it would be thrown away
    for name, insert in INSERTS.items()
}
_is_open = (
    (passkey_registrations.c.user_id == _of_user)
    & (passkey_registrations.c.opener == sa.bindparam("of_opener"))
    & (passkey_registrations.c.expires_at > _at)
)
_find_open = sa.select(*columns(Registration, passkey_registrations)).where(_is_open)


class Use(Enum):
    """What came of using a passkey: its counter went on, it went back, or the passkey is gone."""

    WENT_ON = auto()
    WENT_BACK = auto()
    GONE = auto()


def passkeys_of(connection: sa.Connection, user_id: UUID) -> list[Passkey]:
    """List the passkeys of a user in the order of their making."""
    return [Passkey(*row) for row in _passkeys_of.rows(connection, of_user=user_id)]


def owner_of(connection: sa.Connection, credential_id: bytes) -> UUID | None:
    """Return whose passkey a credential is."""
    row = _owner.row(connection, credential=credential_id)
    return None if row is None else UUID(str(row[0]))


def handle_of(connection: sa.Connection, user_id: UUID) -> bytes | None:
    """Return how authenticators know a user; None where they never registered a passkey."""
    row = _handle.row(connection, of_user=user_id)
    return None if row is None else bytes(row[0])


def give_handle(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Give a user a handle, unless there is one."""
    connection.execute(_give_handle[connection.dialect.name], values)


def hold(connection: sa.Connection, user_id: UUID) -> None:
    """Keep others from changing the passkeys of a user until the transaction ends."""
    connection.execute(_hold, {"of_user": user_id})


def use(connection: sa.Connection, passkey: UUID, counter: int, at: datetime) -> Use:
    """Note a right assertion of a passkey, and what its counter says."""
    if _use.count(connection, of_id=passkey, new_counter=counter, at=at) == 1:
        return Use.WENT_ON
    return Use.WENT_BACK if _use_all_the_same.count(connection, of_id=passkey, at=at) == 1 else Use.GONE


def spend(connection: sa.Connection, challenge_hash: bytes, expires_at: datetime) -> bool:
    """Spend a challenge; False where it was answered before."""
    return _spend.count(connection, challenge_hash=challenge_hash, expires_at=expires_at) == 1


def insert(connection: sa.Connection, values: dict[str, Any]) -> bool:
    """Store a passkey; False where there is one of the same credential, whosever it is."""
    return connection.execute(_insert[connection.dialect.name], values).rowcount == 1


def rename(connection: sa.Connection, user_id: UUID, passkey: UUID, name: str) -> bool:
    """Give a passkey of a user another name; tell whether there is one."""
    own = (passkeys.c.id == passkey) & (passkeys.c.user_id == user_id)
    return connection.execute(passkeys.update().where(own).values(name=name)).rowcount == 1


def delete(connection: sa.Connection, user_id: UUID, passkey: UUID) -> bool:
    """Delete one passkey of a user; tell whether there was one."""
    own = (passkeys.c.id == passkey) & (passkeys.c.user_id == user_id)
    return connection.execute(passkeys.delete().where(own)).rowcount == 1


def open_registration(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a registration in the place of any that is open for the same user."""
    connection.execute(_open[connection.dialect.name], values)


def find_registration(connection: sa.Connection, user_id: UUID, opener: str, at: datetime) -> Registration | None:
    """Find the open registration of a user, for the one who opened it."""
    row = connection.execute(_find_open, {"of_user": user_id, "of_opener": opener, "at": at}).first()
    return None if row is None else Registration(*row)


def close_registration(connection: sa.Connection, user_id: UUID) -> None:
    """Delete the registration of a user."""
    connection.execute(passkey_registrations.delete().where(passkey_registrations.c.user_id == user_id))


def delete_all(connection: sa.Connection, user_id: UUID) -> None:
    """Delete every passkey and registration of a user; how authenticators know them stays."""
    for table in (passkeys, passkey_registrations):
        connection.execute(table.delete().where(table.c.user_id == user_id))


def bound_elsewhere(connection: sa.Connection, domain: str) -> int:
    """Count the passkeys that are bound to another domain, where they are of no use."""
    other = sa.select(sa.func.count()).select_from(passkeys).where(passkeys.c.domain != domain)
    return connection.execute(other).scalar_one()


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete registrations and spent challenges whose time is over."""
    over = (passkey_registrations, spent_challenges)
    return sum(delete_idle(connection, table, table.c.expires_at <= at) for table in over)
