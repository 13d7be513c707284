"""Writers of one SQLite file that wait are committed together, and each is a transaction of its own."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.harness.processes import LONGEST, wait_until
from twofold.kit.sql import timeouts
from twofold.kit.sql.database import Database
from twofold.kit.sql.sqlite_writers import DURABLE, MOST_TOGETHER, Writers

things = sa.Table("things", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True))

Work = Callable[[], object]


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    db = Database(sqlite_url)
    with db.write() as connection:
        things.create(connection)
    yield db
    db.close()


@pytest.fixture
def commits(db: Database) -> list[str]:
    """What is noted at each commit."""
    noted: list[str] = []
    sa.event.listen(db.engine, "commit", lambda _connection: noted.append("commit"))
    return noted


def writers_of(db: Database) -> Writers:
    assert db._writers is not None
    return db._writers


def storing(db: Database, name: str, *, durable: bool = True) -> Work:
    def store() -> None:
        with db.write(durable=durable) as connection:
            connection.execute(things.insert(), {"name": name})

    return store


def names(db: Database) -> set[str]:
    with db.read() as connection:
        return set(connection.execute(sa.select(things.c.name)).scalars())


@contextmanager
def started(work: Work, told: list[object]) -> Iterator[None]:
    """Do some work in a thread meanwhile; what it raises, or None, is put into `told`."""

    def run() -> None:
        try:
            told.append(work())
        except Exception as error:  # noqa: BLE001 - looked at by the test
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(LONGEST)
    assert not thread.is_alive()


def at_once(db: Database, works: list[Work], *, first: str = "first", durable: bool = True) -> list[object]:
    """Let all wait for one that writes, in their order; return what each of them was told."""
    told = [list[object]() for _ in works]
    running = []
    with db.write(durable=durable) as connection:
        connection.execute(things.insert(), {"name": first})
        for number, (work, here) in enumerate(zip(works, told, strict=True), start=1):
            thread = started(work, here)
            thread.__enter__()
            running.append(thread)
            wait_until(functools.partial(_wait, db, number), what="one more who waits")
    for thread in running:
        thread.__exit__(None, None, None)
    return [one for [one] in told]


def _wait(db: Database, number: int) -> bool:
    return len(writers_of(db)._waiting) == number


def test_all_that_wait_are_committed_at_once(db: Database, commits: list[str]) -> None:
    assert at_once(db, [storing(db, name) for name in ("second", "third", "fourth")]) == [None] * 3
    assert names(db) == {"first", "second", "third", "fourth"}
    assert len(commits) == 1


def test_a_commit_takes_no_more_than_so_many(db: Database, commits: list[str]) -> None:
    at_once(db, [storing(db, str(number)) for number in range(MOST_TOGETHER + 1)])
    assert len(names(db)) == MOST_TOGETHER + 2
    assert len(commits) == 2


def test_who_writes_alone_waits_for_nobody(db: Database, commits: list[str]) -> None:
    for name in ("one", "other"):
        storing(db, name)()
    assert len(commits) == 2


def test_nobody_goes_on_before_what_they_wrote_is_committed(db: Database) -> None:
    told, seen = list[object](), list[set[str]]()
    sa.event.listen(db.engine, "commit", lambda _connection: seen.append(names(db) | {str(len(told))}))
    at_once(db, [storing(db, "second")])
    assert seen == [{"0"}], "at the commit nothing could be seen, and nobody had been told"


def test_where_everything_was_rolled_back_nobody_is_told_that_it_was_kept(db: Database) -> None:
    """SQLite may roll a transaction back by itself; what a part hides of that must not become a commit of its own."""

    def hide() -> None:
        with db.write() as connection, contextlib.suppress(sa.exc.IntegrityError):
            connection.execute(sa.text("INSERT OR ROLLBACK INTO things (name) VALUES ('first')"))

    with pytest.raises(sa.exc.OperationalError):
        at_once(db, [storing(db, "second"), hide, storing(db, "third"), storing(db, "fourth")])
    told = at_once(db, [storing(db, "later")], first="anew")
    assert told == [None]
    assert not names(db) & {"first", "second"}


def test_one_that_raises_is_undone_alone_and_runs_once(db: Database, commits: list[str]) -> None:
    runs = []

    def fail() -> None:
        with db.write() as connection:
            runs.append("run")
            connection.execute(things.insert(), {"name": "bad"})
            raise LookupError

    second, bad, last = at_once(db, [storing(db, "second"), fail, storing(db, "last")])
    assert (second, type(bad), last) == (None, LookupError, None)
    assert names(db) == {"first", "second", "last"}
    assert runs == ["run"]
    assert len(commits) == 1


def test_the_last_one_may_raise_and_the_others_are_committed(db: Database) -> None:
    def fail() -> None:
        with db.write() as connection:
            connection.execute(things.insert(), {"name": "bad"})
            raise LookupError

    assert [type(one) for one in at_once(db, [storing(db, "second"), fail])] == [type(None), LookupError]
    assert names(db) == {"first", "second"}


def test_a_commit_that_fails_is_told_to_everybody_and_nothing_is_kept(db: Database) -> None:
    def fail(_connection: sa.Connection) -> None:
        raise OSError("no space")

    sa.event.listen(db.engine, "commit", fail)
    with pytest.raises(sa.exc.OperationalError, match="no space"):
        storing(db, "alone")()
    told: list[object] = []
    with pytest.raises(sa.exc.OperationalError, match="no space"):
        told.extend(at_once(db, [storing(db, "second")]))
    sa.event.remove(db.engine, "commit", fail)
    wait_until(lambda: not writers_of(db)._busy, what="the turn")
    assert names(db) == set()
    storing(db, "later")()
    assert names(db) == {"later"}


def test_where_sqlite_undoes_everything_by_itself_everybody_is_told(db: Database) -> None:
    """As on a full disk: the part that is told of it raises what SQLite said, the others that nothing was kept."""

    def undo() -> None:
        with db.write() as connection:
            connection.exec_driver_sql("INSERT OR ROLLBACK INTO things VALUES ('first')")

    outcome: list[object] = []
    with pytest.raises(sa.exc.OperationalError, match="COMMIT"):
        outcome.extend(at_once(db, [undo, storing(db, "after")]))
    wait_until(lambda: names(db) == {"after"}, what="the one after it, in a transaction of its own")


def test_what_is_durable_is_not_committed_with_what_is_not(db: Database, commits: list[str]) -> None:
    at_once(db, [storing(db, "lasts")], durable=False)
    assert len(commits) == 2
    with db.write() as connection:
        assert connection.info[DURABLE] is True
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_what_is_not_durable_goes_with_what_is(db: Database, commits: list[str]) -> None:
    at_once(db, [storing(db, "need not last", durable=False)])
    assert len(commits) == 1


def test_who_gives_up_leaves_the_line_and_holds_nobody_up(sqlite_url: str) -> None:
    db = Database(sqlite_url, timeout=timedelta(milliseconds=50))
    with db.write() as connection:
        things.create(connection)

    def hurried() -> None:
        timeouts.mark_interactive()
        storing(db, "too late")()

    told: list[object] = []
    with db.write() as connection:
        connection.execute(things.insert(), {"name": "first"})
        with started(hurried, told):
            pass
        assert not writers_of(db)._waiting
    assert [type(one) for one in told] == [sa.exc.TimeoutError]
    storing(db, "next")()
    assert names(db) == {"first", "next"}
    db.close()
