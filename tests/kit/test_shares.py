"""Threads that serve anonymous requests have a share of the database, and the rest is left for everybody else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.harness.processes import LONGEST, wait_until
from twofold.kit.sql.database import Database, serve_anonymous

BRIEFLY = timedelta(milliseconds=300)


@contextmanager
def many_at(db: Database, threads: int, use: Callable[[Database, threading.Event], None]) -> Iterator[list[str]]:
    """Let threads that serve anonymous requests use a database meanwhile; yield what was told to those that gave up."""
    done, given_up = threading.Event(), list[str]()
    inside = threading.Semaphore(0)

    def run() -> None:
        serve_anonymous()
        try:
            use(db, done)
        except sa.exc.TimeoutError as error:
            given_up.append(str(error))
        finally:
            inside.release()

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield given_up
    finally:
        done.set()
        for thread in started:
            thread.join()


def read(db: Database, done: threading.Event) -> None:
    with db.read() as connection:
        connection.execute(sa.text("SELECT 1"))
        done.wait(LONGEST)


def test_anonymous_requests_leave_half_of_the_connections(postgresql_url: str) -> None:
    db = Database(postgresql_url, pool_size=4, timeout=BRIEFLY)
    try:
        with many_at(db, 8, read) as given_up:
            wait_until(lambda: len(given_up) == 6, what="the six that find no room to give up")
            assert db.connections_in_use == 2
            for _ in range(3):
                with db.read() as one, db.read() as other:
                    assert one.execute(sa.text("SELECT 1")).scalar() == other.execute(sa.text("SELECT 1")).scalar()
        assert set(given_up) == {"requests without a token have as much of the database as they may"}
    finally:
        db.close()


def test_whoever_asks_how_the_database_is_has_a_connection_while_all_are_lent(postgresql_url: str) -> None:
    db = Database(postgresql_url, pool_size=2, timeout=BRIEFLY)
    try:
        with db.read(), db.read():
            with pytest.raises(sa.exc.TimeoutError), db.read():
                pass
            with db.read_aside() as connection:
                assert connection.execute(sa.text("SELECT 1")).scalar() == 1
    finally:
        db.close()


def test_one_anonymous_request_at_a_time_lines_up_to_write_to_sqlite(sqlite_url: str) -> None:
    db = Database(sqlite_url, timeout=timedelta(seconds=LONGEST))
    assert db._writers is not None
    waiting, most = db._writers._waiting, list[int]()

    def write(db: Database, _done: threading.Event) -> None:
        for _ in range(20):
            with db.write(durable=False) as connection:
                connection.execute(sa.text("SELECT 1"))

    with many_at(db, 8, write) as given_up:
        for _ in range(20):
            with db.write(durable=False) as connection:
                connection.execute(sa.text("SELECT 1"))
                most.append(len(waiting))
    assert max(most) <= 1, "of the eight one waits, and the others wait for their share"
    assert given_up == []
    db.close()


def test_an_anonymous_request_that_reads_while_writing_needs_no_second_share(database_url: str) -> None:
    db = Database(database_url, pool_size=2, timeout=BRIEFLY)

    def nested(db: Database, _done: threading.Event) -> None:
        with db.write(), db.read() as connection:
            connection.execute(sa.text("SELECT 1"))

    with many_at(db, 1, nested) as given_up:
        pass
    assert given_up == []
    db.close()
