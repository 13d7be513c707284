import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.audit.recording import A, B, record
from tests.harness.clock import NOON
from tests.harness.events import recorded
from tests.harness.parallel import at_once
from twofold.audit import flow as audit
from twofold.audit import seal_flow
from twofold.audit.chain import Event, Head, append, chain_of, empty
from twofold.audit.tables import audit_chains, audit_events
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.sql.database import Database


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    yield db
    db.close()


def rows(db: Database, account: UUID | None) -> list[Any]:
    own = audit_events.c.account_id.is_(None) if account is None else audit_events.c.account_id == account
    with db.read() as connection:
        return list(connection.execute(sa.select(audit_events).where(own).order_by(audit_events.c.position)))


def heads(db: Database) -> dict[str, Head]:
    with db.read() as connection:
        return {
            row.chain: Head(row.chain, row.position, row.hash) for row in connection.execute(sa.select(audit_chains))
        }


def assert_one_chain(db: Database, account: UUID | None, count: int) -> None:
    """Every event has a place, the places are 1 to n, each hash follows from the one before, the head is the last."""
    head = empty(chain_of(account))
    for row in rows(db, account):
        head = append(head, Event(*(getattr(row, name) for name in Event._fields)))
        assert (row.position, row.hash) == (head.position, head.hash)
    assert head.position == count
    assert heads(db)[head.chain] == head


def test_events_are_linked_in_the_order_of_their_numbers(db: Database) -> None:
    record(db, 5)
    assert seal_flow.seal(db, NOON) == 5
    assert [row.number for row in rows(db, A)] == sorted(row.number for row in rows(db, A))
    assert_one_chain(db, A, 5)


def test_every_account_and_the_installation_have_a_chain_of_their_own(db: Database) -> None:
    for _ in range(3):
        for account in (A, None, B):
            record(db, account=account)
    assert seal_flow.seal(db, NOON) == 9
    for account in (A, B, None):
        assert_one_chain(db, account, 3)


def test_what_comes_later_goes_on_where_the_chain_ended(db: Database) -> None:
    record(db, 3)
    seal_flow.seal(db, NOON)
    record(db, 4)
    assert seal_flow.seal(db, NOON) == 4
    assert_one_chain(db, A, 7)


def test_nothing_waiting_is_nothing_sealed(db: Database) -> None:
    assert seal_flow.seal(db, NOON) == 0
    record(db)
    seal_flow.seal(db, NOON)
    assert seal_flow.seal(db, NOON) == 0


def test_a_batch_takes_no_more_than_it_was_told(db: Database) -> None:
    record(db, 5)
    assert seal_flow.seal(db, NOON, most=2) == 2
    assert [row.position for row in rows(db, A) if row.position] == [1, 2]
    assert seal_flow.seal_everything(db, NOON) == 3
    assert_one_chain(db, A, 5)


def test_everything_is_sealed_however_much_it_is(db: Database) -> None:
    record(db, seal_flow.BATCH + 10)
    record(db, 10, account=B)
    assert seal_flow.seal_everything(db, NOON) == seal_flow.BATCH + 20
    assert_one_chain(db, A, seal_flow.BATCH + 10)
    assert_one_chain(db, B, 10)


def test_an_event_that_commits_late_is_linked_later(postgresql_url: str) -> None:
    """On PostgreSQL a transaction may take a low number and commit after higher ones were sealed."""
    db = Database(postgresql_url)
    with db.write() as slow:
        audit.record(slow, recorded("signed_in"), origin=Origin(NOON, actor=acting.NOBODY), account_id=A)
        slow.execute(sa.text("SELECT 1"))  # takes the event along
        record(db, 2)
        assert seal_flow.seal(db, NOON) == 2
    assert seal_flow.seal(db, NOON) == 1
    numbers = [row.number for row in rows(db, A)]
    assert numbers == [2, 3, 1]
    assert_one_chain(db, A, 3)
    db.close()


def test_recording_does_not_wait_for_a_sealer_that_holds_the_chain(postgresql_url: str) -> None:
    db = Database(postgresql_url)
    record(db)
    seal_flow.seal(db, NOON)
    with db.write() as holder:
        holder.execute(sa.select(audit_chains).with_for_update())
        with db.write() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '500ms'"))
            audit.record(connection, recorded("signed_in"), origin=Origin(NOON, actor=acting.NOBODY), account_id=A)
    assert seal_flow.seal(db, NOON) == 1
    db.close()


def test_many_sealers_at_once_make_one_chain(database_url: str, db: Database) -> None:
    """Four sealers, two of them with connections of their own as in other processes, while events keep coming."""
    others = [Database(database_url) for _ in range(2)]
    sealed: list[int] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def work(own: Database) -> None:
        try:
            while not done.is_set():
                sealed.append(seal_flow.seal(own, NOON, most=7))
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(own,)) for own in (db, db, *others)]
    for thread in threads:
        thread.start()
    for number in range(60):
        record(db, 2, account=(A, B, None)[number % 3])
    while not failures and seal_flow.seal(db, NOON):
        pass
    done.set()
    for thread in threads:
        thread.join()
    seal_flow.seal_everything(db, NOON)
    assert not failures, failures
    for account in (A, B, None):
        assert_one_chain(db, account, 40)
    for own in others:
        own.close()


def test_sealers_that_meet_new_chains_at_once_do_not_deadlock(database_url: str, db: Database) -> None:
    accounts = [UUID(int=number) for number in range(1, 31)]
    for account in accounts:
        record(db, 2, account=account)

    def work() -> None:
        with closing(Database(database_url)) as own:
            while seal_flow.seal(own, NOON, most=11):
                pass

    at_once(*[work] * 4)
    seal_flow.seal_everything(db, NOON)
    for account in accounts:
        assert_one_chain(db, account, 2)
