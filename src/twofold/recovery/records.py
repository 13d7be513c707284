"""The statements of links that are mailed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from twofold.kit.sql.database import INSERTS, AnyRow, UtcTime, delete_idle, upsert
from twofold.kit.sql.rows import columns
from twofold.recovery.not_me_link import NotMeLink
from twofold.recovery.password_link import PasswordLink, Purpose
from twofold.recovery.tables import not_me_links, password_links

_at = sa.bindparam("at", type_=UtcTime)
_link = password_links.c
_link_columns = columns(PasswordLink, password_links)


def _asking(insert: postgresql.Insert) -> postgresql.Insert:
    """Build the statement that notes what was asked for, in one for each database.

    A promise for later stays as it is until its moment: anybody can ask, and must not be able to suppress it. And who
    has no password yet, because they were invited or theirs is void, was given a link that lives longer than one that
    is asked for: whatever anybody asks for in its place lives as long.
    """
    new = insert.excluded
    lasts = (
        (new.purpose == Purpose.FORGOT.value)
        & (_link.purpose != Purpose.FORGOT.value)
        & (_link.expires_at > new.asked_at)
        & (_link.email_key == new.email_key)
        & _link.password_set_at.is_(None)
        & new.password_set_at.is_(None)
    )
    values: dict[str, Any] = {column.name: new[column.name] for column in password_links.c if column.name != "user_id"}
    return insert.on_conflict_do_update(
        index_elements=["user_id"],
        set_=values | {"purpose": sa.case((lasts, _link.purpose), else_=new.purpose)},
        where=_link.not_before.is_(None) | (_link.not_before <= new.asked_at),
    )


_ask = {name: _asking(insert(password_links)) for name, insert in INSERTS.items()}
_promised = sa.select(_link.not_before).where(_link.user_id == sa.bindparam("user_id"), _link.not_before > _at)
_asked = sa.select(*_link_columns).where(
    _link.user_id == sa.bindparam("user_id"), _link.letter == sa.bindparam("letter")
)
_by_token = sa.select(*_link_columns).where(_link.token_hash == sa.bindparam("token_hash"))
_mint = (
    password_links.update()
    .where(_link.user_id == sa.bindparam("of_user"), _link.letter == sa.bindparam("of_letter"))
    .values(token_hash=sa.bindparam("token"), expires_at=sa.bindparam("until", type_=UtcTime))
)
_take = (
    password_links.delete()
    .where(_link.token_hash == sa.bindparam("token_hash"), _link.expires_at > _at)
    .returning(*_link_columns)
)

_of_decoys = password_links.delete().where(_link.user_id.in_(sa.bindparam("decoys", expanding=True)))

_not_me = not_me_links.c
_mint_not_me = upsert(not_me_links, ["letter"], ["token_hash", "expires_at"])
_not_me_by_token = sa.select(*columns(NotMeLink, not_me_links)).where(_not_me.token_hash == sa.bindparam("token_hash"))
_use_up = (
    not_me_links.update()
    .where(_not_me.user_id == sa.bindparam("of_user"), _not_me.used_at.is_(None))
    .values(used_at=_at)
)


def ask(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Note that a link was asked for, in the place of any before it but a promise whose time has not come."""
    connection.execute(_ask[connection.dialect.name], values)


def promised(connection: sa.Connection, user_id: UUID, at: datetime) -> datetime | None:
    """Return when a letter with a link goes out that was promised for later; None when none waits."""
    return connection.execute(_promised, {"user_id": user_id, "at": at}).scalar()


def asked_by(connection: sa.Connection, letter: UUID, user_id: UUID) -> PasswordLink | None:
    """Find what a letter is to bring a link for; None when a newer one took its place, or it is void."""
    row = connection.execute(_asked, {"user_id": user_id, "letter": letter}).first()
    return None if row is None else _read(row)


def mint(connection: sa.Connection, link: PasswordLink, token_hash: bytes, until: datetime) -> bool:
    """Give a link its token; False when it was voided or replaced meanwhile."""
    values = {"of_user": link.user_id, "of_letter": link.letter, "token": token_hash, "until": until}
    return connection.execute(_mint, values).rowcount == 1


def by_token(connection: sa.Connection, token_hash: bytes) -> PasswordLink | None:
    """Find a link by the hash of its token."""
    row = connection.execute(_by_token, {"token_hash": token_hash}).first()
    return None if row is None else _read(row)


def take(connection: sa.Connection, token_hash: bytes, at: datetime) -> PasswordLink | None:
    """Use a link up; None when somebody was faster, or its time is over."""
    row = connection.execute(_take, {"token_hash": token_hash, "at": at}).first()
    return None if row is None else _read(row)


def void(connection: sa.Connection, user_id: UUID) -> int:
    """Void the link of a user, sent or not."""
    return connection.execute(password_links.delete().where(_link.user_id == user_id)).rowcount


def void_of_account(connection: sa.Connection, account_id: UUID) -> int:
    """Void the links of all users of an account."""
    return connection.execute(password_links.delete().where(_link.account_id == account_id)).rowcount


def forget_decoys(connection: sa.Connection, decoys: Sequence[UUID]) -> int:
    """Delete the links of decoy letters, by the made-up user ids that they are under; return how many."""
    return connection.execute(_of_decoys, {"decoys": decoys}).rowcount


def mint_not_me(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store the link of a letter, in the place of the one that the same letter brought before."""
    connection.execute(_mint_not_me[connection.dialect.name], values)


def not_me_by_token(connection: sa.Connection, token_hash: bytes) -> NotMeLink | None:
    """Find a "this wasn't me" link by the hash of its token, used or not."""
    row = connection.execute(_not_me_by_token, {"token_hash": token_hash}).first()
    return None if row is None else NotMeLink(*row)


def use_up_not_me(connection: sa.Connection, user_id: UUID, at: datetime) -> None:
    """Use every "this wasn't me" link of a user up: one press says it all."""
    connection.execute(_use_up, {"of_user": user_id, "at": at})


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete links whose time is over."""
    gone = delete_idle(connection, password_links, _link.expires_at <= at)
    return gone + delete_idle(connection, not_me_links, _not_me.expires_at <= at)


def _read(row: AnyRow) -> PasswordLink:
    link = PasswordLink(*row)
    return link._replace(purpose=Purpose(link.purpose))
