"""A log cannot be written anew by statements that are neither an UPDATE nor a DELETE, nor before it was begun.

On SQLite from a connection of somebody else's: theirs has none of our pragmas, so the triggers must hold by themselves.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.audit.recording import A, B, record
from tests.harness.clock import NOON, later
from tests.harness.databases import SqliteDatabases
from twofold.audit import records, seal_flow
from twofold.audit.chain import Head, append, empty
from twofold.audit.tables import audit_chains, audit_events, audit_signing_keys
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import Database
from twofold.resets.tables import reset_events
from twofold.schema import metadata

CASE_EVENT = {"case_id": A, "account_id": A, "at": NOON, "kind": "requested", "actor_kind": "console"}
KEY = {"number": 1, "public_key": bytes(32), "key_id": "test", "box": b"box", "created_at": NOON}
KEPT_FOR_EVER = ("audit_events", "audit_chains", "audit_signing_keys", "reset_events")


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with three events of one account and two of another, all sealed, and a row in the other tables."""
    db = Database(database_url)
    record(db, 3)
    record(db, 2, account=B)
    seal_flow.seal_everything(db, NOON)
    with db.write() as connection:
        records.keep_key(connection, KEY)
        connection.execute(reset_events.insert(), [CASE_EVENT, CASE_EVENT])
    yield db
    db.close()


@pytest.fixture
def sqlite_db(sqlite_url: str) -> Iterator[Database]:
    db = Database(sqlite_url)
    record(db, 3)
    record(db, 2, account=B)
    seal_flow.seal_everything(db, NOON)
    record(db)  # and one that waits
    with db.write() as connection:
        records.keep_key(connection, KEY)
        connection.execute(reset_events.insert(), [CASE_EVENT, CASE_EVENT])
    yield db
    db.close()


def contents(db: Database) -> dict[str, list[Any]]:
    with db.read() as connection:
        return {name: list(connection.execute(sa.select(metadata.tables[name]))) for name in KEPT_FOR_EVER}


def refuse(db: Database, statement: sa.Executable, values: Any = None) -> None:
    """Hold that a statement of our own connection is refused and changes nothing."""
    before = contents(db)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), db.write() as connection:
        connection.execute(statement, values)
    assert contents(db) == before


def refuse_foreign(db: Database, statement: str) -> None:
    """Hold that a statement of a connection that is not ours is refused and changes nothing."""
    before = contents(db)
    statement = spelled_out(statement)
    with closing(sqlite3.connect(db.url.removeprefix("sqlite:///"))) as foreign:
        assert foreign.execute("PRAGMA recursive_triggers").fetchone() == (0,)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            foreign.execute(statement)
        foreign.rollback()
    assert contents(db) == before


def spelled_out(statement: str) -> str:
    return statement.replace("COLUMNS", COLUMNS).replace(" ROW ", f" {ROW} ")


def event_of(account: Any = A) -> dict[str, Any]:
    return {
        "id": new_id(), "account_id": account, "at": NOON, "kind": "signed_in", "result": "done",
        "actor_kind": "system", "address": "", "browser": "", "request_id": "", "details": "{}",
    }  # fmt: skip


# --- REPLACE, which deletes and fires no trigger of a DELETE

COLUMNS = "account_id, at, kind, result, actor_kind, address, browser, request_id, details"
ROW = "account_id, at, 'other', result, actor_kind, address, browser, request_id, details"
REPLACED = {
    "an event by its number": """
        INSERT OR REPLACE INTO audit_events (number, id, COLUMNS)
        SELECT number, 'ff', ROW FROM audit_events WHERE number = 2""",
    "the newest event by its number": """
        REPLACE INTO audit_events (number, id, COLUMNS)
        SELECT number, 'ff', ROW FROM audit_events WHERE number = 6""",
    "an event by its rowid": """
        INSERT OR REPLACE INTO audit_events (rowid, id, COLUMNS)
        SELECT rowid, 'ff', ROW FROM audit_events WHERE number = 2""",
    "an event by its id": """
        INSERT OR REPLACE INTO audit_events (id, COLUMNS) SELECT id, ROW FROM audit_events WHERE number = 2""",
    "an event by its place": """
        INSERT OR REPLACE INTO audit_events (id, position, hash, COLUMNS)
        SELECT 'ff', position, hash, ROW FROM audit_events WHERE number = 2""",
    "an event by sealing another in its place": """
        UPDATE OR REPLACE audit_events SET position = 2, hash = zeroblob(32) WHERE number = 6""",
    "an event by moving another": "UPDATE OR REPLACE audit_events SET number = 2 WHERE number = 6",
    "an event by upsert": """
        INSERT INTO audit_events (number, id, COLUMNS) SELECT number, 'ff', ROW FROM audit_events WHERE number = 2
        ON CONFLICT (number) DO UPDATE SET kind = 'other'""",
    "a head": """
        INSERT OR REPLACE INTO audit_chains SELECT chain, 1, zeroblob(32), sealed_at FROM audit_chains""",
    "a head by its rowid": """
        INSERT OR REPLACE INTO audit_chains (rowid, chain, position, hash, sealed_at)
        SELECT rowid, 'installation', 0, zeroblob(32), sealed_at FROM audit_chains""",
    "a head by moving another": """
        UPDATE OR REPLACE audit_chains SET rowid = (SELECT max(rowid) FROM audit_chains)
        WHERE rowid = (SELECT min(rowid) FROM audit_chains)""",
    "the signing key": """
        REPLACE INTO audit_signing_keys SELECT number, zeroblob(32), key_id, box, 0 FROM audit_signing_keys""",
    "the history of a reset": """
        REPLACE INTO reset_events (number, case_id, account_id, at, kind, actor_kind)
        SELECT number, case_id, account_id, at, 'refused', actor_kind FROM reset_events WHERE number = 1""",
    "a number that the next event would have": """
        INSERT INTO audit_events (number, id, COLUMNS) SELECT -1, 'ff', ROW FROM audit_events WHERE number = 2""",
    "a rowid that the next head would have": """
        INSERT INTO audit_chains (rowid, chain, position, hash, sealed_at)
        VALUES (-1, 'installation', 0, zeroblob(32), 0)""",
}


