"""The statements of attempt budgets: each charge is one conditional UPDATE (or upsert), never read-then-write."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import HAS_NEAREST_ADDRESS, USER, accounts, users
from twofold.directory.user import User
from twofold.kit.sql.database import INSERTS, UtcTime, delete_idle, upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.lockouts.budget import (
    FINAL_AFTER,
    LOCK_AFTER,
    MAIL_WINDOW,
    MAILBOX_CLOSED,
    MAILBOX_TRIES,
    MAILS_AN_HOUR,
    Charged,
    Counts,
    MailboxState,
)
from twofold.lockouts.helper import Helper
from twofold.lockouts.known_client import KnownClient
from twofold.lockouts.tables import CAN_ACT, known_clients, mailbox_budgets, second_factor_budgets

T = TypeVar("T")

_at = sa.bindparam("at", type_=UtcTime)
_budget = second_factor_budgets.c
_of_user = _budget.user_id == sa.bindparam("of_user")

_charge = Statement(
    second_factor_budgets.update()
    .where(_of_user, _budget.wrong < LOCK_AFTER, _budget.wrong_in_row < FINAL_AFTER)
    .values(wrong=_budget.wrong + 1, wrong_in_row=_budget.wrong_in_row + 1)
    .returning(*columns(Counts, second_factor_budgets), _budget.unknown_wrong)
)
_give_back = (
    second_factor_budgets.update()
    .where(_of_user, _budget.wrong > 0)
    .values(wrong=_budget.wrong - 1, wrong_in_row=_budget.wrong_in_row - 1)
)
_clear = Statement(second_factor_budgets.update().where(_of_user).values(wrong=0, wrong_in_row=0))
_note_lock = second_factor_budgets.update().where(_of_user).values(last_locked_at=_at)
_unlock = (
    second_factor_budgets.update()
    .where(_of_user, _budget.wrong >= LOCK_AFTER, _budget.wrong_in_row < FINAL_AFTER)
    .values(wrong=0)
)
_counts = sa.select(*columns(Counts, second_factor_budgets)).where(_of_user)
_counts_held = _counts.with_for_update()
_last_lock = sa.select(_budget.last_locked_at).where(_of_user)
_open_budget = upsert(second_factor_budgets, ["user_id"], ["wrong", "wrong_in_row", "unknown_wrong"])

_client = known_clients.c
_user_and_client = Statement(
    sa.select(_client.expires_at, _client.second_factor_at, _budget.wrong, _budget.wrong_in_row, *USER)
    .select_from(
        users.join(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(second_factor_budgets, _budget.user_id == users.c.id)
        .outerjoin(
            known_clients,
            (_client.token_hash == sa.bindparam("client", type_=sa.LargeBinary))
            & (_client.user_id == users.c.id)
            & (_client.expires_at > _at),
        ),
    )
    .where(HAS_NEAREST_ADDRESS)
)
_remember = Statement(
    {
        name: insert(known_clients)
        .values({column.key: sa.bindparam(column.key, type_=column.type) for column in known_clients.c})
        .on_conflict_do_update(
            index_elements=["token_hash", "user_id"],
            set_={
                "expires_at": sa.bindparam("expires_at", type_=UtcTime),
                "second_factor_at": sa.func.coalesce(
                    sa.bindparam("second_factor_at", type_=UtcTime), _client.second_factor_at
                ),
            },
        )
        for name, insert in INSERTS.items()
    }
)
_remember_for_now = {
    name: insert(known_clients)
    .values({column.key: sa.bindparam(column.key, type_=column.type) for column in known_clients.c})
    .on_conflict_do_update(
        index_elements=["token_hash", "user_id"],
        set_={"expires_at": sa.bindparam("expires_at", type_=UtcTime)},
        where=_client.expires_at < sa.bindparam("expires_at", type_=UtcTime),
    )
    for name, insert in INSERTS.items()
}

_helpers = (
    sa.select(*columns(Helper, users))
    .where(
        users.c.account_id == sa.bindparam("account_id"),
        users.c.role == sa.bindparam("role"),
        users.c.id != sa.bindparam("except_id"),
        *CAN_ACT,
    )
    .order_by(users.c.name_key)
    .limit(10)
)
_admins_who_can_act = sa.select(users.c.id).where(
    users.c.account_id == sa.bindparam("account_id"), users.c.role == "admin", *CAN_ACT
)

_mailbox = mailbox_budgets.c
_charge_mailbox = (
    mailbox_budgets.update()
    .where(
        _mailbox.user_id == sa.bindparam("of_user"),
        (_mailbox.closed_until.is_(None)) | (_mailbox.closed_until <= _at),
    )
    .values(
        wrong=sa.case((_mailbox.wrong >= MAILBOX_TRIES, 1), else_=_mailbox.wrong + 1),
        closed_until=sa.case(
            (_mailbox.wrong == MAILBOX_TRIES - 1, sa.bindparam("until", type_=UtcTime)),
            else_=sa.null(),
        ),
    )
    .returning(_mailbox.wrong)
)
_clear_mailbox = (
    mailbox_budgets.update().where(_mailbox.user_id == sa.bindparam("of_user")).values(wrong=0, closed_until=None)
)
_fresh_hour = _mailbox.mails_since <= sa.bindparam("hour_ago", type_=UtcTime)
_charge_mail = {
    name: insert(mailbox_budgets)
    .values(
        user_id=sa.bindparam("user", type_=sa.Uuid),
        account_id=sa.bindparam("account", type_=sa.Uuid),
        wrong=0,
        closed_until=None,
        mails=1,
        mails_since=_at,
    )
    .on_conflict_do_update(
        index_elements=["user_id"],
        set_={
            "mails": sa.case((_fresh_hour, 1), else_=_mailbox.mails + 1),
            "mails_since": sa.case((_fresh_hour, _at), else_=_mailbox.mails_since),
        },
        where=_fresh_hour | (_mailbox.mails < MAILS_AN_HOUR),
    )
    .returning(_mailbox.mails)
    for name, insert in INSERTS.items()
}
_mailbox_state = sa.select(*columns(MailboxState, mailbox_budgets)).where(_mailbox.user_id == sa.bindparam("of_user"))


def charge(connection: sa.Connection, user_id: UUID, read: Callable[[], T]) -> tuple[Charged | None, T]:
    """Charge one try to a user's second factor, then read something; the charge is None when it is locked."""
    rows = _charge.prefetch(connection, of_user=user_id)
    found = read()
    return next((Charged(Counts(*row[:2]), row[2]) for row in rows()), None), found


