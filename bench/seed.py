"""Filling a database with the crowd, in bulk: COPY on PostgreSQL, executemany on SQLite.

The rows are what the flows would have left: secrets sealed by the real vault, backup codes hashed, budgets open. One
password hash serves everybody, since hashing a million passwords would take four hours and change nothing measured.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from bench import crowd
from twofold.directory.tables import account_domains, accounts, users
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.totp.codes import NEVER
from twofold.factors.totp.flow import identity
from twofold.factors.totp.tables import authenticators
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.tokens import digest
from twofold.kit.crypto.vault import Vault
from twofold.kit.sql.database import Database
from twofold.lockouts.tables import second_factor_budgets
from twofold.sessions.tables import sessions
from twofold.signin.attempt import LIFE, Step
from twofold.signin.tables import sign_in_attempts

ROWS_AT_ONCE = 20_000

# Accounts with single sign-on stand beside the crowd's, numbered from here on: each address is looked up among them.
SSO, SSO_ACCOUNTS = 10**9, 2_000

Row = dict[str, Any]
Told = Callable[[str, int], None]


def fill(db: Database, vault: Vault, hasher: Hasher, people: Sequence[int], told: Told = lambda *_: None) -> None:
    """Store people with accounts, passwords, authenticators and backup codes, signed out."""
    made, hashed = crowd.long_ago(), hasher.hash(crowd.PASSWORD)
    homes = sorted({n // crowd.PEOPLE_PER_ACCOUNT for n in people})
    insert(db, accounts, (_account(home, made) for home in homes), told)
    insert(db, accounts, (_account(SSO + n, made) | {"sso": True} for n in range(SSO_ACCOUNTS)))
    insert(db, account_domains, map(_domain, range(SSO_ACCOUNTS)))
    insert(db, users, (_user(n, hashed, made) for n in people), told)
    insert(db, authenticators, (_authenticator(n, vault, made) for n in people), told)
    insert(db, second_factor_budgets, (_budget(n) for n in people), told)
    insert(db, backup_codes, (_backup_code(n, made) for n in people), told)
    learn(db)


def begin_sign_ins(db: Database, people: Sequence[int]) -> None:
    """Store a sign-in attempt for each, as a right password leaves it: the code is due."""
    at = datetime.now(UTC)
    insert(db, sign_in_attempts, (_attempt(n, at) for n in people))


def start_sessions(db: Database, people: Sequence[int]) -> None:
    """Store a session for each, seen just now."""
    at = datetime.now(UTC)
    insert(db, sessions, (_session(n, at) for n in people))


def count_sessions(db: Database) -> int:
    """Count the sessions there are."""
    with db.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(sessions)).scalar_one()


def learn(db: Database) -> None:
    """Let the database learn what is in its tables, as it does by itself in time."""
    with db.read() as connection:
        connection.exec_driver_sql("ANALYZE" if db.on_sqlite else "VACUUM ANALYZE")


def settle(db: Database) -> None:
    """Let the database write down now, and not while something is measured, what it has put off."""
    with db.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if db.on_sqlite else "CHECKPOINT")


def insert(db: Database, table: sa.Table, rows: Iterable[Row], told: Told = lambda *_: None) -> None:
    """Store many rows that all have the same columns; `told` hears of which table how many are in."""
    stream, done = iter(rows), 0
    while batch := list(islice(stream, ROWS_AT_ONCE)):
        (_insert_sqlite if db.on_sqlite else _copy)(db, table, batch)
        done += len(batch)
        told(table.name, done)


def _insert_sqlite(db: Database, table: sa.Table, batch: list[Row]) -> None:
    names = list(batch[0])
    marks, listed = ", ".join("?" * len(names)), ", ".join(names)
    values = _as_stored(db, table, names, batch)
    with db.write() as connection:
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", list(values))  # noqa: S608 - names of our own tables


def _copy(db: Database, table: sa.Table, batch: list[Row]) -> None:
    names = list(batch[0])
    with db.write() as connection:
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for values in _as_stored(db, table, names, batch):
                copy.write_row(values)


def _as_stored(db: Database, table: sa.Table, names: list[str], batch: list[Row]) -> Iterator[tuple[Any, ...]]:
    """Turn values as Python has them into values as this database's driver takes them."""
    dialect = db.engine.dialect
    turns = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    for row in batch:
        yield tuple(
            value if turn is None or value is None else turn(value)
            for value, turn in zip(row.values(), turns, strict=True)
        )


def _account(n: int, made: datetime) -> Row:
    return {
        "id": crowd.account_id(n), "name": f"Company {n}", "name_key": f"company {n}",
        "edition": "enterprise", "is_operator": False, "sso": False, "sso_url": None, "seats": None,
        "policy": "optional", "required_from": None, "created_at": made,
    }  # fmt: skip


def _domain(n: int) -> Row:
    return {"domain": f"sso{n}.example", "account_id": crowd.account_id(SSO + n)}


def _user(n: int, hashed: str, made: datetime) -> Row:
    address, name = crowd.email(n), f"Person {n}"
    return {
        "id": crowd.user_id(n), "account_id": home(n), "email": address, "email_key": address, "name": name,
        "name_key": name.casefold(), "role": "member" if n % crowd.PEOPLE_PER_ACCOUNT else "admin", "licensed": True,
        "active": True, "security_version": 2, "password_hash": hashed, "password_set_at": made,
        "password_unproven": False, "second_factor_since": made, "factors_changed_at": made, "created_at": made,
    }  # fmt: skip


def _authenticator(n: int, vault: Vault, made: datetime) -> Row:
    own = crowd.row_id("authenticator", n)
    sealed = vault.seal(crowd.secret(n), identity("authenticators", own))
    return {
        "id": own, "user_id": crowd.user_id(n), "account_id": home(n), "name": "My phone", "key_id": sealed.key_id,
        "box": sealed.ciphertext, "last_step": NEVER, "given_away": "", "created_at": made, "last_used_at": None,
    }  # fmt: skip


def _budget(n: int) -> Row:
    return {"user_id": crowd.user_id(n), "account_id": home(n), "wrong": 0, "wrong_in_row": 0}


def _backup_code(n: int, made: datetime) -> Row:
    return {
        "user_id": crowd.user_id(n), "account_id": home(n), "code_hash": digest(crowd.spare_code(n)),
        "spent_hash": None, "seen": True, "created_at": made,
    }  # fmt: skip


def _attempt(n: int, at: datetime) -> Row:
    return {
        "token_hash": digest(crowd.token("signin", n)), "id": crowd.recent_id("attempt", n),
        "user_id": crowd.user_id(n), "account_id": home(n), "channel": "api", "step": Step.CODE.value,
        "methods": "pwd", "security_version": 2, "return_to": "", "known_client": None, "mailed": False,
        "created_at": at, "expires_at": at + LIFE,
    }  # fmt: skip


def _session(n: int, at: datetime) -> Row:
    return {
        "token_hash": digest(crowd.token("session", n)), "id": crowd.recent_id("session", n),
        "user_id": crowd.user_id(n), "account_id": home(n), "security_version": 2, "methods": "pwd otp",
        "channel": "api", "browser": "bench", "address": "127.0.0.1", "authenticated_at": at, "last_seen_at": at,
        "expires_at": at + timedelta(hours=24),
    }  # fmt: skip


def home(n: int) -> Any:
    """Return the id of the account that the n-th person is in."""
    return crowd.account_id(n // crowd.PEOPLE_PER_ACCOUNT)