@pytest.mark.parametrize("statement", REPLACED.values(), ids=REPLACED)
def test_nothing_is_replaced(sqlite_db: Database, statement: str) -> None:
    """Stops: a sealed chain that is written anew, row by row, and verifies."""
    refuse_foreign(sqlite_db, statement)


def test_our_own_connections_fire_the_triggers_of_a_delete_as_well(sqlite_db: Database) -> None:
    """Stops: a table for which somebody forgot the trigger against REPLACE."""
    with sqlite_db.write() as connection:
        connection.execute(sa.text("DROP TRIGGER audit_events_refuses_replace"))
    statement = sa.text(spelled_out(REPLACED["an event by its id"]))
    refuse(sqlite_db, statement)


def test_a_whole_chain_cannot_be_replaced_by_one_that_verifies(sqlite_db: Database) -> None:
    """Stops: the attack that was shown, each event of a chain replaced by another, linked anew, its head as well."""
    before = contents(sqlite_db)
    with closing(sqlite3.connect(sqlite_db.url.removeprefix("sqlite:///"))) as foreign:
        for row in [row for row in before["audit_events"] if row.account_id == A and row.position]:
            statement = REPLACED["an event by its number"].replace("number = 2", f"number = {row.number}")
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                foreign.execute(spelled_out(statement))
    assert contents(sqlite_db) == before


# --- the past, and places that only the sealer gives


def test_an_event_comes_without_a_place(db: Database) -> None:
    """Stops: an event that was never recorded, put into a chain by whoever can insert."""
    place = {"position": 4, "hash": bytes(32)}
    for given in (place, {"position": 4}, {"hash": bytes(32)}):
        refuse(db, audit_events.insert(), event_of() | given)
    refuse(db, audit_events.insert(), event_of(None) | place)


def test_an_event_without_a_hash_has_no_position(database_url: str) -> None:
    db = Database(database_url)
    refuse(db, audit_events.insert(), event_of() | {"position": 1})
    db.close()


def test_the_sealer_s_next_place_is_the_only_one(db: Database) -> None:
    """Stops: a gap, a place before the first, or one far ahead that no sealer ever comes to."""
    for account, following in ((A, 4), (B, 3), (None, 1)):
        with db.write() as connection:
            number = connection.execute(
                audit_events.insert().values(event_of(account)).returning(audit_events.c.number)
            ).scalar_one()
        own = audit_events.update().where(audit_events.c.number == number)
        for position in (following + 1, following - 1, 0, -1, 10**12):
            refuse(db, own.values(position=position, hash=bytes(32)))
        with db.write() as connection:
            connection.execute(own.values(position=following, hash=bytes(32)))


def test_a_head_comes_to_sealed_events_only(db: Database) -> None:
    """Stops: a head far ahead, at which every sealer breaks, and one that stands for other events."""
    record(db)
    for values in ({"position": 99, "hash": bytes(32)}, {"position": 4, "hash": bytes(32)}):
        refuse(db, audit_chains.update().where(audit_chains.c.chain == str(A)).values(values))
    for values in ({"position": 7, "hash": bytes(32)}, {"position": 0, "hash": b"x" * 32}):
        refuse(db, audit_chains.insert(), {"chain": "installation", "sealed_at": NOON, **values})
    assert seal_flow.seal(db, NOON) == 1


def test_numbers_go_up(sqlite_db: Database) -> None:
    """On PostgreSQL a transaction may come late with a low number; on SQLite nobody writes beside another."""
    for number in (0, -5):
        refuse(sqlite_db, audit_events.insert(), event_of() | {"number": number})
    with sqlite_db.write() as connection:
        connection.execute(audit_events.insert(), event_of() | {"number": 90})
    refuse(sqlite_db, audit_events.insert(), event_of() | {"number": 50})


