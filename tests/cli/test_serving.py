"""`twofold serve`, `worker` and `migrate`, as an operator runs them: real processes, real signals."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.program import DEFAULTS, Program
from tests.harness import processes
from tests.harness.contexts import context_on
from tests.harness.databases import PostgresqlDatabases
from tests.harness.people import People
from tests.harness.ports import free_port
from tests.harness.server import Server, variables, worker
from tests.harness.smtp import SmtpServer
from tests.harness.wire import client_to
from twofold.kit.sql.database import Database
from twofold.operations import migrate


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Server]:
    """Prepare a server over an empty folder."""
    with_nothing = Server(tmp_path / "data")
    yield with_nothing
    with_nothing.stop()


def refused_to_start(database_url: str, tmp_path: Path, *options: str, **settings: str) -> str:
    """Start a server that must refuse; return the one line that it says."""
    chosen = variables(**settings)
    server = Server(tmp_path, settings=DEFAULTS | {"TWOFOLD_DATABASE_URL": database_url} | chosen)
    ran = server.twofold("serve", "--port", str(server.port), *options)
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, ran.stderr
    assert ran.returncode == (2 if "TWOFOLD_KEYS" in lines[0] else 1)
    return lines[0]


def test_an_empty_folder_is_enough_to_start(blank: Server) -> None:
    blank.start()
    assert blank.status("/sign-in") == 200
    assert (blank.folder / "keys").stat().st_mode & 0o777 == 0o600
    assert blank.stop() == 0


def test_it_stops_in_good_order_for_both_signals(blank: Server) -> None:
    for told in (signal.SIGINT, signal.SIGTERM):
        blank.start()
        os.kill(blank.pid, told)
        processes.wait_until(lambda: not blank.is_running, what="the end")
        assert blank.exit_code == 0
        assert '"level": "error"' not in blank.logged


def test_on_sqlite_several_workers_work_with_a_warning(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", workers=2)
    server.start()
    try:
        processes.wait_until(lambda: len(server.workers) == 2, what="its workers")
        assert "SQLite serves best with one worker" in server.logged
    finally:
        assert server.stop() == 0


def test_a_port_that_is_taken_is_named(sqlite_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused_to_start(sqlite_url, tmp_path, "--port", str(port))
    assert f"Port {port} on 127.0.0.1 is taken by another program" in said


def test_a_port_that_a_twofold_has_is_said_to_be(sqlite_url: str, tmp_path: Path, blank: Server) -> None:
    blank.start()
    said = refused_to_start(sqlite_url, tmp_path, "--port", str(blank.port))
    assert f"Port {blank.port} on 127.0.0.1 is taken by a Twofold that runs already. Stop that one" in said


def test_an_address_that_is_not_ours_is_named(sqlite_url: str, tmp_path: Path) -> None:
    assert "192.0.2.1" in refused_to_start(sqlite_url, tmp_path, "--host", "192.0.2.1")
    assert "nowhere.invalid" in refused_to_start(sqlite_url, tmp_path, "--host", "nowhere.invalid")


def test_on_postgresql_somebody_migrates_first(postgresql_databases: PostgresqlDatabases, tmp_path: Path) -> None:
    url = postgresql_databases.blank()
    assert "twofold migrate" in refused_to_start(url, tmp_path)
    Program({"TWOFOLD_DATABASE_URL": url}).done("migrate")
    server = Server(tmp_path / "data", settings=DEFAULTS | {"TWOFOLD_DATABASE_URL": url})
    with server:
        assert server.status("/readyz") == 200
    postgresql_databases.drop(url)


def test_a_newer_schema_is_left_alone(database_url: str, tmp_path: Path) -> None:
    db = Database(database_url)
    with db.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    assert "newer than this version" in refused_to_start(database_url, tmp_path)


def test_a_schema_that_is_one_ahead_is_served_and_left_alone(database_url: str, tmp_path: Path) -> None:
    """As in the middle of an upgrade, or after a roll-back of the nodes alone."""
    ahead = f"{int(migrate.newest()) + 1:04}"
    db = Database(database_url)
    with db.write() as connection:
        connection.execute(sa.text(f"UPDATE alembic_version SET version_num = '{ahead}'"))  # noqa: S608 - digits
    db.close()
    twofold = Program({"TWOFOLD_DATABASE_URL": database_url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    assert f"ahead already ({ahead})" in twofold.done("migrate").out
    assert "Run the newer version to bring it back" in twofold.refused("migrate", "--to", migrate.newest())
    with Server(tmp_path / "data", settings=DEFAULTS | {"TWOFOLD_DATABASE_URL": database_url}) as server:
        assert server.status("/readyz") == 200


def test_a_wrong_key_is_found_before_anybody_signs_in(database_url: str, tmp_path: Path) -> None:
    with context_on(database_url):
        pass
    assert "TWOFOLD_KEYS" in refused_to_start(database_url, tmp_path, keys="test:" + "A" * 43 + "=")


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    url = f"postgresql://twofold@127.0.0.1:{free_port()}/twofold"
    assert "cannot be reached" in refused_to_start(url, tmp_path)


def test_an_address_behind_the_wrong_header_is_not_believed(blank: Server) -> None:
    """Who sits on this machine is no proxy unless the settings say so."""
    blank.start()
    headers = {"X-Forwarded-For": "203.0.113.9", "Origin": blank.url}
    with client_to(blank.url) as http:
        http.post("/sign-in", data={"email": "a@x.example", "password": "x"}, headers=headers)
    report = json.loads(blank.twofold("abuse", "--json").stdout)
    assert [one["network"] for one in report["networks"]] == ["127.0.0.0/24"]


# --- migrate


def test_migrating_twice_is_harmless(blank_database_url: str, tmp_path: Path) -> None:
    twofold = Program({"TWOFOLD_DATABASE_URL": blank_database_url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    assert twofold.done("migrate", "--json").json == {"from": None, "to": migrate.newest()}
    assert "current already" in twofold.done("migrate").out
    assert twofold.done("accounts", "list", "--json").json == []


def test_an_unknown_revision_is_named(twofold: Program) -> None:
    assert "knows no revision 9999" in twofold.refused("migrate", "--to", "9999")


# --- worker


def test_a_worker_delivers_what_a_server_leaves_to_it(database_url: str, tmp_path: Path, smtp: SmtpServer) -> None:
    chosen = {
        "TWOFOLD_DATABASE_URL": database_url, "TWOFOLD_SMTP_URL": smtp.url, "TWOFOLD_DATA_DIR": str(tmp_path),
        "TWOFOLD_WORKER": "off",
    }  # fmt: skip
    twofold = Program(chosen)
    with context_on(database_url) as context:
        account = People(context).acme
    create = ("users", "create", "--account", str(account), "--email", "ada@acme.example", "--name", "Ada")
    with Server(tmp_path / "data", settings=DEFAULTS | chosen) as server:
        twofold.done(*create)
        with pytest.raises(AssertionError):
            smtp.wait_for("ada@acme.example", seconds=2)
        with worker(server.environment, stderr=subprocess.PIPE, text=True) as process:
            assert smtp.wait_for("ada@acme.example").link("/set-password/")
            process.terminate()
            _, said = process.communicate(timeout=processes.LONGEST)
    assert process.returncode == 0
    assert "twofold works" in said