def give_back(connection: sa.Connection, user_id: UUID) -> None:
    """Take one charge back."""
    connection.execute(_give_back, {"of_user": user_id})


def clear(connection: sa.Connection, user_id: UUID) -> None:
    """Forget every wrong try: a right one came."""
    _clear.enqueue(connection, of_user=user_id)


def note_lock(connection: sa.Connection, user_id: UUID, at: datetime) -> None:
    """Write down when wrong tries last locked this user."""
    connection.execute(_note_lock, {"of_user": user_id, "at": at})


def unlock(connection: sa.Connection, user_id: UUID) -> bool:
    """Lift a lock that is not final; tell whether there was one."""
    return connection.execute(_unlock, {"of_user": user_id}).rowcount == 1


def counts(connection: sa.Connection, user_id: UUID, *, hold: bool = False) -> Counts:
    """Return the wrong tries of a user; `hold` keeps others from adding to them until the transaction ends."""
    row = connection.execute(_counts_held if hold else _counts, {"of_user": user_id}).first()
    return Counts(0, 0) if row is None else Counts(*row)


def last_locked_at(connection: sa.Connection, user_id: UUID) -> datetime | None:
    """Return when wrong tries last locked this user, unlocked since or not."""
    return connection.execute(_last_lock, {"of_user": user_id}).scalar()


