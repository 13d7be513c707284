"""Statements on their way to PostgreSQL: what goes together, and what becomes of it when something fails."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.harness.postgres import Cluster
from twofold.kit.sql.database import Database
from twofold.kit.sql.query_pipeline import QueryPipeline
from twofold.kit.sql.statement import Statement

things = sa.Table(
    "wired_things",
    sa.MetaData(),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("box", sa.LargeBinary, nullable=False),
)

insert = Statement(things.insert())
by_name = Statement(sa.select(things).where(things.c.name == sa.bindparam("wanted")))
rename = Statement(things.update().where(things.c.name == sa.bindparam("of")).values(name=sa.bindparam("new")))
everything = sa.select(things.c.name).order_by(things.c.name)
nonsense = Statement(sa.text("SELECT 1 / 0"))


class Trips(list[list[str]]):
    """The first words of the statements of each round trip."""

    def take(self, waiting: Any) -> None:
        self.append([one.text.text.split()[0].decode() for one in waiting])


@pytest.fixture
def db(postgresql_url: str) -> Iterator[Database]:
    db = Database(postgresql_url, pool_size=1)
    with db.write() as connection:
        things.create(connection)
    yield db
    db.close()


@pytest.fixture
def trips(db: Database, monkeypatch: pytest.MonkeyPatch) -> Trips:
    trips, write = Trips(), QueryPipeline._write

    def note(query_pipeline: QueryPipeline, waiting: Any) -> Any:
        trips.take(waiting)
        return write(query_pipeline, waiting)

    monkeypatch.setattr(QueryPipeline, "_write", note)
    return trips


def a_thing(name: str, box: bytes = b"\0") -> dict[str, Any]:
    return {"id": uuid.uuid4(), "name": name, "box": box}


def names(db: Database) -> list[str]:
    with db.read() as connection:
        return list(connection.execute(everything).scalars())


def test_what_nobody_waits_for_goes_with_what_somebody_does_and_with_the_commit(db: Database, trips: Trips) -> None:
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("a"))
        insert.enqueue(connection, **a_thing("b"))
        assert trips == []
        assert by_name.row(connection, wanted="b").name == "b"
        assert rename.count(connection, of="a", new="c") == 1
        insert.enqueue(connection, **a_thing("d"))
    assert trips == [["BEGIN", "INSERT", "INSERT", "SELECT"], ["UPDATE"], ["INSERT", "COMMIT"]]
    assert names(db) == ["b", "c", "d"]


def test_in_no_transaction_nothing_waits(db: Database, trips: Trips) -> None:
    with db.write_one() as connection:
        insert.enqueue(connection, **a_thing("a"))
        assert trips == [["INSERT"]]
    assert names(db) == ["a"]


def test_sqlalchemys_own_statements_come_after_what_waits(db: Database) -> None:
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("a"))
        assert list(connection.execute(everything).scalars()) == ["a"]
        with connection.begin_nested() as inner:
            insert.enqueue(connection, **a_thing("b"))
            inner.rollback()
        insert.enqueue(connection, **a_thing("c"))
    assert names(db) == ["a", "c"]


def test_what_was_not_sent_never_leaves_when_the_block_raises(db: Database, trips: Trips) -> None:
    def give_up() -> None:
        with db.write() as connection:
            insert.enqueue(connection, **a_thing("a"))
            raise LookupError

    with pytest.raises(LookupError):
        give_up()
    assert trips == []
    assert names(db) == []


def test_an_error_of_what_waited_is_raised_where_it_is_found_and_undoes_everything(db: Database) -> None:
    def twins(connection: sa.Connection) -> None:
        insert.enqueue(connection, **a_thing("twin"))
        insert.enqueue(connection, **a_thing("twin"))

    def found_by_the_next() -> None:
        with db.write() as connection:
            twins(connection)
            by_name.row(connection, wanted="twin")
            pytest.fail("it went on")

    def found_by_the_commit() -> None:
        with db.write() as connection:
            twins(connection)

    for find_out in (found_by_the_next, found_by_the_commit):
        with pytest.raises(sa.exc.IntegrityError) as failed:
            find_out()
        assert isinstance(failed.value.orig, psycopg.errors.UniqueViolation)
        assert names(db) == []
    with db.write() as connection:
        assert insert.count(connection, **a_thing("twin")) == 1
    assert names(db) == ["twin"]


def test_after_an_error_nothing_of_the_transaction_counts_even_if_somebody_goes_on(db: Database) -> None:
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("before"))
        with pytest.raises(sa.exc.DataError):
            nonsense.count(connection)
        with pytest.raises(sa.exc.InternalError):
            by_name.row(connection, wanted="before")
    assert names(db) == []


def test_a_statement_that_waits_twice_is_prepared_once_and_is_known_from_then_on(db: Database) -> None:
    for turn in range(3):
        with db.write() as connection:
            insert.enqueue(connection, **a_thing(f"a{turn}"))
            insert.enqueue(connection, **a_thing(f"b{turn}"))
    with db.read() as connection:
        prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars()
        assert sum(text.startswith("INSERT INTO wired_things") for text in prepared) == 1
    assert len(names(db)) == 6


def test_a_statement_that_could_not_be_prepared_is_prepared_the_next_time(db: Database) -> None:
    def fail_before_it() -> None:
        with db.write() as connection:
            nonsense.enqueue(connection)
            insert.count(connection, **a_thing("never"))

    for _ in range(2):
        with pytest.raises(sa.exc.DataError):
            fail_before_it()
    with db.write() as connection:
        insert.count(connection, **a_thing("now"))
    assert names(db) == ["now"]


def test_what_psycopg_tells_the_database_to_forget_is_prepared_again(db: Database) -> None:
    def undo(connection: sa.Connection) -> None:
        with connection.begin_nested() as inner:
            inner.rollback()

    def drop(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE short_lived ()")
        connection.exec_driver_sql("DROP TABLE short_lived")

    def fail(connection: sa.Connection) -> None:
        with pytest.raises(sa.exc.DataError):
            nonsense.count(connection)

    for turn, forget in enumerate((undo, drop, fail)):
        with db.read() as connection:
            driver: Any = connection.connection.driver_connection
            for _ in range(driver.prepare_threshold + 2):
                connection.execute(everything)  # psycopg prepares what is often executed
        with db.write() as connection:
            forget(connection)
        with db.write() as connection:
            connection.execute(everything)
            assert insert.count(connection, **a_thing(str(turn))) == 1
    assert names(db) == ["0", "1", "2"]


def test_where_names_are_forgotten_none_are_used(db: Database, trips: Trips) -> None:
    with db.read() as connection:
        driver: Any = connection.connection.driver_connection
        driver.prepare_threshold = None  # as kit.sql.timeouts does behind a pooler
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("a", b"\0\xff"))
        assert by_name.row(connection, wanted="a").box == b"\0\xff"
        prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars()
        assert not any("wired_things" in text for text in prepared)
    assert trips == [["BEGIN", "INSERT", "SELECT"], ["COMMIT"]]


def test_more_than_the_socket_takes_at_once_goes_through(db: Database) -> None:
    big = bytes(4_000_000)
    with db.write() as connection:
        for n in range(6):
            insert.enqueue(connection, **a_thing(str(n), big))
        assert [row.box for row in by_name.rows(connection, wanted="5")] == [big]
    assert len(names(db)) == 6


def test_a_connection_that_was_left_in_the_middle_is_not_used_again(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.read() as connection:
        driver: Any = connection.connection.driver_connection

    def interrupted(_events: int) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver.query_pipeline, "_ready", interrupted)
    with pytest.raises(KeyboardInterrupt), db.write() as connection:
        insert.count(connection, **a_thing("a"))
    assert driver.closed
    assert names(db) == []


def test_a_connection_that_is_lost_under_what_waits_commits_nothing(fault_postgres: Cluster) -> None:
    db = Database(fault_postgres.create_database("lost"), pool_size=1)
    with db.write() as connection:
        things.create(connection)

    def lose_it() -> None:
        with db.write() as connection:
            own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            insert.enqueue(connection, **a_thing("a"))
            with fault_postgres.connect() as other:
                other.execute(f"SELECT pg_terminate_backend({own})")

    with pytest.raises(sa.exc.OperationalError):
        lose_it()
    assert names(db) == []
    db.close()


def test_a_connection_that_was_hung_up_on_at_rest_is_left_and_nobody_notices(fault_postgres: Cluster) -> None:
    db = Database(fault_postgres.create_database("restarted"), pool_size=1)
    with db.write() as connection:
        things.create(connection)
    fault_postgres.stop()
    fault_postgres.start()
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("a"))
    assert names(db) == ["a"]
    db.close()


def test_a_commit_of_nothing_asks_nothing(db: Database, trips: Trips) -> None:
    with db.write():
        pass
    assert trips == []


def test_what_is_asked_ahead_goes_with_the_next_and_is_there_afterwards(db: Database, trips: Trips) -> None:
    with db.write() as connection:
        first = rename.prefetch(connection, of="nobody", new="x")
        insert.enqueue(connection, **a_thing("a"))
        found = by_name.prefetch(connection, wanted="a")
        assert trips == []
        assert by_name.rows(connection, wanted="b") == []
        assert trips == [["BEGIN", "UPDATE", "INSERT", "SELECT", "SELECT"]]
        assert [row.name for row in found()] == ["a"]
        assert first() == []
    assert trips == [["BEGIN", "UPDATE", "INSERT", "SELECT", "SELECT"], ["COMMIT"]]


def test_what_is_asked_ahead_and_looked_at_first_goes_by_itself(db: Database, trips: Trips) -> None:
    with db.read() as connection:
        found = by_name.prefetch(connection, wanted="a")
        assert trips == []
        assert found() == found() == []
    assert trips == [["SELECT"]]


def test_an_error_of_what_was_asked_ahead_is_sqlalchemys_own_and_nothing_follows_it(db: Database) -> None:
    def ask_ahead(connection: sa.Connection) -> Any:
        wrong = nonsense.prefetch(connection)
        return wrong, by_name.prefetch(connection, wanted="a")

    with db.read() as connection:
        wrong, after = ask_ahead(connection)
        with pytest.raises(sa.exc.DataError):
            wrong()
        with pytest.raises(sa.exc.OperationalError, match="not executed"):
            after()
        assert by_name.rows(connection, wanted="a") == []


def test_what_was_never_sent_is_not_sent_on_a_connection_that_others_have_by_now(db: Database, trips: Trips) -> None:
    with db.read() as connection:
        found = by_name.prefetch(connection, wanted="a")
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("a"))
        with pytest.raises(sa.exc.OperationalError, match="not executed"):
            found()
        assert trips == []
    assert names(db) == ["a"]
