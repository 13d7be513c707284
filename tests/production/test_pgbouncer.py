"""Twofold behind PgBouncer in transaction mode, where each transaction may run on another connection."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from tests.faults.crowd import (
    Load,
    Member,
    Program,
    check_every_session_was_told,
    check_nothing_accepted_twice,
    crowd,
    in_time,
    now,
)
from tests.harness import processes
from tests.harness.api import Api
from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.databases import PostgresqlDatabases
from tests.harness.people import PASSWORD, People
from tests.harness.pgbouncer import CONNECTIONS, PgBouncer
from tests.harness.postgres import Cluster
from tests.harness.server import Server, variables
from tests.harness.smtp import SmtpServer
from tests.harness.wire import client_to
from twofold.audit.tables import audit_events
from twofold.kit import leases
from twofold.kit.sql.database import Database
from twofold.lockouts.budget import LOCK_AFTER
from twofold.operations import migrate

PREPARED_AFTER = 5  # executions, by psycopg's default


class Pooled(NamedTuple):
    """A server of two workers that knows the database only through PgBouncer, and the straight way for the test."""

    server: Server
    pgbouncer: PgBouncer
    straight: str
    smtp: SmtpServer

    @property
    def database(self) -> str:
        return self.straight.rpartition("/")[2]


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooled]:
    with Cluster(durable=False) as cluster, PgBouncer(cluster) as pgbouncer, SmtpServer() as smtp:
        straight = PostgresqlDatabases(lambda: cluster).fresh()
        settings = variables(database_url=pgbouncer.before(straight), keys=KEYS, smtp_url=smtp.url, **CHEAP_SERVER)
        with Server(tmp_path_factory.mktemp("pooled"), settings=settings, workers=2) as server:
            yield Pooled(server, pgbouncer, straight, smtp)


def test_a_crowd_signs_in_and_no_code_is_accepted_twice(pooled: Pooled) -> None:
    """Stops: a statement that was prepared on another connection, and a transaction that is spread over several."""
    members = crowd(pooled.straight, 6)
    with Load([pooled.server.url], members) as load:
        load.finish()
    check_nothing_accepted_twice(pooled.straight, members, load.tries)
    check_every_session_was_told(pooled.straight)
    answered = Counter(one.status for one in load.tries)
    assert set(answered) <= {200, 401}, answered
    assert answered[200] >= 3 * len(members)  # codes and the backup code, each person on their own
    assert len(load.tries) > PREPARED_AFTER * CONNECTIONS


def test_five_wrong_codes_lock_and_the_command_line_unlocks(pooled: Pooled) -> None:
    """Stops: charges that are lost between connections."""
    (member,) = crowd(pooled.straight, 1, "locked")
    wrong = member.factor.phone.wrong_code(now())
    with Program([pooled.server.url]) as program:
        tries = [program.sign_in(member.email, wrong) for _ in range(LOCK_AFTER + 1)]
        assert [one.body.get("attempts_left") for one in tries[:LOCK_AFTER]] == [4, 3, 2, 1, 0]
        assert tries[-1].status == 423
        done = pooled.server.twofold("unlock", member.email, "--reason", "It was her.")
        assert done.returncode == 0, done.stderr
        assert program.sign_in(member.email, member.factor.phone.code(now())).accepted


def test_a_reset_goes_by_mail_from_the_administrator_to_its_confirmation(pooled: Pooled) -> None:
    """Stops: an outbox whose claims or letters get lost in the pooler."""
    yesterday = now() - timedelta(days=1)
    (member,) = crowd(pooled.straight, 1, "reset")
    with context_on(pooled.straight) as context:
        people = People(context)
        account = people.look_up(member.id).account_id
        admin = people.user("admin@acme.example", account=account, role="admin", at=yesterday)
        phone = people.protect(admin, at=yesterday).phone
    with client_to(pooled.server.url) as http:
        office = Api(http)
        office.sign_in(admin.email, PASSWORD, phone.code(now()))
        case = office.post(f"/users/{member.id}/two-factor-resets", reason="The phone is gone.")
        assert case.status == 201, case
        letter = pooled.smtp.wait_for(member.email, subject="Confirm the reset")
        token = letter.link("/resets/").rpartition("/")[2]
        assert Api(http).post("/resets/confirmation", token=token, password=PASSWORD).status == 200
        assert Api(http).sign_in(member.email, PASSWORD)["next"] == "none"
    pooled.smtp.wait_for(member.email, subject="is off")


def test_jobs_hold_their_leases_and_the_log_is_sealed_and_verifies(pooled: Pooled, tmp_path: Path) -> None:
    (member,) = crowd(pooled.straight, 1, "sealed")
    with Program([pooled.server.url]) as program:
        assert program.sign_in(member.email, member.factor.phone.code(now())).accepted
    with context_on(pooled.straight) as context:
        waiting = sa.select(sa.func.count()).where(audit_events.c.position.is_(None))

        def sealed() -> bool:
            with context.db.read() as connection:
                return connection.execute(waiting).scalar_one() == 0

        processes.wait_until(sealed, what="the seals")
        with context.db.read() as connection:
            held = [leases.holder_of(connection, name) for name in ("remind", "clean-up")]
        assert all(one is not None and one.until > now() for one in held)
    exported = tmp_path / "export.jsonl"
    done = pooled.server.twofold("audit", "export", "--output", str(exported))
    assert done.returncode == 0, done.stderr
    assert pooled.server.twofold("audit", "verify", str(exported)).returncode == 0


def test_what_breaks_off_is_undone_in_the_pooler_as_well(pooled: Pooled) -> None:
    """Stops: statements that the pooler spreads over its connections, because nothing began a transaction."""
    db = Database(pooled.pgbouncer.before(pooled.straight))

    def break_off() -> None:
        with db.write() as connection:
            assert leases.take(connection, "broken off", "one", now(), timedelta(minutes=1))
            raise LookupError

    try:
        with pytest.raises(LookupError):
            break_off()
        with db.read() as connection:
            assert leases.holder_of(connection, "broken off") is None
    finally:
        db.close()


def test_nothing_of_a_session_is_left_on_the_connections(pooled: Pooled) -> None:
    """Stops: a setting, a prepared statement or a lock that the next client of the pooler would meet."""
    (member,) = crowd(pooled.straight, 1, "left")
    with Program([pooled.server.url]) as program:
        assert program.sign_in(member.email, member.factor.phone.code(now())).accepted
    # What PgBouncer itself carries from client to client.
    carried = "('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')"
    left = f"""
        SELECT pg_backend_pid(),
            (SELECT count(*) FROM pg_prepared_statements),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
            (SELECT count(*) FROM pg_settings WHERE source = 'session' AND name NOT IN {carried})
    """  # noqa: S608 - a constant of this test
    seen: dict[object, tuple[object, ...]] = {}
    with pooled.pgbouncer.connect(pooled.database) as connection:
        for _ in range(3 * CONNECTIONS):
            pid, *found = connection.execute(left).fetchone() or ()
            seen[pid] = tuple(found)
    assert len(seen) == CONNECTIONS
    assert set(seen.values()) == {(0, 0, 0)}


def test_nodes_that_migrate_at_once_do_so_one_after_the_other(pooled: Pooled) -> None:
    """Stops: an advisory lock that belongs to a connection, which the pooler lends to somebody else."""
    cluster = pooled.pgbouncer.cluster
    blank = PostgresqlDatabases(lambda: cluster).blank().rpartition("/")[2]
    environment = pooled.server.environment | {"TWOFOLD_DATABASE_URL": pooled.pgbouncer.url(blank)}
    command = [sys.executable, "-m", "twofold", "migrate", "--json"]
    with cluster.connect(blank) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (migrate.ADVISORY_LOCK,))
        nodes = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        try:
            asking = """
                SELECT count(*) > 0 FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory%'
            """
            processes.wait_until(lambda: connection.execute(asking).fetchone() == (True,), what="a node in line")
            assert [node.poll() for node in nodes] == [None, None]
            connection.execute("SELECT pg_advisory_unlock(%s)", (migrate.ADVISORY_LOCK,))
            said = [node.communicate(timeout=processes.LONGEST) for node in nodes]
        finally:
            for node in nodes:
                node.kill()
                node.communicate(timeout=processes.LONGEST)
        assert [node.returncode for node in nodes] == [0, 0], said
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.newest(),)]
        left = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND "
        assert connection.execute(f"{left} datname = current_database()").fetchone() == (0,)


def test_a_pooler_whose_database_is_gone_keeps_nobody_waiting(pooled: Pooled) -> None:
    """Stops: a queue in PgBouncer, which takes people in and has nothing to lend them."""
    members: list[Member] = crowd(pooled.straight, 1, "late")
    cluster = pooled.pgbouncer.cluster
    with Program([pooled.server.url]) as program:
        usual = [program.sign_in("nobody@acme.example", "000000").seconds for _ in range(3)]
        cluster.stop()
        away = [program.sign_in(members[0].email, "000000") for _ in range(8)]
        assert {one.status for one in away} == {503}
        assert max(one.seconds for one in away) < in_time(usual)
        assert all(int(one.headers["Retry-After"]) >= 1 for one in away)
        cluster.start()
        pooled.server.wait_until_ready()
        begun = time.monotonic()
        while not (late := program.sign_in(members[0].email, members[0].factor.phone.code(now()))).accepted:
            assert late.status == 503, late
            assert time.monotonic() < begun + processes.LONGEST
