"""The statements of attempt budgets: each charge is one conditional UPDATE (or upsert), never read-then-write."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.person import Person
from twofold.directory.tables import HAS_NEAREST_ADDRESS, PERSON, accounts, users
from twofold.kit.db import INSERTS, NEED_NOT_LAST, AnyRow, UtcTime, upsert
from twofold.kit.statement import Statement
from twofold.lockouts.budget import (
    FINAL_AFTER,
    FORGET_PASSWORD_TRIES,
    FREE_PASSWORD_TRIES,
    LOCK_AFTER,
    LONGEST_WAIT,
    MAIL_WINDOW,
    MAILBOX_CLOSED,
    MAILBOX_TRIES,
    MAILS_AN_HOUR,
    PASSWORD_WAITS,
    Counts,
)
from twofold.lockouts.tables import known_clients, mailbox_budgets, password_throttles, second_factor_budgets

_at = sa.bindparam("at", type_=UtcTime)
_budget = second_factor_budgets.c
_of_user = _budget.user_id == sa.bindparam("of_user")

_charge = Statement(
    second_factor_budgets.update()
    .where(_of_user, _budget.wrong < LOCK_AFTER, _budget.wrong_in_row < FINAL_AFTER)
    .values(wrong=_budget.wrong + 1, wrong_in_row=_budget.wrong_in_row + 1)
    .returning(_budget.wrong, _budget.wrong_in_row)
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
_counts = sa.select(_budget.wrong, _budget.wrong_in_row).where(_of_user)
_last_lock = sa.select(_budget.last_locked_at).where(_of_user)
_open_budget = upsert(second_factor_budgets, ["user_id"], ["wrong", "wrong_in_row"])

_throttle = password_throttles.c
_next_wrong = sa.case((_throttle.forget_at <= _at, 1), else_=_throttle.wrong + 1)
# Each different wait, and the last of the wrong passwords in a row that it follows; the longest follows all the others.
_last_of_wait = {wait: tries for tries, wait in enumerate(PASSWORD_WAITS, start=1)}
_moments = {tries: sa.bindparam(f"after_{tries}", type_=UtcTime) for tries in _last_of_wait.values()}
_next_moment = sa.case(
    (_throttle.forget_at <= _at, _at),
    *((_throttle.wrong < sa.literal_column(str(tries)), moment) for tries, moment in list(_moments.items())[:-1]),
    else_=_moments[len(PASSWORD_WAITS)],
)
_charge_password = Statement(
    {
        name: insert(password_throttles)
        .values(
            key=sa.bindparam("key", type_=sa.LargeBinary),
            wrong=1,
            next_at=_at,
            forget_at=sa.bindparam("forget", type_=UtcTime),
        )
        .on_conflict_do_update(
            index_elements=["key"],
            set_={"wrong": _next_wrong, "next_at": _next_moment, "forget_at": sa.bindparam("forget", type_=UtcTime)},
            # The first ones cost no wait, so no moment is compared: the clocks of two nodes, or of two threads, need
            # not be read in the order in which their tries are charged.
            where=(_throttle.wrong < FREE_PASSWORD_TRIES)
            | (_throttle.next_at <= _at)
            | (_throttle.forget_at <= _at)
            | (_throttle.next_at > sa.bindparam("never", type_=UtcTime)),
        )
        .returning(_throttle.wrong, *NEED_NOT_LAST[name])
        for name, insert in INSERTS.items()
    }
)
_next_try = sa.select(_throttle.next_at).where(_throttle.key == sa.bindparam("key"))
_hour_over = _throttle.forget_at <= _at
_charge_letter = {
    name: insert(password_throttles)
    .values(
        key=sa.bindparam("key", type_=sa.LargeBinary),
        wrong=1,
        next_at=_at,
        forget_at=sa.bindparam("forget", type_=UtcTime),
    )
    .on_conflict_do_update(
        index_elements=["key"],
        set_={
            "wrong": sa.case((_hour_over, 1), else_=_throttle.wrong + 1),
            "forget_at": sa.case((_hour_over, sa.bindparam("forget", type_=UtcTime)), else_=_throttle.forget_at),
        },
        where=_hour_over | (_throttle.wrong < MAILS_AN_HOUR),
    )
    .returning(_throttle.wrong)
    for name, insert in INSERTS.items()
}
_letters_until = sa.select(_throttle.forget_at).where(_throttle.key == sa.bindparam("key"))
_clear_password = Statement(password_throttles.delete().where(_throttle.key == sa.bindparam("key")))

_known = (
    sa.exists()
    .where(
        known_clients.c.token_hash == sa.bindparam("client", type_=sa.LargeBinary),
        known_clients.c.user_id == users.c.id,
        known_clients.c.expires_at > _at,
    )
    .correlate(users)
)
_person_and_client = Statement(
    sa.select(_known.label("known"), _budget.wrong, _budget.wrong_in_row, *PERSON)
    .select_from(
        users.join(accounts, accounts.c.id == users.c.account_id).outerjoin(
            second_factor_budgets,
            _budget.user_id == users.c.id,
        ),
    )
    .where(HAS_NEAREST_ADDRESS)
)
_remember = Statement(upsert(known_clients, ["token_hash", "user_id"], ["expires_at"]))

_helpers = (
    sa.select(users.c.name, users.c.email)
    .select_from(users.outerjoin(second_factor_budgets, _budget.user_id == users.c.id))
    .where(
        users.c.account_id == sa.bindparam("account_id"),
        users.c.role == sa.bindparam("role"),
        users.c.id != sa.bindparam("except_id"),
        users.c.active,
        users.c.frozen_at.is_(None),
        users.c.password_hash.is_not(None),
        sa.func.coalesce(_budget.wrong, 0) < LOCK_AFTER,
        sa.func.coalesce(_budget.wrong_in_row, 0) < FINAL_AFTER,
    )
    .order_by(users.c.name_key)
    .limit(10)
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
_mailbox_state = sa.select(mailbox_budgets).where(_mailbox.user_id == sa.bindparam("of_user"))


def charge(connection: sa.Connection, user_id: UUID) -> Callable[[], Counts | None]:
    """Charge one try to a user's second factor, ahead; what comes of it is None when it is locked (or never opened)."""
    rows = _charge.ahead(connection, of_user=user_id)
    return lambda: next((Counts(*row) for row in rows()), None)


