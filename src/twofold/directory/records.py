"""The statements of the directory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.account import Account
from twofold.directory.email_address import placeholder_key
from twofold.directory.person_name import name_key
from twofold.directory.tables import HAS_NEAREST_ADDRESS, USER, account_domains, accounts, users
from twofold.directory.user import NamedUser, User
from twofold.kit.sql.database import INSERTS, UtcTime
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement

LAST = "\U0010ffff"

_people = sa.select(*USER).select_from(users.join(accounts, accounts.c.id == users.c.account_id))
_user_by_email = Statement(_people.where(HAS_NEAREST_ADDRESS))
_whose = Statement(sa.select(users.c.email_key, users.c.id, users.c.account_id).where(HAS_NEAREST_ADDRESS))
_user_locked = _people.where(users.c.id == sa.bindparam("user_id")).with_for_update(of=users)
_user_by_id = _people.where(users.c.id == sa.bindparam("user_id"))
_sso_by_domain = Statement(
    sa.select(accounts.c.sso_url)
    .join(account_domains, account_domains.c.account_id == accounts.c.id)
    .where(account_domains.c.domain == sa.bindparam("domain"), accounts.c.sso)
)
_accounts = sa.select(*columns(Account, accounts))
_account = _accounts.where(accounts.c.id == sa.bindparam("account_id"))
# FOR NO KEY UPDATE. The foreign key of `users` takes a lock on the account, FOR KEY SHARE, also where a transaction
# changes a user for the second time, who is held by then: a full FOR UPDATE here would be waited for in a circle.
_account_locked = _account.with_for_update(key_share=True)
_operator_account = _accounts.where(accounts.c.is_operator)
_all_accounts = _accounts.order_by(accounts.c.created_at, accounts.c.id)
_account_page = _all_accounts.where(sa.not_(accounts.c.is_operator)).limit(sa.bindparam("most"))
_before = sa.select(accounts.c.created_at, accounts.c.id).where(accounts.c.id == sa.bindparam("after"))
_account_page_after = _account_page.where(sa.tuple_(accounts.c.created_at, accounts.c.id) > _before.scalar_subquery())
# An address that somebody has, maybe since a moment ago, leaves the statement without a row.
_insert_user = {
    name: insert(users)
    .on_conflict_do_nothing(index_elements=["email_key"])
    .execution_options(preserve_rowcount=True)  # of an INSERT it would be thrown away
    for name, insert in INSERTS.items()
}
_seats_taken = (
    sa.select(sa.func.count())
    .select_from(users)
    .where(users.c.account_id == sa.bindparam("account_id"), users.c.licensed, users.c.active)
)
_working_admins = (
    sa.select(sa.func.count())
    .select_from(users)
    .where(
        users.c.account_id == sa.bindparam("account_id"),
        users.c.role == "admin",
        users.c.active,
        users.c.frozen_at.is_(None),
        users.c.id != sa.bindparam("except_id"),
    )
)
_admins_at_work = (
    sa.select(*columns(NamedUser, users))
    .where(
        users.c.account_id == sa.bindparam("account_id"),
        users.c.role.in_(("admin", "support")),  # support agents look after each other: they have no administrators
        users.c.active,
        users.c.frozen_at.is_(None),
    )
    .order_by(users.c.name_key, users.c.id)
    .limit(200)
)
_placeholder_of = sa.select(users.c.id).where(
    users.c.account_id == sa.bindparam("account_id"),
    users.c.email_key >= sa.bindparam("begins"),
    users.c.email_key < sa.bindparam("ends"),
)
_owner = users.alias("owner")
_claim_address = (
    users.update()
    .where(
        users.c.id == sa.bindparam("of_user"),
        ~sa.exists().where(_owner.c.email_key == sa.bindparam("address")),
    )
    .values(email_key=sa.bindparam("address"))
)
_first_sign_in = Statement(
    users.update()
    .where(users.c.id == sa.bindparam("of_user", type_=sa.Uuid), users.c.first_signed_in_at.is_(None))
    .values(first_signed_in_at=sa.bindparam("signed_in_at", type_=UtcTime))
)
_domains = sa.select(account_domains.c.domain).where(account_domains.c.account_id == sa.bindparam("account_id"))


def user_ids_by_email(connection: sa.Connection, email_key: str) -> tuple[UUID, UUID] | None:
    """Return the id of the user with an address, and their account's."""
    nearest = _whose.row(connection, email_key=email_key)
    return (nearest.id, nearest.account_id) if nearest is not None and nearest.email_key == email_key else None


def user_by_email(connection: sa.Connection, email_key: str) -> User | None:
    """Find a user and their account by the compared form of an address."""
    row = _user_by_email.row(connection, email_key=email_key)
    nearest = None if row is None else User(*row)
    return nearest if nearest is not None and nearest.email_key == email_key else None


def user_by_id(connection: sa.Connection, user_id: UUID, *, hold: bool = False) -> User | None:
    """Find a user and their account; `hold` keeps others from changing the user until the transaction ends."""
    row = connection.execute(_user_locked if hold else _user_by_id, {"user_id": user_id}).first()
    return None if row is None else User(*row)


def people_of(connection: sa.Connection, account_id: UUID | None = None) -> list[User]:
    """List the users of an account, or of all, by name; for the command line."""
    query = _people if account_id is None else _people.where(users.c.account_id == account_id)
    return [User(*row) for row in connection.execute(query.order_by(users.c.name_key, users.c.id))]


def sso_url_of_domain(connection: sa.Connection, domain: str) -> str | None:
    """Return where the users of a domain sign in, when an account with single sign-on owns it."""
    row = _sso_by_domain.row(connection, domain=domain)
    return None if row is None else row.sso_url


