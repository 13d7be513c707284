import errno
import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.parallel import at_once
from tests.harness.processes import LONGEST
from twofold.kit.sql import timeouts
from twofold.kit.sql.database import Database, UtcTime, upsert
from twofold.kit.sql.sqlite_queue import WriterQueue

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=True),
)
MOMENT = datetime(2026, 3, 3, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url, timeout=timedelta(seconds=LONGEST))  # nobody here gives up because others are slow
    with db.write() as connection:
        things.create(connection)
    yield db
    db.close()


def names(db: Database) -> set[str]:
    with db.read() as connection:
        return set(connection.execute(sa.select(things.c.name)).scalars())


def put(connection: sa.Connection, name: str, count: int = 0, at: datetime | None = None) -> None:
    connection.execute(things.insert(), {"name": name, "count": count, "at": at})


def test_a_write_is_kept_when_its_block_ends_also_by_a_refusal(db: Database) -> None:
    def refuse() -> str:
        with db.write() as connection:
            put(connection, "charge")
            return "refused"

    assert refuse() == "refused"
    assert names(db) == {"charge"}


def test_a_write_is_undone_when_its_block_raises(db: Database) -> None:
    def fail() -> None:
        with db.write() as connection:
            put(connection, "half")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert names(db) == set()
    with db.write() as connection:  # and the next one is let in
        put(connection, "whole")
    assert names(db) == {"whole"}


def test_every_read_statement_sees_what_was_committed_before_it(db: Database) -> None:
    with db.read() as reader:
        assert reader.execute(sa.select(sa.func.count()).select_from(things)).scalar() == 0
        with db.write() as writer:
            put(writer, "late")
        assert reader.execute(sa.select(sa.func.count()).select_from(things)).scalar() == 1


def test_a_reader_sees_nothing_of_a_write_that_is_not_over(db: Database) -> None:
    with db.write() as writer:
        put(writer, "early")
        assert names(db) == set()
    assert names(db) == {"early"}


def test_writers_come_one_after_the_other(db: Database) -> None:
    """Twenty threads add one, each by reading and then writing: on SQLite whole transactions follow each other."""
    with db.write() as connection:
        put(connection, "count")

    def add() -> None:
        for _ in range(10):
            with db.write() as connection:
                row = sa.select(things.c.count).where(things.c.name == "count").with_for_update()
                count = connection.execute(row).scalar_one()
                connection.execute(things.update().where(things.c.name == "count").values(count=count + 1))

    at_once(*[add] * 20)
    with db.read() as connection:
        assert connection.execute(sa.select(things.c.count)).scalar() == 200


def test_two_databases_on_one_file_write_one_after_the_other_as_two_processes_do(sqlite_url: str) -> None:
    one, other = Database(sqlite_url), Database(sqlite_url)
    with one.write() as connection:
        things.create(connection)
        put(connection, "count")

    def write(db: Database) -> None:
        for _ in range(50):
            with db.write() as connection:
                connection.execute(things.update().values(count=things.c.count + 1))

    at_once(partial(write, one), partial(write, other))
    with one.read() as connection:
        assert connection.execute(sa.select(things.c.count)).scalar() == 100
    one.close()
    other.close()


@contextmanager
def taken(queue: WriterQueue) -> Iterator[None]:
    queue.take(queue.limit())
    try:
        yield
    finally:
        queue.give()


def test_only_one_at_a_time_writes_also_where_the_time_out_of_others_ends(sqlite_url: str) -> None:
    """Threads as of two processes, most of which walk away from the line while another stands in it for them.

    Whoever writes goes on until somebody else has given up: so both happen, however fast the machine is.
    """
    queues = [WriterQueue(sqlite_url, timeout=0.004) for _ in range(2)]
    inside, most, written, gave_up = 0, 0, 0, 0
    counting = threading.Condition()
    until = time.monotonic() + LONGEST

    def is_over() -> bool:
        return (written > 10 and gave_up > 10) or time.monotonic() > until

    def work(queue: WriterQueue) -> None:
        nonlocal inside, most, written, gave_up
        timeouts.mark_interactive()
        while not is_over():
            try:
                with taken(queue), counting:
                    inside, written = inside + 1, written + 1
                    most, before = max(most, inside), gave_up
                    while gave_up == before and not is_over():
                        counting.wait(1)
                    inside -= 1
            except sa.exc.TimeoutError:
                with counting:
                    gave_up += 1
                    counting.notify_all()

    at_once(*[partial(work, queue) for queue in queues * 4])
    assert most == 1
    assert written > 10
    assert gave_up > 10
    for queue in queues:
        with taken(queue):  # nobody who left has kept the lock
            pass
        queue.close()


