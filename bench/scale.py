"""Growth: whether a sign-in costs the same among a million people, with ten million lines in the audit log.

The databases are filled in bulk and their indexes built afterwards, as one would restore a dump; what is measured is
the same work by the same load program at each size. Then every statement of it is asked for its plan.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from bench import crowd, floor, measure, seed
from bench.floor import Floor
from bench.measure import Cell, People
from bench.plan import STORES, line_of, tell
from bench.subject import LoadProgram, Store, store
from bench.walk import context_of, walk
from tests.harness.plans import plans_of
from tests.harness.server import Server
from twofold.audit.tables import audit_events
from twofold.sessions.tables import sessions

OPERATIONS = ("full_sign_in", "second_factor", "session_check")
CONNECTIONS, SECONDS, ROUNDS = 8, 5.0, 3
EVENTS_AT_ONCE = 500_000


class Size(msgspec.Struct, frozen=True):
    """How much there is."""

    people: int
    events: int


class Grown(msgspec.Struct, frozen=True):
    """What was measured at one size, and the tables that any statement reads from end to end: there should be none."""

    store: str
    size: Size
    floor: list[Floor]
    cells: list[Cell]
    bytes_on_disk: int
    read_through: list[str]


def run(sizes: Sequence[Size]) -> list[Grown]:
    """Measure each size on each database."""
    found = []
    with LoadProgram() as load:
        for kind in STORES:
            for size in sizes:
                with store(kind) as subject:
                    fill(subject, size)
                    found.append(_measure(subject, size, load))
    return found


def fill(subject: Store, size: Size) -> None:
    """Store so many people, a session for one in ten, and so many events of the audit log."""
    tell(f"{subject.kind}: {size.people:,} people")
    seed.fill(subject.db, subject.vault, subject.hasher, range(size.people), told=_told(subject, size.people))
    seed.start_sessions(subject.db, range(0, size.people, 10))
    if size.events:
        tell(f"{subject.kind}: {size.events:,} events")
        _fill_audit_log(subject, size)
    tell(f"{subject.kind}: gathering statistics")
    seed.learn(subject.db)


def _told(subject: Store, count: int) -> Callable[[str, int], None]:
    def tell_sometimes(table: str, done: int) -> None:
        if done % 200_000 == 0 or done == count:
            tell(f"{subject.kind}:   {table}: {done:,} of {count:,}")

    return tell_sometimes


def _fill_audit_log(subject: Store, size: Size) -> None:
    """Let the database make the events up by itself: sealed sign-ins of everybody, over a year."""
    sql = SQL[subject.kind]
    with subject.db.engine.connect() as connection:
        for setting in sql.settings:
            connection.exec_driver_sql(setting)
        for index in audit_events.indexes:
            index.drop(connection)
        connection.exec_driver_sql(NUMBER_THE_PEOPLE)
        connection.exec_driver_sql("CREATE UNIQUE INDEX numbered_n ON numbered (n)")
        for start in range(0, size.events, EVENTS_AT_ONCE):
            stop = min(start + EVENTS_AT_ONCE, size.events)
            connection.execute(sa.text(sql.events), {"start": start, "last": stop - 1, "people": size.people})
            tell(f"{subject.kind}:   {stop:,} of {size.events:,} events")
        for index in audit_events.indexes:
            tell(f"{subject.kind}:   index {index.name}")
            index.create(connection)
        connection.execute(sa.text(sql.chains))
        connection.detach()  # its settings are not those of a server


class Sql(NamedTuple):
    """How one database makes events up; 7919 is a prime that scatters the people."""

    settings: Sequence[str]
    events: str
    chains: str


NUMBER_THE_PEOPLE = (
    "CREATE TEMPORARY TABLE numbered AS SELECT row_number() OVER () - 1 AS n, id, account_id FROM users "
    "WHERE second_factor_since IS NOT NULL"
)
SQL = {
    "sqlite": Sql(
        ("PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000", "PRAGMA temp_store=MEMORY"),
        """
        INSERT INTO audit_events (
            id, account_id, at, kind, result, actor_kind, actor_id, subject_id, address, browser, request_id, details,
            position, hash
        )
        WITH RECURSIVE series (number) AS (
            SELECT :start UNION ALL SELECT number + 1 FROM series WHERE number < :last
        )
        SELECT
            lower(hex(randomblob(16))), account_id, 1767603600000000 + number * 3000000, 'signed_in', 'done', 'user',
            id, id, '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', lower(hex(randomblob(8))),
            '{"methods":["pwd","otp"],"channel":"page"}', number + 1, randomblob(32)
        FROM series JOIN numbered ON n = (number * 7919) % :people
        """,
        """
        INSERT INTO audit_chains (chain, position, hash, sealed_at)
        SELECT
            substr(id, 1, 8) || '-' || substr(id, 9, 4) || '-' || substr(id, 13, 4) || '-' || substr(id, 17, 4) || '-'
            || substr(id, 21), position, hash, 1767603600000000
        FROM (
            SELECT account_id AS id, max(position) AS position, hash FROM audit_events WHERE position IS NOT NULL
            GROUP BY account_id
        )
        """,
    ),
    "postgresql": Sql(
        ("SET maintenance_work_mem = '1GB'", "SET synchronous_commit = off"),
        """
        INSERT INTO audit_events (
            id, account_id, at, kind, result, actor_kind, actor_id, subject_id, address, browser, request_id, details,
            position, hash
        )
        SELECT
            gen_random_uuid(), account_id, timestamptz '2026-01-05 09:00Z' + number * interval '3 seconds', 'signed_in',
            'done', 'user', id, id, '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
            left(md5(CAST(number AS text)), 16), '{"methods":["pwd","otp"],"channel":"page"}', number + 1,
            sha256(CAST(CAST(number AS text) AS bytea))
        FROM generate_series(CAST(:start AS bigint), CAST(:last AS bigint)) AS series (number)
        JOIN numbered ON n = (number * 7919) % :people
        """,
        """
        INSERT INTO audit_chains (chain, position, hash, sealed_at)
        SELECT DISTINCT ON (account_id) CAST(account_id AS text), position, hash, now()
        FROM audit_events WHERE position IS NOT NULL ORDER BY account_id, position DESC
        """,
    ),
}


def _measure(subject: Store, size: Size, load: LoadProgram) -> Grown:
    people = People(size.people)
    cells: list[Cell] = []
    floors: list[Floor] = []
    with subject.served(workers=1) as server:
        for _ in range(ROUNDS):
            floors += floor.measured(2.0)
            cells += [_cell(subject, server, load, people, operation) for operation in OPERATIONS]
    read_through = _read_through(subject, people.take(10))
    return Grown(subject.kind, size, floors, cells, subject.bytes_on_disk(), read_through)


def _cell(subject: Store, server: Server, load: LoadProgram, people: People, operation: str) -> Cell:
    count = min(measure.people_for(operation, SECONDS), people.left // 4)
    chosen = people.take(count)
    if operation == "session_check":
        with subject.db.write() as connection:  # those who have a session since it was filled
            connection.execute(sessions.delete().where(sessions.c.user_id.in_(list(map(crowd.user_id, chosen)))))
    measure.prepare(subject, operation, chosen)
    cell = measure.measure(subject, server, load, measure.job_of(server, operation, CONNECTIONS, SECONDS, chosen), 1)
    tell(line_of(cell))
    return cell


def _read_through(subject: Store, people: range) -> list[str]:
    """Walk through a sign-in in this process and ask for the plan of every statement."""
    with context_of(subject) as context, plans_of(context.db) as plans:
        walk(context, people)
    return [f"{table}: {plan.statement}" for plan in plans for table in plan.read_through]
