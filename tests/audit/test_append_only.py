"""What is in the audit log stays as it is, whoever asks the database; only the sealer adds position and hash, once."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.audit.recording import A, B, record
from tests.harness.clock import NOON, later
from twofold.audit import seal_flow
from twofold.audit.tables import audit_chains, audit_events
from twofold.kit.sql.database import Database

OTHER_VALUES = {
    "id": B, "account_id": B, "at": later(days=1), "kind": "other", "result": "refused", "actor_kind": "system",
    "actor_id": None, "subject_id": None, "reason": "another", "address": "198.51.100.1", "browser": "curl",
    "request_id": "other", "details": "{}", "number": 99, "position": 99, "hash": bytes(32),
}  # fmt: skip


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    record(db, 2)
    yield db
    db.close()


def assert_refused(db: Database, statement: sa.Executable) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), db.write() as connection:
        connection.execute(statement)


def test_the_list_of_columns_is_complete() -> None:
    assert set(OTHER_VALUES) == set(audit_events.c.keys())


@pytest.mark.parametrize("column", sorted(OTHER_VALUES))
def test_no_column_of_a_sealed_event_can_be_changed(db: Database, column: str) -> None:
    seal_flow.seal(db, NOON)
    own = audit_events.update().where(audit_events.c.number == 1)
    assert_refused(db, own.values({column: OTHER_VALUES[column]}))


@pytest.mark.parametrize("column", sorted(OTHER_VALUES.keys() - {"position", "hash"}))
def test_no_column_can_be_changed_before_sealing_either_nor_with_it(db: Database, column: str) -> None:
    own = audit_events.update().where(audit_events.c.number == 1)
    assert_refused(db, own.values({column: OTHER_VALUES[column]}))
    assert_refused(db, own.values({column: OTHER_VALUES[column], "position": 1, "hash": bytes(32)}))


def test_position_and_hash_are_given_together(db: Database) -> None:
    own = audit_events.update().where(audit_events.c.number == 1)
    assert_refused(db, own.values(position=1))
    assert_refused(db, own.values(hash=bytes(32)))


def test_a_place_in_a_chain_is_given_once(db: Database) -> None:
    record(db, 2, account=None)
    for account in (audit_events.c.account_id == A, audit_events.c.account_id.is_(None)):
        with pytest.raises(sa.exc.IntegrityError), db.write() as connection:
            connection.execute(audit_events.update().where(account).values(position=1, hash=bytes(32)))


def test_an_event_cannot_be_unsealed(db: Database) -> None:
    seal_flow.seal(db, NOON)
    assert_refused(db, audit_events.update().values(position=None, hash=None))


def test_nothing_can_be_deleted(db: Database) -> None:
    assert_refused(db, audit_events.delete())
    seal_flow.seal(db, NOON)
    assert_refused(db, audit_events.delete().where(audit_events.c.number == 1))
    assert_refused(db, audit_chains.delete())


def test_nothing_can_be_truncated(postgresql_url: str) -> None:
    db = Database(postgresql_url)
    record(db)
    for table in (audit_events, audit_chains):
        assert_refused(db, sa.text(f"TRUNCATE {table.name}"))
    db.close()


def test_a_head_only_moves_on(db: Database) -> None:
    seal_flow.seal(db, NOON)
    assert_refused(db, audit_chains.update().values(position=1))
    assert_refused(db, audit_chains.update().values(hash=bytes(32)))
    assert_refused(db, audit_chains.update().values(chain="other", position=9))
