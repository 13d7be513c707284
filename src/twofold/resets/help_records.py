"""The statements of those who ask for a reset themselves."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import accounts, users
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.totp.tables import authenticators
from twofold.kit.sql.database import INSERTS, UtcTime, delete_idle
from twofold.kit.sql.rows import columns
from twofold.resets.help_request import HelpRequest
from twofold.resets.tables import help_requests, reset_cases

_help = help_requests.c
_at = sa.bindparam("at", type_=UtcTime)
_ask = {
    name: insert(help_requests)
    .values(
        user_id=sa.bindparam("user", type_=sa.Uuid), account_id=sa.bindparam("account", type_=sa.Uuid), asked_at=_at,
        locked=sa.bindparam("is_locked", type_=sa.Boolean),
    )
    .on_conflict_do_update(
        index_elements=["user_id"],
        set_={"asked_at": _at, "locked": sa.bindparam("is_locked", type_=sa.Boolean)},
        where=_help.asked_at <= sa.bindparam("earlier", type_=UtcTime),
    )
    .returning(_help.user_id)
    for name, insert in INSERTS.items()
}  # fmt: skip
_asked_at = sa.select(_help.asked_at).where(_help.user_id == sa.bindparam("of_user"))
# What answers it: a case that was opened since, a change of the factors, or a code that was taken.
_answered = (
    sa.exists().where(reset_cases.c.user_id == _help.user_id, reset_cases.c.requested_at >= _help.asked_at),
    sa.exists().where(authenticators.c.user_id == _help.user_id, authenticators.c.last_used_at >= _help.asked_at),
    sa.exists().where(backup_codes.c.user_id == _help.user_id, backup_codes.c.created_at >= _help.asked_at),
)
_open = (
    sa.select(*columns(HelpRequest, help_requests, users, account_name=accounts.c.name))
    .select_from(
        help_requests.join(users, users.c.id == _help.user_id).join(accounts, accounts.c.id == users.c.account_id)
    )
    .where(
        _help.asked_at > sa.bindparam("since", type_=UtcTime),
        users.c.active,
        users.c.frozen_at.is_(None),
        ~accounts.c.sso,
        users.c.second_factor_since.is_not(None),
        *(~answer for answer in _answered),
    )
    .order_by(_help.asked_at.desc())
    .limit(sa.bindparam("most"))
)  # fmt: skip


def ask(
    connection: sa.Connection, user_id: UUID, account_id: UUID, at: datetime, earlier: datetime, *, locked: bool
) -> bool:
    """Note that a user asks; False when they have since `earlier`."""
    values = {"user": user_id, "account": account_id, "at": at, "earlier": earlier, "is_locked": locked}
    return connection.execute(_ask[connection.dialect.name], values).first() is not None


def asked_at(connection: sa.Connection, user_id: UUID) -> datetime | None:
    """Return when a user asked last."""
    return connection.execute(_asked_at, {"of_user": user_id}).scalar()


def list_open(connection: sa.Connection, account_id: UUID | None, since: datetime, most: int) -> list[HelpRequest]:
    """List who asks, the latest first: those of an account or of all whom nothing has answered."""
    query = _open if account_id is None else _open.where(_help.account_id == account_id)
    return [HelpRequest(*row) for row in connection.execute(query, {"since": since, "most": most})]


def forget(connection: sa.Connection, before: datetime) -> int:
    """Delete what was asked before a moment."""
    return delete_idle(connection, help_requests, _help.asked_at < before)
