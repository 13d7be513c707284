import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tests.harness.postgres import Cluster
from twofold.kit.sql.database import Database, UtcTime, upsert
from twofold.kit.sql.statement import Statement

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("box", sa.LargeBinary, nullable=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("right", sa.Boolean, nullable=False),
    sa.Column("at", UtcTime, nullable=True),
)
MOMENT = datetime(2026, 3, 3, 12, 0, 0, 123456, tzinfo=UTC)

insert = Statement(things.insert(), columns=things.c.keys())
by_name = Statement(sa.select(things).where(things.c.name == sa.bindparam("wanted")))
raise_count = Statement(
    things.update()
    .where(things.c.name == sa.bindparam("of"), things.c.count < 2)
    .values(count=things.c.count + 1, at=sa.bindparam("moment", type_=UtcTime))
    .returning(things.c.count, things.c.at)
)
delete = Statement(things.delete().where(things.c.name == sa.bindparam("gone")))
put = Statement(upsert(things, ["id"], ["name", "count"]))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    with db.write() as connection:
        things.create(connection)
    yield db
    db.close()


@pytest.fixture(params=["by itself", "listened to"])
def listened(request: pytest.FixtureRequest, db: Database) -> list[str]:
    """Run the test both ways: past SQLAlchemy, and through it because somebody listens to the engine."""
    heard: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    if request.param == "listened to":
        sa.event.listen(db.engine, "before_cursor_execute", hear)
    return heard


def a_thing(name: str, **other: Any) -> dict[str, Any]:
    return {"id": uuid.uuid4(), "name": name, "box": b"\0\xff", "count": 0, "right": True, "at": MOMENT} | other


def test_it_stores_and_finds_what_sqlalchemy_finds(db: Database, listened: list[str]) -> None:
    full, empty = a_thing("full"), a_thing("empty", box=None, at=None, right=False)
    with db.write() as connection:
        assert insert.count(connection, **full) == 1
        assert insert.count(connection, **empty) == 1
    with db.read() as connection:
        for thing in (full, empty):
            row = by_name.row(connection, wanted=thing["name"])
            assert row._asdict() == thing
            assert row == tuple(connection.execute(sa.select(things).where(things.c.name == thing["name"])).one())
        assert by_name.row(connection, wanted="nobody") is None


def test_it_tells_how_many_rows_it_changed_and_returns_them(db: Database, listened: list[str]) -> None:
    later = MOMENT.replace(minute=1)
    with db.write() as connection:
        insert.count(connection, **a_thing("one"))
        assert raise_count.row(connection, of="one", moment=later) == (1, later)
        assert raise_count.rows(connection, of="one", moment=later) == [(2, later)]
        assert raise_count.row(connection, of="one", moment=later) is None
        assert delete.count(connection, gone="one") == 1
        assert delete.count(connection, gone="one") == 0


def test_it_may_be_spelled_differently_for_each_database(db: Database, listened: list[str]) -> None:
    thing = a_thing("old")
    with db.write() as connection:
        put.count(connection, **thing)
        assert put.count(connection, **thing | {"name": "new", "count": 7}) == 1
        assert by_name.row(connection, wanted="new").count == 7


def test_what_is_asked_ahead_is_done_before_the_next_and_what_is_put_off_by_the_end(
    db: Database, listened: list[str]
) -> None:
    with db.write() as connection:
        insert.enqueue(connection, **a_thing("one"))
        raised = raise_count.prefetch(connection, of="one", moment=MOMENT)
        assert by_name.row(connection, wanted="one").count == 1
        assert raised() == [(1, MOMENT)]
        insert.enqueue(connection, **a_thing("two"))
    with db.read() as connection:
        assert by_name.row(connection, wanted="two").name == "two"


def test_errors_are_sqlalchemys_own_and_undo_the_write(db: Database, listened: list[str]) -> None:
    def store_twins() -> None:
        with db.write() as connection:
            insert.count(connection, **a_thing("twin"))
            insert.count(connection, **a_thing("twin"))

    with pytest.raises(sa.exc.IntegrityError):
        store_twins()
    with db.write() as connection:
        assert by_name.row(connection, wanted="twin") is None
        assert insert.count(connection, **a_thing("twin")) == 1


def test_who_listens_to_the_engine_hears_the_statement(db: Database) -> None:
    heard: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda _c, _cursor, text, *_: heard.append(text))
    with db.read() as connection:
        by_name.row(connection, wanted="x")
    assert [text.partition(" ")[0] for text in heard] == ["SELECT"]


def test_a_lost_connection_leaves_the_pool(fault_postgres: Cluster) -> None:
    db = Database(fault_postgres.create_database("lost"), pool_size=1)
    with db.write() as connection:
        things.create(connection)
    with db.read() as connection:
        assert by_name.row(connection, wanted="x") is None
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with fault_postgres.connect() as other:
            other.execute(f"SELECT pg_terminate_backend({own})")
        with pytest.raises(sa.exc.OperationalError) as lost:
            by_name.row(connection, wanted="x")
        assert lost.value.connection_invalidated
    with db.read() as connection:
        assert by_name.row(connection, wanted="x") is None
    db.close()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "wanted is missing"),
        ({"wnted": "x"}, "wanted is missing, wnted is no parameter"),
        ({"wanted": "x", "of": "y"}, "of is no parameter"),
    ],
)
def test_a_value_that_is_missing_misspelt_or_too_many_is_refused(
    db: Database, listened: list[str], values: dict[str, Any], why: str
) -> None:
    """Stops: a misspelt value that is bound as NULL, or dropped, in silence."""
    with db.read() as connection, pytest.raises(TypeError, match=rf"^{why}: SELECT"):
        by_name.rows(connection, **values)
    assert not any("things" in statement for statement in listened)


def test_an_insert_stores_the_columns_that_are_written_where_it_is_made(db: Database) -> None:
    """Stops: columns that the first call of a process decides for all others."""
    with db.write() as connection, pytest.raises(TypeError, match=r"^count is missing: INSERT"):
        insert.enqueue(connection, **{name: value for name, value in a_thing("a").items() if name != "count"})
