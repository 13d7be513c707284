"""The statements that count wrong second factors from browsers that have not signed in with one.

Whoever uses them holds the user's budget: it was charged in this transaction. So nothing changes between what is
counted and what is stored, however many guess at once.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import UtcTime, delete_idle
from twofold.lockouts.budget import LOCK_AFTER, UNKNOWN_COUNTED_FOR, UNKNOWN_LOCK_AFTER, WARN_EVERY
from twofold.lockouts.tables import second_factor_budgets, unknown_wrong_codes

_wrong, _budget = unknown_wrong_codes.c, second_factor_budgets.c
_at = sa.bindparam("at", type_=UtcTime)
_of_user = _budget.user_id == sa.bindparam("of_user")
_recent = sa.select(sa.func.count()).where(_wrong.user_id == sa.bindparam("user"), _wrong.at > sa.bindparam("since"))
_note_count = second_factor_budgets.update().where(_of_user).values(unknown_wrong=sa.bindparam("count"))
_lock = second_factor_budgets.update().where(_of_user).values(wrong=LOCK_AFTER)
_warn = (
    second_factor_budgets.update()
    .where(_of_user, _budget.warned_at.is_(None) | (_budget.warned_at <= sa.bindparam("day_ago", type_=UtcTime)))
    .values(warned_at=_at)
)


def note_wrong(connection: sa.Connection, user_id: UUID, account_id: UUID, browser: bytes, at: datetime) -> int:
    """Note a wrong code from an unknown browser, and lock where that is the tenth; return how many there are."""
    values = {"user_id": user_id, "id": new_id(), "account_id": account_id, "browser": browser, "at": at}
    connection.execute(unknown_wrong_codes.insert(), values)
    count = _count_anew(connection, user_id, at)
    if count >= UNKNOWN_LOCK_AFTER:
        connection.execute(_lock, {"of_user": user_id})
    return count


def forget_browser(connection: sa.Connection, user_id: UUID, browser: bytes, at: datetime) -> None:
    """Forget the wrong codes of one browser: it has signed in."""
    own = (_wrong.user_id == user_id) & (_wrong.browser == browser)
    connection.execute(unknown_wrong_codes.delete().where(own))
    _count_anew(connection, user_id, at)


def forget_all(connection: sa.Connection, user_id: UUID) -> None:
    """Forget the wrong codes of every browser of a user."""
    connection.execute(_note_count, {"of_user": user_id, "count": 0})  # first, because it holds the budget
    connection.execute(unknown_wrong_codes.delete().where(_wrong.user_id == user_id))


def warn(connection: sa.Connection, user_id: UUID, at: datetime) -> bool:
    """Note that a user is warned by mail; False when they were within a day."""
    return connection.execute(_warn, {"of_user": user_id, "at": at, "day_ago": at - WARN_EVERY}).rowcount == 1


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete wrong codes that do not count any more."""
    return delete_idle(connection, unknown_wrong_codes, _wrong.at <= at - UNKNOWN_COUNTED_FOR)


def _count_anew(connection: sa.Connection, user_id: UUID, at: datetime) -> int:
    count = connection.execute(_recent, {"user": user_id, "since": at - UNKNOWN_COUNTED_FOR}).scalar_one()
    connection.execute(_note_count, {"of_user": user_id, "count": count})
    return int(count)
