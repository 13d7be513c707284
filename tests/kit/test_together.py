"""Transactions that commit together: one wait for the disk on SQLite, and to each of them as if it were alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from twofold.kit.sql.database import Database, Undone

things = sa.Table("things", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True))


@contextmanager
def opened(url: str) -> Iterator[Database]:
    db = Database(url)
    with db.write() as connection:
        things.create(connection)
    yield db
    db.close()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with opened(database_url) as db:
        yield db


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    with opened(sqlite_url) as db:
        yield db


def store(db: Database, name: str) -> None:
    with db.write() as connection:
        connection.execute(things.insert(), {"name": name})


def names(db: Database) -> set[str]:
    with db.read() as connection:
        return set(connection.execute(sa.select(things.c.name)).scalars())


def names_for_others(db: Database) -> set[str]:
    """Look from another thread, as another request would."""
    seen: list[set[str]] = []
    thread = threading.Thread(target=lambda: seen.append(names(db)))
    thread.start()
    thread.join(10)
    return seen[0]


def test_what_was_written_together_is_there_at_the_end_and_all_of_it(db: Database) -> None:
    with db.together():
        store(db, "first")
        with db.write(durable=False) as connection:
            connection.execute(things.insert(), {"name": "second"})
        with db.write_one() as connection:
            connection.execute(things.insert(), {"name": "third"})
    assert names(db) == {"first", "second", "third"}
    store(db, "by itself")
    assert names_for_others(db) == {"first", "second", "third", "by itself"}


def test_nobody_else_sees_it_before_the_end_and_who_wrote_it_does(lite: Database) -> None:
    with lite.together():
        store(lite, "first")
        assert names_for_others(lite) == set()
        assert names(lite) == {"first"}
    assert names_for_others(lite) == {"first"}


def test_it_is_one_commit(lite: Database) -> None:
    commits: list[str] = []
    sa.event.listen(lite.engine, "commit", lambda _connection: commits.append("commit"))
    with lite.together():
        for name in ("first", "second", "third"):
            store(lite, name)
    assert len(commits) == 1


def test_one_that_raises_undoes_them_all_and_says_so(lite: Database) -> None:
    def fail() -> None:
        with lite.write() as connection:
            connection.execute(things.insert(), {"name": "bad"})
            raise LookupError

    def all_of_them() -> None:
        with lite.together():
            store(lite, "good")
            with pytest.raises(LookupError):
                fail()

    with pytest.raises(Undone):
        all_of_them()
    assert names(lite) == set()
    store(lite, "good")
    assert names_for_others(lite) == {"good"}


def test_none_begins_after_sqlite_has_undone_the_others_by_itself(lite: Database) -> None:
    """Without a transaction around it, each statement would be kept by itself."""

    def fail() -> None:
        with lite.write() as connection:
            connection.exec_driver_sql("INSERT OR ROLLBACK INTO things VALUES ('good')")

    def all_of_them() -> None:
        with lite.together():
            store(lite, "good")
            with pytest.raises(sa.exc.IntegrityError):
                fail()
            with pytest.raises(Undone):
                store(lite, "late")

    with pytest.raises(Undone):
        all_of_them()
    assert names(lite) == set()


def test_what_raises_outside_of_a_transaction_undoes_nothing(lite: Database) -> None:
    with lite.together():
        store(lite, "good")
        with pytest.raises(ZeroDivisionError):
            _ = 1 / 0
    assert names(lite) == {"good"}


def test_a_thread_that_commits_together_leaves_others_alone(lite: Database) -> None:
    done = threading.Event()

    def other() -> None:
        store(lite, "other")  # waits for its turn
        done.set()

    thread = threading.Thread(target=other)
    with lite.together():
        thread.start()
        store(lite, "first")
        assert not done.wait(0.2)
    thread.join(10)
    assert names(lite) == {"first", "other"}


def test_a_snapshot_taken_meanwhile_is_of_before(lite: Database) -> None:
    store(lite, "before")
    with lite.together():
        store(lite, "first")
        with lite.snapshot() as connection:
            assert connection.execute(sa.select(things.c.name)).scalars().all() == ["before"]
