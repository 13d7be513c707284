"""Accounts and users as they rest in the database."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from twofold.directory.user import User
from twofold.kit.sql.database import UtcTime, metadata
from twofold.kit.sql.rows import columns

# What is compared and searched by its beginning sorts by its bytes, on either database and under any locale.
_key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class DomainOf(sa.sql.functions.GenericFunction[str]):
    """The domain of a compared address, as an index keeps it; an address has one @ (`email_address.usable`)."""

    type = _key
    inherit_cache = True


@compiles(DomainOf, "postgresql")
def _on_postgresql(element: DomainOf, compiler: Any, **options: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **options)}, '@', 2)"


@compiles(DomainOf, "sqlite")
def _on_sqlite(element: DomainOf, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"substr({column}, instr({column}, '@') + 1)"


accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_key", _key, nullable=False),  # as it is sorted and searched
    sa.Column("edition", sa.Text, nullable=False),
    sa.Column("is_operator", sa.Boolean, nullable=False),
    sa.Column("sso", sa.Boolean, nullable=False),
    sa.Column("sso_url", sa.Text, nullable=True),
    sa.Column("seats", sa.Integer, nullable=True),  # null: as many as they like
    sa.Column("policy", sa.Text, nullable=False),  # off | optional | required
    sa.Column("required_from", UtcTime, nullable=True),
    sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"),  # in which its days begin (IANA)
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Index("ix_accounts_required_from", "required_from"),
    sa.Index("ix_accounts_name_key_id", "name_key", "id"),
    sa.Index("ix_accounts_created_at_id", "created_at", "id"),
)

# The domain of a typed address decides whether it belongs to single sign-on, so that known and unknown addresses of it
# are answered alike.
account_domains = sa.Table(
    "account_domains",
    metadata,
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id"), nullable=False, index=True),
)


def _listed(name: str, *columns: str, where: str, sqlite_where: str = "") -> sa.Index:
    """Index a part of an account's users by name, so that a filtered list is read in its order however few they are."""
    return sa.Index(
        f"ix_users_{name}",
        "account_id",
        *columns,
        "name_key",
        "id",
        sqlite_where=sa.text(sqlite_where or where),
        postgresql_where=sa.text(where),
    )


users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("email", sa.Text, nullable=False),  # as it was typed
    sa.Column("email_key", _key, nullable=False, unique=True),  # as it is compared
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_key", _key, nullable=False),  # as it is sorted and searched
    sa.Column("surname_key", _key, nullable=True),  # its last word, searched as well
    sa.Column("role", sa.Text, nullable=False),  # member | admin | support
    sa.Column("licensed", sa.Boolean, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("frozen_at", UtcTime, nullable=True),
    sa.Column("security_version", sa.Integer, nullable=False),  # raised by whatever ends sessions
    sa.Column("password_hash", sa.Text, nullable=True),
    sa.Column("password_set_at", UtcTime, nullable=True),
    # True from the moment a password was set by email until it has been used together with the second factor.
    sa.Column("password_unproven", sa.Boolean, nullable=False),
    sa.Column("second_factor_since", UtcTime, nullable=True),  # null: no second factor protects this user
    sa.Column("factors_changed_at", UtcTime, nullable=True),  # set-up, add, replace, remove: voids reset links
    sa.Column("reset_confirmed_at", UtcTime, nullable=True),
    sa.Column("exception_until", UtcTime, nullable=True),
    sa.Column("created_at", UtcTime, nullable=False),
    # When they first completed a sign-in; null: never, or at a node of the version before (`lockouts.tables`).
    sa.Column("first_signed_in_at", UtcTime, nullable=True),
    sa.Column("passkey_since", UtcTime, nullable=True),  # since when the oldest of their passkeys protects them
    sa.Index("ix_users_account_id_name_key_id", "account_id", "name_key", "id"),
    sa.Index("ix_users_account_id_surname_key", "account_id", "surname_key"),
    sa.Index("ix_users_account_id_email_key", "account_id", "email_key"),
    sa.Index("ix_users_account_id_role", "account_id", "role"),
    # Support agents search the people of every account.
    sa.Index("ix_users_name_key_id", "name_key", "id"),
    sa.Index("ix_users_surname_key", "surname_key"),
    _listed("protected", where="second_factor_since IS NOT NULL"),
    _listed(
        "unprotected",
        "licensed",
        where="second_factor_since IS NULL AND active",
        sqlite_where="second_factor_since IS NULL AND active = 1",
    ),
    _listed("frozen", where="frozen_at IS NOT NULL"),
    _listed("without_password", where="password_hash IS NULL"),
    _listed("inactive", where="NOT active", sqlite_where="active = 0"),
    _listed("excepted", where="exception_until IS NOT NULL"),
    # People are counted from this index alone.
    sa.Index("ix_users_counted", "account_id", "exception_until", "active", "licensed", "second_factor_since"),
    sa.Index(
        "ix_users_account_id_second_factor_since",
        "account_id",
        "second_factor_since",
        sqlite_where=sa.text("second_factor_since IS NOT NULL"),
        postgresql_where=sa.text("second_factor_since IS NOT NULL"),
    ),
    sa.Index(
        "ix_users_exception_until",
        "exception_until",
        sqlite_where=sa.text("exception_until IS NOT NULL"),
        postgresql_where=sa.text("exception_until IS NOT NULL"),
    ),
)

# What a search for any part of a name or an address is answered from: each key from each of its places on, 16
# characters of it. Triggers of `users` keep it (`migrations/user_search.py`); nobody else writes here.
user_search = sa.Table(
    "user_search",
    metadata,
    sa.Column("account_id", sa.Uuid, primary_key=True),
    sa.Column("piece", _key, primary_key=True),
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sqlite_with_rowid=False,
)

# What users have chosen for themselves: beside `users`, which each sign-in reads.
user_preferences = sa.Table(
    "user_preferences",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("language", sa.Text, nullable=True),  # BCP 47; null: what their browser asks for
    sa.Column("time_zone", sa.Text, nullable=True),  # IANA; null: their browser's
)

# By an expression, not by a column: what a node of another version stores is in it as well.
DOMAIN_OF_USER: sa.ColumnElement[str] = DomainOf(users.c.email_key)
sa.Index("ix_users_domain", DOMAIN_OF_USER)

# What a `User` is read from; for every feature that joins users with their accounts.
USER = columns(User, users, accounts, account_name=accounts.c.name)

_others = users.alias("others")
_nearest = sa.func.coalesce(
    sa.select(sa.func.min(_others.c.email_key))
    .where(_others.c.email_key >= sa.bindparam("email_key"))
    .scalar_subquery(),
    sa.select(sa.func.max(_others.c.email_key)).scalar_subquery(),
)
# Whoever has an address or, where nobody has it, whoever comes next in the alphabet: a row is read and decoded either
# way, so that the time it takes tells nobody who exists. Who asks must compare `email_key` before using what comes.
HAS_NEAREST_ADDRESS: sa.ColumnElement[bool] = users.c.email_key == _nearest
