"""The statements of second factors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.factors.tables import authenticators, backup_codes, enrolments, removals
from twofold.kit.sql.database import AnyRow, UtcTime, delete_idle, upsert
from twofold.kit.sql.statement import Statement

MOST_WRONG_CONFIRMATIONS = 10

_at = sa.bindparam("at", type_=UtcTime)
_of_user = sa.bindparam("of_user", type_=sa.Uuid)
_authenticators_of = Statement(
    sa.select(authenticators)
    .where(authenticators.c.user_id == _of_user)
    .order_by(authenticators.c.created_at, authenticators.c.id)
)
_hold_authenticators = (
    sa.select(authenticators.c.id)
    .where(authenticators.c.user_id == _of_user)
    .order_by(authenticators.c.id)
    .with_for_update()
)
_hold_backup_code = sa.select(backup_codes.c.user_id).where(backup_codes.c.user_id == _of_user).with_for_update()
# The step only ever rises: of two requests with the same code one finds the row changed under it and is refused.
_accept_step = Statement(
    authenticators.update()
    .where(authenticators.c.id == sa.bindparam("of_id"), authenticators.c.last_step < sa.bindparam("step"))
    .values(last_step=sa.bindparam("step"), last_used_at=_at)
)
_give_away = (
    authenticators.update().where(authenticators.c.id == sa.bindparam("of_id")).values(given_away=sa.bindparam("steps"))
)
# Spent and replaced in one statement: nobody can spend it twice, and nobody is ever left without one.
_spend_backup_code = Statement(
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
_issue_backup_code = upsert(backup_codes, ["user_id"], ["code_hash", "spent_hash", "created_at", "seen"])
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
_find_enrolment = sa.select(enrolments).where(_is_open)
_charge_enrolment = (
    enrolments.update()
    .where(_is_open, enrolments.c.id == sa.bindparam("of_id"))
    .values(wrong=enrolments.c.wrong + 1)
    .returning(enrolments)
)
_ask_removal = upsert(removals, ["session_id"], ["token_hash", "expires_at"])


def authenticators_of(connection: sa.Connection, user_id: UUID) -> Sequence[AnyRow]:
    """List the authenticators of a user in the order of their making."""
    return _authenticators_of.rows(connection, of_user=user_id)


def hold(connection: sa.Connection, user_id: UUID) -> None:
    """Keep others from changing the authenticators and the backup code of a user until the transaction ends."""
    connection.execute(_hold_authenticators, {"of_user": user_id})
    connection.execute(_hold_backup_code, {"of_user": user_id})


def accept_step(connection: sa.Connection, authenticator: UUID, step: int, at: datetime) -> bool:
    """Accept a time step of an authenticator once; False when it or a later one was accepted before."""
    return _accept_step.count(connection, of_id=authenticator, step=step, at=at) == 1


def give_away(connection: sa.Connection, authenticator: UUID, steps: Sequence[int]) -> None:
    """Remember future steps that a hint about the clock confirmed."""
    connection.execute(_give_away, {"of_id": authenticator, "steps": " ".join(map(str, steps))})


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


def delete_everything(connection: sa.Connection, user_id: UUID) -> None:
    """Delete every authenticator, enrolment, pending removal and the backup code of a user."""
    for table in (authenticators, backup_codes, enrolments, removals):
        connection.execute(table.delete().where(table.c.user_id == user_id))


def spend_backup_code(connection: sa.Connection, user_id: UUID, typed: bytes, successor: bytes, at: datetime) -> bool:
    """Spend the backup code and store its successor; False when it is not (or no longer) the user's."""
    values = {"of_user": user_id, "typed": typed, "successor": successor, "at": at}
    return _spend_backup_code.count(connection, **values) == 1


def was_spent(connection: sa.Connection, user_id: UUID, typed: bytes) -> bool:
    """Tell whether this is the backup code that the user spent last."""
    return connection.execute(_was_spent, {"of_user": user_id, "typed": typed}).first() is not None


def issue_backup_code(
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
    connection.execute(_issue_backup_code[connection.dialect.name], values)


def mark_backup_code_seen(connection: sa.Connection, user_id: UUID, code_hash: bytes) -> None:
    """Note that the user says this backup code is saved."""
    this = (backup_codes.c.user_id == user_id) & (backup_codes.c.code_hash == code_hash)
    connection.execute(backup_codes.update().where(this).values(seen=True))


def backup_code_of(connection: sa.Connection, user_id: UUID) -> AnyRow | None:
    """Return when the backup code of a user was made and whether it was seen."""
    query = sa.select(backup_codes.c.created_at, backup_codes.c.seen).where(backup_codes.c.user_id == user_id)
    return connection.execute(query).first()


def open_enrolment(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store an enrolment in the place of any that is open for the same user."""
    connection.execute(_open_enrolment[connection.dialect.name], values)


def find_enrolment(connection: sa.Connection, user_id: UUID, opener: str, at: datetime) -> AnyRow | None:
    """Find the open enrolment of a user, for the one who opened it."""
    return connection.execute(_find_enrolment, {"of_user": user_id, "of_opener": opener, "at": at}).first()


def charge_enrolment(
    connection: sa.Connection,
    user_id: UUID,
    opener: str,
    enrolment: UUID,
    at: datetime,
) -> AnyRow | None:
    """Charge one try at confirming an enrolment and return it; None when it is not open (any more)."""
    values = {"of_user": user_id, "of_opener": opener, "of_id": enrolment, "at": at}
    return connection.execute(_charge_enrolment, values).first()


def close_enrolment(connection: sa.Connection, user_id: UUID) -> None:
    """Delete the enrolment of a user."""
    connection.execute(enrolments.delete().where(enrolments.c.user_id == user_id))


def ask_removal(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a proved removal that waits for its last question."""
    connection.execute(_ask_removal[connection.dialect.name], values)


def is_removal_asked(connection: sa.Connection, session_id: UUID, token_hash: bytes, at: datetime) -> bool:
    """Tell whether there is a proved removal for this session; it goes with everything else that is removed."""
    mine = (removals.c.session_id == session_id) & (removals.c.token_hash == token_hash) & (removals.c.expires_at > at)
    return connection.execute(sa.select(removals.c.session_id).where(mine)).first() is not None


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete enrolments and removals whose time is over."""
    return sum(delete_idle(connection, table, table.c.expires_at <= at) for table in (enrolments, removals))
