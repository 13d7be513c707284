"""The statements that count invitations: one conditional upsert a charge, in the table of all throttles."""

from datetime import datetime

import sqlalchemy as sa

from twofold.kit.sql.database import INSERTS, UtcTime
from twofold.lockouts.budget import INVITATION_WINDOW
from twofold.lockouts.tables import password_throttles

_at = sa.bindparam("at", type_=UtcTime)
_throttle = password_throttles.c
_over = _throttle.forget_at <= _at
_charge = {
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
            "wrong": sa.case((_over, 1), else_=_throttle.wrong + 1),
            "forget_at": sa.case((_over, sa.bindparam("forget", type_=UtcTime)), else_=_throttle.forget_at),
        },
        where=_over | (_throttle.wrong < sa.bindparam("most")),
    )
    .returning(_throttle.forget_at)
    for name, insert in INSERTS.items()
}
_until = sa.select(_throttle.forget_at).where(_throttle.key == sa.bindparam("key"), _throttle.forget_at > _at)


def charge(connection: sa.Connection, key: bytes, most: int, at: datetime) -> bool:
    """Charge one letter; False when so many have been charged within the day."""
    values = {"key": key, "at": at, "forget": at + INVITATION_WINDOW, "most": most}
    return connection.execute(_charge[connection.dialect.name], values).first() is not None


def until(connection: sa.Connection, key: bytes, at: datetime) -> datetime | None:
    """Return when the day of a count is over; None when nothing is counted."""
    return connection.execute(_until, {"key": key, "at": at}).scalar()
