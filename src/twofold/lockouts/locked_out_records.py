"""The statements that list who is locked, in all accounts."""

from datetime import datetime

import sqlalchemy as sa

from twofold.directory.tables import accounts, users
from twofold.kit.sql.rows import columns
from twofold.lockouts.budget import FINAL_AFTER, LOCK_AFTER
from twofold.lockouts.locked_out import Locked, ShutOut
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets

_budget, _mailbox = second_factor_budgets.c, mailbox_budgets.c
_final = _budget.wrong_in_row >= FINAL_AFTER
_people = users.join(accounts, accounts.c.id == users.c.account_id)
_locked = (
    sa.select(*columns(Locked, users, second_factor_budgets, account=accounts.c.name, final=_final))
    .select_from(_people.join(second_factor_budgets, _budget.user_id == users.c.id))
    .where((_budget.wrong >= LOCK_AFTER) | _final)
    .order_by(users.c.name_key, users.c.id)
)
_shut_out = (
    sa.select(*columns(ShutOut, users, account=accounts.c.name, closed_until=_mailbox.closed_until))
    .select_from(_people.join(mailbox_budgets, _mailbox.user_id == users.c.id))
    .where(_mailbox.closed_until > sa.bindparam("at"))
    .order_by(users.c.name_key, users.c.id)
)


def locked(connection: sa.Connection) -> list[Locked]:
    """List whom wrong codes have locked, by name."""
    return [Locked(*row) for row in connection.execute(_locked)]


def shut_out(connection: sa.Connection, at: datetime) -> list[ShutOut]:
    """List whom wrong mailed codes keep out at a moment, by name."""
    return [ShutOut(*row) for row in connection.execute(_shut_out, {"at": at})]