def test_who_waits_for_nobody_stands_in_line_behind_one_who_gave_up(sqlite_url: str) -> None:
    here, frozen = WriterQueue(sqlite_url, timeout=0.05), WriterQueue(sqlite_url, timeout=0.05)
    done: list[str] = []

    def is_interactive() -> None:
        timeouts.mark_interactive()
        with pytest.raises(sa.exc.TimeoutError), taken(here):
            pass
        done.append("gave up")

    def waits() -> None:
        with taken(here):
            done.append("wrote")

    with taken(frozen):
        for _ in range(3):
            thread = threading.Thread(target=is_interactive)
            thread.start()
            thread.join(LONGEST)
        waiting = threading.Thread(target=waits)
        waiting.start()
        assert done == ["gave up"] * 3
    waiting.join(LONGEST)
    assert done == ["gave up"] * 3 + ["wrote"]
    with taken(frozen):  # and the lock was given back
        pass
    here.close()
    frozen.close()


def test_a_thread_that_cannot_be_started_stops_no_later_writer(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, other = WriterQueue(sqlite_url, timeout=LONGEST), WriterQueue(sqlite_url, timeout=LONGEST)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with taken(other), monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError), taken(here):
            pass
    with taken(here):
        pass
    here.close()
    other.close()


def test_a_lock_that_cannot_be_had_is_refused_and_asked_for_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, other = WriterQueue(sqlite_url, timeout=LONGEST), WriterQueue(sqlite_url, timeout=LONGEST)
    real = fcntl.flock

    def broken(file: Any, how: int) -> None:
        if how == fcntl.LOCK_EX:
            raise OSError(errno.ENOLCK, "No locks available")
        real(file, how)

    with taken(other), monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", broken)
        with pytest.raises(sa.exc.TimeoutError), taken(here):
            pass
    with taken(here):
        pass
    here.close()
    other.close()


def test_an_upsert_writes_a_new_row_or_the_named_columns_of_an_old_one(db: Database) -> None:
    statement = upsert(things, ["name"], ["count"])
    with db.write() as connection:
        for count, at in ((1, MOMENT), (2, None)):
            connection.execute(statement[connection.dialect.name], {"name": "one", "count": count, "at": at})
        row = connection.execute(sa.select(things)).one()
    assert (row.name, row.count_ if hasattr(row, "count_") else row[1], row.at) == ("one", 2, MOMENT)


# --- moments


@pytest.mark.parametrize(
    "at",
    [
        MOMENT,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_a_moment_comes_back_to_the_microsecond_and_in_utc(db: Database, at: datetime) -> None:
    assert kept(db, at) == at


def test_a_moment_of_another_zone_is_the_same_moment(db: Database) -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    stored = kept(db, elsewhere)
    assert stored == MOMENT
    assert stored.tzinfo is UTC


def test_no_moment_is_none(db: Database) -> None:
    assert kept(db, None) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)), min_size=2, max_size=5))  # noqa: DTZ001
def test_moments_are_sorted_as_time_goes(db: Database, moments: list[datetime]) -> None:
    with db.write() as connection:
        connection.execute(things.delete())
        for number, at in enumerate(moments):
            put(connection, str(number), at=at)
        found = connection.execute(sa.select(things.c.at).order_by(things.c.at)).scalars().all()
    assert list(found) == sorted(moments)


def kept(db: Database, at: datetime | None) -> Any:
    with db.write() as connection:
        put(connection, "moment", at=at)
    with db.read() as connection:
        return connection.execute(sa.select(things.c.at)).scalar_one()