def give_back(connection: sa.Connection, user_id: UUID) -> None:
    """Take one charge back."""
    connection.execute(_give_back, {"of_user": user_id})


def clear(connection: sa.Connection, user_id: UUID) -> None:
    """Forget every wrong try: a right one came."""
    _clear.later(connection, of_user=user_id)


def note_lock(connection: sa.Connection, user_id: UUID, at: datetime) -> None:
    """Write down when wrong tries last locked this user."""
    connection.execute(_note_lock, {"of_user": user_id, "at": at})


def unlock(connection: sa.Connection, user_id: UUID) -> bool:
    """Lift a lock that is not final; tell whether there was one."""
    return connection.execute(_unlock, {"of_user": user_id}).rowcount == 1


def counts(connection: sa.Connection, user_id: UUID) -> Counts:
    """Return the wrong tries of a user."""
    row = connection.execute(_counts, {"of_user": user_id}).first()
    return Counts(0, 0) if row is None else Counts(*row)


def last_locked_at(connection: sa.Connection, user_id: UUID) -> datetime | None:
    """Return when wrong tries last locked this user, unlocked since or not."""
    return connection.execute(_last_lock, {"of_user": user_id}).scalar()


def open_budget(connection: sa.Connection, user_id: UUID, account_id: UUID) -> None:
    """Give a user with a new first factor a full budget."""
    values = {"user_id": user_id, "account_id": account_id, "wrong": 0, "wrong_in_row": 0}
    connection.execute(_open_budget[connection.dialect.name], values)