def account(connection: sa.Connection, account_id: UUID, *, lock: bool = False) -> Account | None:
    """Find an account; `lock` holds its row, for rules that count other rows (seats, the last administrator)."""
    row = connection.execute(_account_locked if lock else _account, {"account_id": account_id}).first()
    return None if row is None else Account(*row)


def operator_account(connection: sa.Connection) -> Account:
    """Return the operator's own account, which the first migration made."""
    return Account(*connection.execute(_operator_account).one())


def all_accounts(connection: sa.Connection) -> list[Account]:
    """List every account in the order of their making."""
    return [Account(*row) for row in connection.execute(_all_accounts)]


def account_page(connection: sa.Connection, after: UUID | None, most: int) -> list[Account]:
    """List `most` accounts of customers in the order of their making, from the first or after one of them."""
    query, values = (_account_page, {}) if after is None else (_account_page_after, {"after": after})
    return [Account(*row) for row in connection.execute(query, {"most": most, **values})]


def domains_of_accounts(connection: sa.Connection, account_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the domains of several accounts, each list in order."""
    query = sa.select(account_domains).where(account_domains.c.account_id.in_(account_ids))
    found: dict[UUID, list[str]] = {account_id: [] for account_id in account_ids}
    for row in connection.execute(query.order_by(account_domains.c.domain)):
        found[row.account_id].append(row.domain)
    return found


def domains_of(connection: sa.Connection, account_id: UUID) -> list[str]:
    """List the email domains that an account signs in for."""
    return sorted(connection.execute(_domains, {"account_id": account_id}).scalars())


def seats_taken(connection: sa.Connection, account_id: UUID) -> int:
    """Count the licences of an account that are in use."""
    return connection.execute(_seats_taken, {"account_id": account_id}).scalar_one()


def other_admins(connection: sa.Connection, account_id: UUID, except_id: UUID) -> int:
    """Count the administrators of an account who are active and not frozen, beside one user."""
    return connection.execute(_working_admins, {"account_id": account_id, "except_id": except_id}).scalar_one()


def admins_at_work(connection: sa.Connection, account_id: UUID) -> list[NamedUser]:
    """List whoever looks after an account's users and is active and not frozen."""
    return [NamedUser(*row) for row in connection.execute(_admins_at_work, {"account_id": account_id})]


def insert_account(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new account."""
    connection.execute(accounts.insert(), _with_name_key(values))


def update_account(connection: sa.Connection, account_id: UUID, values: dict[str, Any]) -> None:
    """Change an account."""
    connection.execute(accounts.update().where(accounts.c.id == account_id).values(_with_name_key(values)))


def replace_domains(connection: sa.Connection, account_id: UUID, domains: Sequence[str]) -> None:
    """Set the email domains of an account; the primary key refuses a domain that belongs to another."""
    connection.execute(account_domains.delete().where(account_domains.c.account_id == account_id))
    for domain in domains:
        connection.execute(account_domains.insert(), {"domain": domain, "account_id": account_id})


def insert_user(connection: sa.Connection, values: dict[str, Any]) -> bool:
    """Store a new user; False when somebody with this address exists."""
    return connection.execute(_insert_user[connection.dialect.name], values).rowcount == 1


def update_user(connection: sa.Connection, user_id: UUID, values: dict[str, Any], *, ends_sessions: bool) -> int | None:
    """Change a user; where that ends their sessions the security version rises. Return the version, None if unknown."""
    raised = users.c.security_version + (1 if ends_sessions else 0)
    return connection.execute(
        users.update()
        .where(users.c.id == user_id)
        .values(security_version=raised, **values)
        .returning(users.c.security_version),
    ).scalar()


def end_sessions_of_account(connection: sa.Connection, account_id: UUID) -> int:
    """Raise the security version of every user of an account; return how many there are."""
    raised = users.update().where(users.c.account_id == account_id)
    return connection.execute(raised.values(security_version=users.c.security_version + 1)).rowcount


def has_placeholder(connection: sa.Connection, account_id: UUID, email_key: str) -> bool:
    """Tell whether somebody with an address stands in an account as invited who has a sign-in elsewhere."""
    ends = {"begins": placeholder_key(email_key, ""), "ends": placeholder_key(email_key, LAST)}
    return connection.execute(_placeholder_of, {"account_id": account_id, **ends}).first() is not None


def claim_address(connection: sa.Connection, user_id: UUID, email_key: str) -> None:
    """Give a user the compared form of an address that nobody has."""
    connection.execute(_claim_address, {"of_user": user_id, "address": email_key})


def note_first_sign_in(connection: sa.Connection, user_id: UUID, at: datetime) -> None:
    """Write down when a user first completed a sign-in; a later one changes nothing."""
    _first_sign_in.enqueue(connection, of_user=user_id, signed_in_at=at)


def password_proven(connection: sa.Connection, user_id: UUID, security_version: int) -> bool:
    """Note that the password of one security version is proved; False when it is not that of the user any more."""
    same = (users.c.id == user_id) & (users.c.security_version == security_version)
    return connection.execute(users.update().where(same).values(password_unproven=False)).rowcount == 1


def strengthen_password_hash(connection: sa.Connection, user_id: UUID, old: str, new: str) -> None:
    """Replace a hash by a stronger one of the same password, unless the password has changed meanwhile."""
    connection.execute(
        users.update().where(users.c.id == user_id, users.c.password_hash == old).values(password_hash=new),
    )


def _with_name_key(values: dict[str, Any]) -> dict[str, Any]:
    """Add the form in which an account's name is searched."""
    return values | ({"name_key": name_key(values["name"])} if "name" in values else {})
