"""The statements of authenticator apps and of their enrolments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.factors.totp.authenticator import Authenticator, Enrolment
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit.sql.database import UtcTime, delete_idle, upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement

MOST_WRONG_CONFIRMATIONS = 10

_at = sa.bindparam("at", type_=UtcTime)
_of_user = sa.bindparam("of_user", type_=sa.Uuid)
_authenticators_of = Statement(
    sa.select(*columns(Authenticator, authenticators, disclosed=authenticators.c.given_away))
    .where(authenticators.c.user_id == _of_user)
    .order_by(authenticators.c.created_at, authenticators.c.id)
)
_hold_authenticators = (
    sa.select(authenticators.c.id)
    .where(authenticators.c.user_id == _of_user)
    .order_by(authenticators.c.id)
    .with_for_update()
)
# The step only ever rises: of two requests with the same code one finds the row changed under it and is refused.
_accept_step = Statement(
    authenticators.update()
    .where(authenticators.c.id == sa.bindparam("of_id"), authenticators.c.last_step < sa.bindparam("step"))
    .values(last_step=sa.bindparam("step"), last_used_at=_at)
)
_disclose = (
    authenticators.update().where(authenticators.c.id == sa.bindparam("of_id")).values(given_away=sa.bindparam("steps"))
)
_open_enrolment = upsert(
    enrolments,
    ["user_id"],
    [column.name for column in enrolments.c if column.name != "user_id"],
)
_is_open = (
    (enrolments.c.user_id == _of_user)
    & (enrolments.c.opener == sa.bindparam("of_opener"))
    & (enrolments.c.expires_at > _at)
    & (enrolments.c.wrong < MOST_WRONG_CONFIRMATIONS)
)
_find_enrolment = sa.select(*columns(Enrolment, enrolments)).where(_is_open)
_charge_enrolment = (
    enrolments.update()
    .where(_is_open, enrolments.c.id == sa.bindparam("of_id"))
    .values(wrong=enrolments.c.wrong + 1)
    .returning(*columns(Enrolment, enrolments))
)


def authenticators_of(connection: sa.Connection, user_id: UUID) -> list[Authenticator]:
    """List the authenticators of a user in the order of their making."""
    return [Authenticator(*row) for row in _authenticators_of.rows(connection, of_user=user_id)]


def hold(connection: sa.Connection, user_id: UUID) -> None:
    """Keep others from changing the authenticators of a user until the transaction ends."""
    connection.execute(_hold_authenticators, {"of_user": user_id})


def accept_step(connection: sa.Connection, authenticator: UUID, step: int, at: datetime) -> bool:
    """Accept a time step of an authenticator once; False when it or a later one was accepted before."""
    return _accept_step.count(connection, of_id=authenticator, step=step, at=at) == 1


def disclose(connection: sa.Connection, authenticator: UUID, steps: Sequence[int]) -> None:
    """Remember future steps that a hint about the clock confirmed."""
    connection.execute(_disclose, {"of_id": authenticator, "steps": " ".join(map(str, steps))})


def insert_authenticator(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store an authenticator."""
    connection.execute(authenticators.insert(), values)


def rename(connection: sa.Connection, user_id: UUID, authenticator: UUID, name: str) -> bool:
    """Give an authenticator of a user another name; tell whether there is one."""
    own = (authenticators.c.id == authenticator) & (authenticators.c.user_id == user_id)
    return connection.execute(authenticators.update().where(own).values(name=name)).rowcount == 1


def delete_authenticator(connection: sa.Connection, user_id: UUID, authenticator: UUID) -> bool:
    """Delete one authenticator of a user; tell whether there was one."""
    own = (authenticators.c.id == authenticator) & (authenticators.c.user_id == user_id)
    return connection.execute(authenticators.delete().where(own)).rowcount == 1


def open_enrolment(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store an enrolment in the place of any that is open for the same user."""
    connection.execute(_open_enrolment[connection.dialect.name], values)


def find_enrolment(connection: sa.Connection, user_id: UUID, opener: str, at: datetime) -> Enrolment | None:
    """Find the open enrolment of a user, for the one who opened it."""
    row = connection.execute(_find_enrolment, {"of_user": user_id, "of_opener": opener, "at": at}).first()
    return None if row is None else Enrolment(*row)


def charge_enrolment(
    connection: sa.Connection,
    user_id: UUID,
    opener: str,
    enrolment: UUID,
    at: datetime,
) -> Enrolment | None:
    """Charge one try at confirming an enrolment and return it; None when it is not open (any more)."""
    values = {"of_user": user_id, "of_opener": opener, "of_id": enrolment, "at": at}
    row = connection.execute(_charge_enrolment, values).first()
    return None if row is None else Enrolment(*row)


def close_enrolment(connection: sa.Connection, user_id: UUID) -> None:
    """Delete the enrolment of a user."""
    connection.execute(enrolments.delete().where(enrolments.c.user_id == user_id))


def delete_all(connection: sa.Connection, user_id: UUID) -> None:
    """Delete every authenticator and enrolment of a user."""
    for table in (authenticators, enrolments):
        connection.execute(table.delete().where(table.c.user_id == user_id))


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete enrolments whose time is over."""
    return delete_idle(connection, enrolments, enrolments.c.expires_at <= at)
