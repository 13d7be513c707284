"""The statements that throttle passwords and the mails that anybody can ask for; each charge is one statement.

Who is not known is charged twice: to what was typed together with the network it came from, whose waits grow, and to
what was typed alone, a budget that refills steadily (the generic cell rate: the row keeps the moment at which it is
full again). A try needs both, and one that is refused is charged to neither.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from twofold.kit.sql.database import INSERTS, NOT_DURABLE, UtcTime
from twofold.kit.sql.statement import Statement
from twofold.lockouts.budget import (
    ADDRESS_BURST,
    ADDRESS_REFILL,
    BROWSER_LINK_EVERY,
    FORGET_PASSWORD_TRIES,
    FREE_PASSWORD_TRIES,
    LONGEST_WAIT,
    MAIL_WINDOW,
    MAILS_AN_HOUR,
    PASSWORD_WAITS,
)
from twofold.lockouts.tables import password_throttles


class Throttle(NamedTuple):
    """What a try is charged to: the count that is `own` to a known client or a network, and the address of all."""

    own: bytes
    address: bytes | None = None


_COLUMNS = ["key", "wrong", "next_at", "forget_at"]
_at = sa.bindparam("at", type_=UtcTime)
_own = sa.bindparam("own", type_=sa.LargeBinary)
_address = sa.bindparam("address", type_=sa.LargeBinary)
_forget = sa.bindparam("forget", type_=UtcTime)
_never = sa.bindparam("never", type_=UtcTime)
_throttle = password_throttles.c
_one, _none = sa.literal_column("1", sa.Integer), sa.literal_column("0", sa.Integer)

# Each different wait, and the last of the wrong passwords in a row that it follows; the longest follows all the others.
_last_of_wait = {wait: tries for tries, wait in enumerate(PASSWORD_WAITS, start=1)}
_moments = {tries: sa.bindparam(f"after_{tries}", type_=UtcTime) for tries in _last_of_wait.values()}
_next_moment = sa.case(
    (_throttle.forget_at <= _at, _at),
    *((_throttle.wrong < sa.literal_column(str(tries)), moment) for tries, moment in list(_moments.items())[:-1]),
    else_=_moments[len(PASSWORD_WAITS)],
)
_next_wrong = sa.case((_throttle.forget_at <= _at, 1), else_=_throttle.wrong + 1)
_next_own = {"wrong": _next_wrong, "next_at": _next_moment, "forget_at": _forget}
# The first ones cost no wait, so no moment is compared: the clocks of two nodes, or of two threads, need not be read in
# the order in which their tries are charged.
_own_may = (
    (_throttle.wrong < FREE_PASSWORD_TRIES)
    | (_throttle.next_at <= _at)
    | (_throttle.forget_at <= _at)
    | (_throttle.next_at > _never)
)
_charge_own = Statement(
    {
        name: insert(password_throttles)
        .values(key=_own, wrong=1, next_at=_at, forget_at=_forget)
        .on_conflict_do_update(index_elements=["key"], set_=_next_own, where=_own_may)
        .returning(_throttle.wrong, *NOT_DURABLE[name])
        for name, insert in INSERTS.items()
    }
)

# The budget of an address: `next_at` is when it is full again, each try puts that off by one refill.
_refill: dict[str, sa.ColumnElement[Any]] = {
    "postgresql": sa.literal_column(f"INTERVAL '{ADDRESS_REFILL.total_seconds():.0f} seconds'"),
    "sqlite": sa.literal_column(str(ADDRESS_REFILL // timedelta(microseconds=1))),
}
_full_after = sa.bindparam("full_after", type_=UtcTime)  # one refill from now
_latest = sa.bindparam("latest", type_=UtcTime)  # the last moment of being full again that leaves one try
_never_full = sa.bindparam("never_full", type_=UtcTime)
_address_may = (_throttle.next_at <= _latest) | (_throttle.next_at > _never_full)
_is_address = _throttle.key == _address
_address_spent = sa.exists().where(_is_address, ~_address_may)
_full_or_wrong_clock = (_throttle.next_at <= _at) | (_throttle.next_at > _never_full)


def _fuller_later(dialect: str) -> sa.ColumnElement[Any]:
    return sa.case((_full_or_wrong_clock, _full_after), else_=_throttle.next_at + _refill[dialect])


def _charge_both_on_postgresql() -> Any:
    """Charge the first, and only where that was charged the second: in this order everybody holds their rows."""
    insert, later = INSERTS["postgresql"], _fuller_later("postgresql")
    own = (
        insert(password_throttles)
        .from_select(_COLUMNS, sa.select(_own, _one, _at, _forget).where(~_address_spent))
        .on_conflict_do_update(index_elements=["key"], set_=_next_own, where=_own_may)
        .returning(_throttle.key)
        .cte("own")
    )
    address = (
        insert(password_throttles)
        .from_select(_COLUMNS, sa.select(_address, _none, _full_after, _full_after).select_from(own))
        .on_conflict_do_update(index_elements=["key"], set_={"next_at": later, "forget_at": later}, where=_address_may)
        .returning(_throttle.key)
        .cte("charged")
    )
    return sa.select(_one.label("charged"), *NOT_DURABLE["postgresql"]).select_from(address)


def _charge_both_on_sqlite() -> Any:
    """Charge both or neither: nobody else writes between what is looked at and what is stored.

    SQLite reads all of what is to be stored first, because it comes from the table that it is stored in.
    """
    later = _fuller_later("sqlite")
    own_spent = sa.exists().where(_throttle.key == _own, ~_own_may)
    own = sa.select(_own, _one, _at, _forget).where(~own_spent, ~_address_spent)
    address = sa.select(_address, _none, _full_after, _full_after).where(~own_spent, ~_address_spent)
    return (
        INSERTS["sqlite"](password_throttles)
        .from_select(_COLUMNS, sa.union_all(own, address))
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "wrong": sa.case((_is_address, 0), else_=_next_wrong),
                "next_at": sa.case((_is_address, later), else_=_next_moment),
                "forget_at": sa.case((_is_address, later), else_=_forget),
            },
        )
        .returning(_one.label("charged"))
    )


_charge_both = Statement({"postgresql": _charge_both_on_postgresql(), "sqlite": _charge_both_on_sqlite()})
_next_tries = sa.select(_throttle.key, _throttle.wrong, _throttle.next_at).where(
    _throttle.key.in_(sa.bindparam("keys", expanding=True))
)
_clear = Statement(password_throttles.delete().where(_throttle.key == _own))


def _clear_and_give_back_on_postgresql() -> sa.Update:
    """Forget the first, then give the second its charge back: the order in which they were charged."""
    gone = password_throttles.delete().where(_throttle.key == _own).returning(_throttle.key).cte("gone")
    one_less = {name: _throttle[name] - _refill["postgresql"] for name in ("next_at", "forget_at")}
    first = sa.select(sa.func.count()).select_from(gone).scalar_subquery() >= 0
    return password_throttles.update().where(_is_address, first).values(one_less)


def _clear_and_give_back_on_sqlite() -> sa.Update:
    one_less = {
        name: sa.case((_is_address, _throttle[name] - _refill["sqlite"]), else_=_throttle[name])
        for name in ("next_at", "forget_at")
    }
    return password_throttles.update().where(_throttle.key.in_([_own, _address])).values(wrong=0, **one_less)


_clear_and_give_back = Statement(
    {"postgresql": _clear_and_give_back_on_postgresql(), "sqlite": _clear_and_give_back_on_sqlite()}
)

_hour_over = _throttle.forget_at <= _at
_charge_letter = {
    name: insert(password_throttles)
    .values(key=sa.bindparam("key", type_=sa.LargeBinary), wrong=1, next_at=_at, forget_at=_forget)
    .on_conflict_do_update(
        index_elements=["key"],
        set_={
            "wrong": sa.case((_hour_over, 1), else_=_throttle.wrong + 1),
            "forget_at": sa.case((_hour_over, _forget), else_=_throttle.forget_at),
        },
        where=_hour_over | (_throttle.wrong < MAILS_AN_HOUR),
    )
    .returning(_throttle.wrong)
    for name, insert in INSERTS.items()
}
_charge_browser_link = {
    name: insert(password_throttles)
    .values(key=sa.bindparam("key", type_=sa.LargeBinary), wrong=1, next_at=_forget, forget_at=_forget)
    .on_conflict_do_update(
        index_elements=["key"],
        set_={"next_at": _forget, "forget_at": _forget},
        where=(_throttle.next_at <= _at) | (_throttle.next_at > _never),
    )
    .returning(_throttle.wrong)
    for name, insert in INSERTS.items()
}
_letters_until = sa.select(_throttle.forget_at).where(_throttle.key == sa.bindparam("key"))


def charge(connection: sa.Connection, throttle: Throttle, at: datetime) -> bool:
    """Charge one password try; False when the next one is not due yet."""
    moments = {f"after_{tries}": at + timedelta(seconds=wait) for wait, tries in _last_of_wait.items()}
    # No wait is that long: it was counted from a clock that was ahead and has been set right since.
    never = at + 2 * timedelta(seconds=LONGEST_WAIT)
    values = {"own": throttle.own, "at": at, "forget": at + FORGET_PASSWORD_TRIES, "never": never, **moments}
    if throttle.address is None:
        return _charge_own.row(connection, **values) is not None
    values |= {
        "address": throttle.address,
        "full_after": at + ADDRESS_REFILL,
        "latest": at + (ADDRESS_BURST - 1) * ADDRESS_REFILL,
        "never_full": at + 2 * ADDRESS_BURST * ADDRESS_REFILL,  # no budget takes that long to refill: as above
    }
    return _charge_both.row(connection, **values) is not None


def next_try(connection: sa.Connection, throttle: Throttle, at: datetime) -> datetime:
    """Return when a throttle that has refused a try lets the next one through."""
    keys = [throttle.own] if throttle.address is None else list(throttle)
    due = at
    for row in connection.execute(_next_tries, {"keys": keys}):
        if row.key == throttle.address:
            due = max(due, row.next_at - (ADDRESS_BURST - 1) * ADDRESS_REFILL)
        elif row.wrong >= FREE_PASSWORD_TRIES:
            due = max(due, row.next_at)
    return due


def clear(connection: sa.Connection, throttle: Throttle) -> None:
    """Forget the wrong passwords of a client or network, and take the last charge of the address back: it was right.

    Other networks' wrong ones stay as they are: the owner's sign-ins must not give attackers new tries.
    """
    if throttle.address is None:
        _clear.enqueue(connection, own=throttle.own)
    else:
        _clear_and_give_back.enqueue(connection, own=throttle.own, address=throttle.address)


def charge_letter(connection: sa.Connection, key: bytes, at: datetime) -> bool:
    """Charge one letter to what was typed as an address; False when three were asked for within the hour."""
    values = {"key": key, "at": at, "forget": at + MAIL_WINDOW}
    return connection.execute(_charge_letter[connection.dialect.name], values).first() is not None


def charge_browser_link(connection: sa.Connection, key: bytes, at: datetime) -> bool:
    """Charge one letter with a link for a browser; False when one was asked for within 20 minutes."""
    values = {"key": key, "at": at, "forget": at + BROWSER_LINK_EVERY, "never": at + 2 * BROWSER_LINK_EVERY}
    return connection.execute(_charge_browser_link[connection.dialect.name], values).first() is not None


def letters_until(connection: sa.Connection, key: bytes) -> datetime | None:
    """Return when a throttle of letters lets the next one go out."""
    return connection.execute(_letters_until, {"key": key}).scalar()


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete throttles whose time is over, but for those that somebody is being charged to: two rows have an order."""
    over = sa.select(_throttle.key).where(_throttle.forget_at <= at).with_for_update(skip_locked=True)
    return connection.execute(password_throttles.delete().where(_throttle.key.in_(over))).rowcount