def charge_password(connection: sa.Connection, key: bytes, at: datetime) -> bool:
    """Charge one password try to a throttle; False when its next try is not due yet."""
    moments = {f"after_{tries}": at + timedelta(seconds=wait) for wait, tries in _last_of_wait.items()}
    # No wait is that long: it was counted from a clock that was ahead and has been set right since.
    never = at + 2 * timedelta(seconds=LONGEST_WAIT)
    forget = at + FORGET_PASSWORD_TRIES
    return _charge_password.row(connection, key=key, at=at, forget=forget, never=never, **moments) is not None


def next_password_try(connection: sa.Connection, key: bytes) -> datetime | None:
    """Return when a throttle lets the next password through."""
    return connection.execute(_next_try, {"key": key}).scalar()


def clear_password(connection: sa.Connection, key: bytes) -> None:
    """Forget the wrong passwords of a throttle: a right one came."""
    _clear_password.later(connection, key=key)


def charge_letter(connection: sa.Connection, key: bytes, at: datetime) -> bool:
    """Charge one letter to what was typed as an address; False when three were asked for within the hour."""
    values = {"key": key, "at": at, "forget": at + MAIL_WINDOW}
    return connection.execute(_charge_letter[connection.dialect.name], values).first() is not None


def letters_until(connection: sa.Connection, key: bytes) -> datetime | None:
    """Return when the hour of a letter throttle is over."""
    return connection.execute(_letters_until, {"key": key}).scalar()


def person_and_client(
    connection: sa.Connection,
    email_key: str,
    client: bytes,
    at: datetime,
) -> tuple[Person | None, bool, Counts]:
    """Find a user by address, whether this client has completed a sign-in of theirs before, and their wrong codes."""
    row = _person_and_client.row(connection, email_key=email_key, client=client, at=at)
    if row is None:
        return None, False, Counts(0, 0)
    known, wrong, wrong_in_row, *values = row
    person, counts = Person(*values), Counts(wrong or 0, wrong_in_row or 0)
    return (person, bool(known), counts) if person.email_key == email_key else (None, False, Counts(0, 0))


def remember_client(
    connection: sa.Connection,
    client: bytes,
    user_id: UUID,
    account_id: UUID,
    until: datetime,
) -> None:
    """Note that a client has completed a sign-in of this user."""
    values = {"token_hash": client, "user_id": user_id, "account_id": account_id, "expires_at": until}
    _remember.later(connection, **values)


def helpers(connection: sa.Connection, account_id: UUID, role: str, except_id: UUID) -> Sequence[AnyRow]:
    """List name and address of those with a role who can act now: active, signed up, neither frozen nor locked."""
    values = {"account_id": account_id, "role": role, "except_id": except_id}
    return connection.execute(_helpers, values).all()


def charge_mailbox(connection: sa.Connection, user_id: UUID, at: datetime) -> int | None:
    """Charge one try at a code sent by mail and return how many that makes; None while the door is closed."""
    values = {"of_user": user_id, "at": at, "until": at + MAILBOX_CLOSED}
    return connection.execute(_charge_mailbox, values).scalar()


def clear_mailbox(connection: sa.Connection, user_id: UUID) -> None:
    """Open the door of the mailed code again and forget its wrong tries."""
    connection.execute(_clear_mailbox, {"of_user": user_id})


def charge_mail(connection: sa.Connection, user_id: UUID, account_id: UUID, at: datetime) -> bool:
    """Charge one mail; False when three have gone out within the hour."""
    values = {"user": user_id, "account": account_id, "at": at, "hour_ago": at - MAIL_WINDOW}
    return connection.execute(_charge_mail[connection.dialect.name], values).first() is not None


def mailbox_state(connection: sa.Connection, user_id: UUID) -> AnyRow | None:
    """Return a user's mailbox budget."""
    return connection.execute(_mailbox_state, {"of_user": user_id}).first()


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete throttles and known clients whose time is over."""
    gone = connection.execute(password_throttles.delete().where(_throttle.forget_at <= at)).rowcount
    return gone + connection.execute(known_clients.delete().where(known_clients.c.expires_at <= at)).rowcount
