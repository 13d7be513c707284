"""The session check over HTTP: one look at the database, and once a minute a note of the last use."""

from typing import Any

import sqlalchemy as sa

from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.statements import counted
from twofold.sessions.tables import sessions


def last_seen(people: People) -> Any:
    with people.context.db.read() as connection:
        return connection.execute(sa.select(sessions.c.last_seen_at)).scalar_one()


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
