"""The statements of links that make a browser known."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, upsert
from twofold.kit.sql.rows import columns
from twofold.recovery.browser_link import BrowserLink
from twofold.recovery.tables import browser_links

_link = browser_links.c
_columns = columns(BrowserLink, browser_links)
_ask = upsert(browser_links, ["user_id"], [column.name for column in browser_links.c if column.name != "user_id"])
_asked = sa.select(*_columns).where(_link.user_id == sa.bindparam("user_id"), _link.letter == sa.bindparam("letter"))
_by_token = sa.select(*_columns).where(
    _link.token_hash == sa.bindparam("token_hash"), _link.expires_at > sa.bindparam("at", type_=UtcTime)
)
_mint = (
    browser_links.update()
    .where(_link.user_id == sa.bindparam("of_user"), _link.letter == sa.bindparam("of_letter"))
    .values(token_hash=sa.bindparam("token"), expires_at=sa.bindparam("until", type_=UtcTime))
)
_of_decoys = browser_links.delete().where(_link.user_id.in_(sa.bindparam("decoys", expanding=True)))
_take = (
    browser_links.delete()
    .where(_link.token_hash == sa.bindparam("token_hash"), _link.expires_at > sa.bindparam("at", type_=UtcTime))
    .returning(*_columns)
)


def ask(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Note that a link was asked for, in the place of any before it."""
    connection.execute(_ask[connection.dialect.name], values)


def asked_by(connection: sa.Connection, letter: UUID, user_id: UUID) -> BrowserLink | None:
    """Find what a letter is to bring a link for; None when a newer one took its place, or it is void."""
    row = connection.execute(_asked, {"user_id": user_id, "letter": letter}).first()
    return None if row is None else BrowserLink(*row)


def mint(connection: sa.Connection, link: BrowserLink, token_hash: bytes, until: datetime) -> bool:
    """Give a link its token; False when it was voided or replaced meanwhile."""
    values = {"of_user": link.user_id, "of_letter": link.letter, "token": token_hash, "until": until}
    return connection.execute(_mint, values).rowcount == 1


def by_token(connection: sa.Connection, token_hash: bytes, at: datetime) -> BrowserLink | None:
    """Find a link by the hash of its token, while it works."""
    row = connection.execute(_by_token, {"token_hash": token_hash, "at": at}).first()
    return None if row is None else BrowserLink(*row)


def take(connection: sa.Connection, token_hash: bytes, at: datetime) -> BrowserLink | None:
    """Use a link up; None when somebody was faster, or its time is over."""
    row = connection.execute(_take, {"token_hash": token_hash, "at": at}).first()
    return None if row is None else BrowserLink(*row)


def void(connection: sa.Connection, user_id: UUID) -> int:
    """Void the link of a user, sent or not."""
    return connection.execute(browser_links.delete().where(_link.user_id == user_id)).rowcount


def void_of_account(connection: sa.Connection, account_id: UUID) -> int:
    """Void the links of all users of an account."""
    return connection.execute(browser_links.delete().where(_link.account_id == account_id)).rowcount


def forget_decoys(connection: sa.Connection, decoys: Sequence[UUID]) -> int:
    """Delete the links of decoy letters, by the made-up user ids that they are under; return how many."""
    return connection.execute(_of_decoys, {"decoys": decoys}).rowcount


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete links whose time is over."""
    return connection.execute(browser_links.delete().where(_link.expires_at <= at)).rowcount
