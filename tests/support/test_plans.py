"""Every list of the support pages is read along an index, however long it is: what SQLite says it would do."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from twofold.kit.sql.database import Database
from twofold.support import audit_records, records
from twofold.support.audit_search import EventCursor, Filters
from twofold.support.search import SearchCursor

SOMEBODY = UUID(int=1)


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    db = Database(sqlite_url)
    yield db
    db.close()


class Plans:
    """Listens to statements and asks how each would be carried out."""

    def __init__(self, db: Database) -> None:
        self.steps: list[str] = []
        self._asking = False
        sa.event.listen(db.engine, "before_cursor_execute", self._before)

    def _before(self, connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.startswith("SELECT") or self._asking:
            return
        self._asking = True
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        self.steps += [str(row[-1]) for row in plan]
        self._asking = False


def read_through(steps: list[str]) -> list[str]:
    """Return the steps that read a table from end to end, or sort what an index could have given in order."""
    inner = {"SCAN chosen", "SCAN either", "SCAN anon_1", "SCAN anon_2"}  # a page's worth
    return [step for step in steps if step.startswith("SCAN ") and step not in inner]


@pytest.mark.parametrize("after", [None, EventCursor(NOON, 7), EventCursor(NOON, 7, forwards=True)])
@pytest.mark.parametrize("user_id", [None, SOMEBODY])
@pytest.mark.parametrize("kind", ["", "unlocked"])
@pytest.mark.parametrize("since", [None, NOON])
@pytest.mark.parametrize("account_id", [None, SOMEBODY])
def test_a_page_of_the_audit_log_is_read_along_one_index(
    db: Database, after: EventCursor | None, user_id: UUID | None, kind: str, since: Any, account_id: UUID | None
) -> None:
    plans = Plans(db)
    until = since and later(days=1)
    with db.read() as connection:
        audit_records.page(connection, account_id, Filters(user_id, kind, since, until), after, 51)
    assert plans.steps
    assert read_through(plans.steps) == []
    expected = {"subject_id_at_number", "account_id_actor_id_at_number"}
    if user_id is None:
        expected = {"account_id_kind_at_number" if kind else "account_id_at_number"}
    assert set(re.findall(r"ix_audit_events_(\w+)", " ".join(plans.steps))) == expected


@pytest.mark.parametrize("after", [None, SearchCursor(0, "ada", SOMEBODY)])
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_people_are_searched_along_one_index(db: Database, stage: int, after: SearchCursor | None) -> None:
    plans = Plans(db)
    with db.read() as connection:
        records.people_found(connection, "ada", stage, after, 51, NOON)
    assert plans.steps
    assert read_through(plans.steps) == []
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans.steps, "they come in order"


@pytest.mark.parametrize("after", [None, SearchCursor(0, "acme", SOMEBODY)])
def test_accounts_are_searched_along_one_index(db: Database, after: SearchCursor | None) -> None:
    plans = Plans(db)
    with db.read() as connection:
        records.accounts_named(connection, "acme", after, 21)
    assert plans.steps
    assert read_through(plans.steps) == []
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans.steps
