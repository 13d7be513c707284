"""The statements about whose an email domain is: the account that signs in for it, and people elsewhere who use it."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import DOMAIN_OF_USER, account_domains, accounts, users
from twofold.kit.sql import advisory
from twofold.kit.sql.rows import columns


class Elsewhere(NamedTuple):
    """People of another account with addresses of a domain: the account's name, and how many are active."""

    domain: str
    account_name: str
    people: int


class SsoDomain(NamedTuple):
    """A domain of single sign-on, and the account that signs in for it."""

    domain: str
    account_id: UUID
    account_name: str


_users_elsewhere = (
    sa.select(*columns(Elsewhere, domain=DOMAIN_OF_USER, account_name=accounts.c.name, people=sa.func.count()))
    .select_from(users.join(accounts, accounts.c.id == users.c.account_id))
    .where(
        DOMAIN_OF_USER.in_(sa.bindparam("domains", expanding=True)),
        users.c.account_id != sa.bindparam("account_id"),
        users.c.active,
    )
    .group_by(DOMAIN_OF_USER, accounts.c.id, accounts.c.name)
    .order_by(DOMAIN_OF_USER, accounts.c.name, accounts.c.id)
)
_owner = sa.select(account_domains.c.account_id).where(account_domains.c.domain == sa.bindparam("domain"))
_sso_owner = (
    sa.select(accounts.c.id)
    .join(account_domains, account_domains.c.account_id == accounts.c.id)
    .where(account_domains.c.domain == sa.bindparam("domain"), accounts.c.sso)
)
_all_of_sso = (
    sa.select(*columns(SsoDomain, account_domains, account_name=accounts.c.name))
    .join(accounts, accounts.c.id == account_domains.c.account_id)
    .where(accounts.c.sso)
    .order_by(accounts.c.name, accounts.c.id, account_domains.c.domain)
)


def hold_domains(connection: sa.Connection, domains: Sequence[str]) -> None:
    """Keep everybody else from getting or claiming these domains until the transaction ends.

    Held after the row of an account, before those of its users: one order, so no deadlock.
    """
    advisory.hold(connection, map(_lock_of, domains))


def share_domain(connection: sa.Connection, domain: str) -> None:
    """Keep others from claiming a domain until the transaction ends; users of it do not wait for each other."""
    advisory.share(connection, _lock_of(domain))


def users_elsewhere(connection: sa.Connection, account_id: UUID, domains: Sequence[str]) -> list[Elsewhere]:
    """Count the active users of other accounts who have addresses of these domains."""
    if not domains:
        return []
    found = connection.execute(_users_elsewhere, {"domains": list(domains), "account_id": account_id})
    return [Elsewhere(*row) for row in found]


def owner_of_domain(connection: sa.Connection, domain: str) -> UUID | None:
    """Return the account that a domain belongs to."""
    return connection.execute(_owner, {"domain": domain}).scalar()


def sso_owner_of_domain(connection: sa.Connection, domain: str) -> UUID | None:
    """Return the account whose people sign in for a domain by single sign-on."""
    return connection.execute(_sso_owner, {"domain": domain}).scalar()


def all_sso_domains(connection: sa.Connection) -> list[SsoDomain]:
    """List every domain of single sign-on with its account."""
    return [SsoDomain(*row) for row in connection.execute(_all_of_sso)]


def _lock_of(domain: str) -> str:
    return f"domain:{domain}"