def test_sealed_events_come_into_a_log_that_has_not_begun(
    db: Database, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    """As `twofold copy-database` does; the other tests hold that they cannot once there is a chain."""
    other = Database(sqlite_databases.fresh(tmp_path))
    rows = contents(db)
    with other.write() as connection:
        for table in (audit_events, audit_chains):
            connection.execute(table.insert(), [row._asdict() for row in rows[table.name]])
    assert {name: contents(other)[name] for name in ("audit_events", "audit_chains")} == {
        name: rows[name] for name in ("audit_events", "audit_chains")
    }
    other.close()


# --- the tables that had no triggers


@pytest.mark.parametrize("column", ["number", "public_key", "created_at"])
def test_the_signing_key_stays(db: Database, column: str) -> None:
    """Stops: a key of the forger's own in the place of the one that people wrote down."""
    other = {"number": 2, "public_key": b"x" * 32, "created_at": later(days=1)}
    refuse(db, audit_signing_keys.update().values({column: other[column]}))
    refuse(db, audit_signing_keys.delete())


def test_the_signing_key_is_sealed_anew_when_keys_are_rotated(db: Database) -> None:
    with db.write() as connection:
        assert connection.execute(audit_signing_keys.update().values(key_id="new", box=b"other")).rowcount == 1


def test_the_history_of_a_reset_stays(db: Database) -> None:
    refuse(db, reset_events.update().values(kind="refused"))
    refuse(db, reset_events.delete())


@pytest.mark.parametrize("table", KEPT_FOR_EVER)
def test_no_table_of_these_is_emptied(postgresql_url: str, table: str) -> None:
    db = Database(postgresql_url)
    for statement in (f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"):
        refuse(db, sa.text(statement))
    db.close()


POSTGRESQL = {
    "an upsert": "INSERT INTO audit_chains SELECT * FROM audit_chains ON CONFLICT (chain) DO UPDATE SET position = 1",
    "an upsert of a key": """
        INSERT INTO audit_signing_keys SELECT * FROM audit_signing_keys
        ON CONFLICT (number) DO UPDATE SET public_key = '\\x00'""",
    "a delete that tells": "DELETE FROM audit_events RETURNING *",
    "a merge": """
        MERGE INTO audit_events USING (SELECT 2 AS number) AS one ON audit_events.number = one.number
        WHEN MATCHED THEN DELETE""",
    "a delete in a common table expression": "WITH gone AS (DELETE FROM reset_events RETURNING 1) SELECT * FROM gone",
    "a table of the caller's by that name": """
        SET LOCAL search_path TO pg_temp, public;
        CREATE TEMPORARY TABLE audit_chains (chain text, position bigint, hash bytea) ON COMMIT DROP;
        INSERT INTO public.audit_events (id, account_id, at, kind, result, actor_kind, address, browser, request_id,
            details, position, hash)
        SELECT gen_random_uuid(), account_id, at, kind, result, actor_kind, address, browser, request_id, details,
            4, hash FROM public.audit_events WHERE number = 2""",
}


@pytest.mark.parametrize("statement", POSTGRESQL.values(), ids=POSTGRESQL)
def test_postgresql_has_no_other_way(db_on_postgresql: Database, statement: str) -> None:
    before = contents(db_on_postgresql)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), db_on_postgresql.write() as connection:
        connection.exec_driver_sql(statement)
    assert contents(db_on_postgresql) == before


@pytest.fixture
def db_on_postgresql(postgresql_url: str) -> Iterator[Database]:
    db = Database(postgresql_url)
    record(db, 3)
    seal_flow.seal_everything(db, NOON)
    with db.write() as connection:
        records.keep_key(connection, KEY)
        connection.execute(reset_events.insert(), [CASE_EVENT])
    yield db
    db.close()


def test_copy_is_no_way_around(db_on_postgresql: Database) -> None:
    """COPY fires the triggers of an INSERT: an event that it brings has no place."""
    before = contents(db_on_postgresql)
    columns = "id, account_id, at, kind, result, actor_kind, address, browser, request_id, details, position, hash"
    line = f"{new_id()}\t{A}\t2026-01-01 00:00+00\tx\tdone\tsystem\t\t\t\t{{}}\t4\t\\\\x{'00' * 32}\n"

    def copy_in() -> None:
        with db_on_postgresql.write() as connection:
            driver: Any = connection.connection.driver_connection
            with driver.cursor().copy(f"COPY audit_events ({columns}) FROM STDIN") as copy:
                copy.write(line)

    with pytest.raises(psycopg.IntegrityError, match="append-only"):
        copy_in()
    assert contents(db_on_postgresql) == before


# --- sealing goes on


def test_two_sealers_and_many_writers_still_make_one_chain(db: Database) -> None:
    """The positions are those that the sealer would give without the triggers."""
    record(db, 5)
    record(db, 4, account=None)
    seal_flow.seal_everything(db, NOON)
    with db.read() as connection:
        for head in records.all_heads(connection):
            reached = empty(head.chain)
            for linked in records.events_of_chain(connection, Head(head.chain, 99, b""), 0, 99):
                reached = append(reached, linked.event)
            assert reached == head
