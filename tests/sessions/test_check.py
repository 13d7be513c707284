"""The session check over HTTP: one look at the database, and once a minute a note of the last use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.statements import counted
from twofold.kit.sql.database import Database
from twofold.sessions.tables import sessions


def last_seen(people: People) -> Any:
    with people.context.db.read() as connection:
        return connection.execute(sa.select(sessions.c.last_seen_at)).scalar_one()


@contextmanager
def waits_at_updates(db: Database) -> Iterator[list[Any]]:
    """Hear, at each UPDATE, for what its commit is going to wait: on PostgreSQL, who said so."""
    asked = "PRAGMA synchronous"
    if not db.on_sqlite:
        asked = "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'"
    heard: list[Any] = []

    def hear(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE"):
            heard.append(cursor.connection.execute(asked).fetchone()[0])

    sa.event.listen(db.engine, "before_cursor_execute", hear)
    yield heard
    sa.event.remove(db.engine, "before_cursor_execute", hear)


def test_a_check_is_one_statement_and_nothing_is_written(people: People, api: Api) -> None:
    people.user()
    api.sign_in(ADA, PASSWORD)
    with counted(people.context.db) as heard:
        assert api.get("/session").status == 200
    assert heard == ["SELECT"]


def test_the_last_use_is_written_down_once_a_minute(people: People, api: Api, frozen_clock: FrozenClock) -> None:
    people.user()
    api.sign_in(ADA, PASSWORD)
    frozen_clock.forward(seconds=59)
    assert api.get("/session")["user"]["email"] == ADA
    assert last_seen(people) == NOON
    noted = frozen_clock.forward(seconds=1)
    assert api.get("/session")["user"]["email"] == ADA
    assert last_seen(people) == noted
    frozen_clock.forward(seconds=59)
    assert api.get("/session").status == 200
    assert last_seen(people) == noted


def test_writing_the_last_use_down_waits_for_no_disk(people: People, api: Api, frozen_clock: FrozenClock) -> None:
    people.user()
    api.sign_in(ADA, PASSWORD)
    frozen_clock.forward(seconds=60)
    with waits_at_updates(people.context.db) as waits:
        assert api.get("/session").status == 200
    assert waits == [1 if people.context.db.on_sqlite else "session"]  # 1 is NORMAL, 2 would be FULL
