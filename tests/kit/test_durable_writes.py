"""What a power cut may undo and what it may not: SQLite waits for the disk at each commit that is to last.

Of PostgreSQL see tests/production/test_silent_replica.py.
"""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from twofold.kit.sql.database import Database

things = sa.Table("things", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True))
NORMAL, FULL = 1, 2  # https://www.sqlite.org/pragma.html#pragma_synchronous


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    with db.write() as connection:
        things.create(connection)
    yield db
    db.close()


def synchronous(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


def names(db: Database) -> set[str]:
    with db.read() as connection:
        return set(connection.execute(sa.select(things.c.name)).scalars())


def test_sqlite_waits_for_the_disk_unless_a_write_is_not_durable(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    for _ in range(3):
        with db.write() as connection:
            assert synchronous(connection) == FULL
        with db.write(durable=False) as connection:
            assert synchronous(connection) == NORMAL
        with db.write_one() as connection:
            assert synchronous(connection) == NORMAL
    db.close()


def test_a_write_that_raises_leaves_the_next_one_as_durable_as_it_asks(sqlite_url: str) -> None:
    db = Database(sqlite_url)

    def fail() -> None:
        with db.write(durable=False):
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with db.write() as connection:
        assert synchronous(connection) == FULL
    db.close()


def test_what_is_not_durable_is_committed_and_undone_like_anything_else(db: Database) -> None:
    with db.write(durable=False) as connection:
        connection.execute(things.insert(), {"name": "kept"})

    def fail() -> None:
        with db.write(durable=False) as connection:
            connection.execute(things.insert(), {"name": "undone"})
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert names(db) == {"kept"}


def test_a_single_statement_is_there_at_once(db: Database) -> None:
    with db.write_one() as connection:
        connection.execute(things.insert(), {"name": "at once"})
    assert names(db) == {"at once"}
    assert names(db) == {"at once"}