def open_budget(connection: sa.Connection, user_id: UUID, account_id: UUID) -> None:
    """Give a user with a new first factor a full budget."""
    values = {"user_id": user_id, "account_id": account_id, "wrong": 0, "wrong_in_row": 0, "unknown_wrong": 0}
    connection.execute(_open_budget[connection.dialect.name], values)


def user_and_client(
    connection: sa.Connection,
    email_key: str,
    client: bytes,
    at: datetime,
) -> tuple[User | None, KnownClient | None, Counts]:
    """Find a user by address, what is known of this client for them, and their wrong codes."""
    row = _user_and_client.row(connection, email_key=email_key, client=client, at=at)
    if row is None:
        return None, None, Counts(0, 0)
    until, second_factor_at, wrong, wrong_in_row, *values = row
    user, counts = User(*values), Counts(wrong or 0, wrong_in_row or 0)
    if user.email_key != email_key:
        return None, None, Counts(0, 0)
    return user, None if until is None else KnownClient(client, until, second_factor_at), counts


def remember_client(connection: sa.Connection, client: KnownClient, user_id: UUID, account_id: UUID) -> None:
    """Note that a client has completed a sign-in of this user; what it once proved of the second factor stays noted."""
    token_hash, until, second_factor_at = client
    _remember.enqueue(
        connection, token_hash=token_hash, user_id=user_id, account_id=account_id, expires_at=until,
        second_factor_at=second_factor_at,
    )  # fmt: skip


def remember_client_for_now(connection: sa.Connection, client: KnownClient, user_id: UUID, account_id: UUID) -> None:
    """Note a client that has not signed in; one that has stays known for as long as it is."""
    token_hash, until, _ = client
    values = {"token_hash": token_hash, "user_id": user_id, "account_id": account_id, "expires_at": until}
    values |= {"second_factor_at": None}
    connection.execute(_remember_for_now[connection.dialect.name], values)


def helpers(connection: sa.Connection, account_id: UUID, role: str, except_id: UUID) -> list[Helper]:
    """List those with a role who can act now."""
    values = {"account_id": account_id, "role": role, "except_id": except_id}
    return [Helper(*row) for row in connection.execute(_helpers, values)]


def admins_who_can_act(connection: sa.Connection, account_id: UUID) -> set[UUID]:
    """Return the ids of the administrators of an account who can act now."""
    return set(connection.execute(_admins_who_can_act, {"account_id": account_id}).scalars())


def charge_mailbox(connection: sa.Connection, user_id: UUID, at: datetime) -> int | None:
    """Charge one try at a code sent by mail and return how many that makes; None while they are blocked."""
    values = {"of_user": user_id, "at": at, "until": at + MAILBOX_CLOSED}
    return connection.execute(_charge_mailbox, values).scalar()


def clear_mailbox(connection: sa.Connection, user_id: UUID) -> None:
    """Allow mailed codes again and forget the wrong ones."""
    connection.execute(_clear_mailbox, {"of_user": user_id})


def charge_mail(connection: sa.Connection, user_id: UUID, account_id: UUID, at: datetime) -> bool:
    """Charge one mail; False when three have gone out within the hour."""
    values = {"user": user_id, "account": account_id, "at": at, "hour_ago": at - MAIL_WINDOW}
    return connection.execute(_charge_mail[connection.dialect.name], values).first() is not None


def mailbox_state(connection: sa.Connection, user_id: UUID) -> MailboxState | None:
    """Return the state of a user's mailbox budget."""
    row = connection.execute(_mailbox_state, {"of_user": user_id}).first()
    return None if row is None else MailboxState(*row)


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete known clients whose time is over."""
    return delete_idle(connection, known_clients, _client.expires_at <= at)
