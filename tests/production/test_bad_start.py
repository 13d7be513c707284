"""What stands in the way of a start is said in one line, with what to do about it; never with a traceback."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from tests.cli.program import DEFAULTS, Program
from tests.conftest import Serve
from tests.faults.crowd import Program as Caller
from tests.faults.crowd import Try, crowd, now
from tests.harness import processes
from tests.harness.contexts import CHEAP_SERVER
from tests.harness.ports import free_port
from tests.harness.postgres import Cluster
from tests.harness.server import Server
from twofold.operations import migrate, server

NOBODY = 65534  # the user "nobody", where root runs the tests


class Place(NamedTuple):
    """What the cases make bad: a PostgreSQL database and a folder."""

    cluster: Cluster
    database: str
    folder: Path

    @property
    def postgresql(self) -> str:
        return f"postgresql://twofold:hunter2@127.0.0.1:{self.cluster.port}/{self.database}"

    @property
    def sqlite(self) -> str:
        return f"sqlite:///{self.folder / 'twofold.db'}"


@pytest.fixture
def place(postgres: Cluster, postgresql_url: str, sqlite_url: str, tmp_path: Path) -> Iterator[Place]:
    place = Place(postgres, postgresql_url.rpartition("/")[2], tmp_path)
    yield place
    with postgres.connect() as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(place.database)))
        connection.execute("DROP ROLE IF EXISTS guest")
    tmp_path.chmod(0o755)


@pytest.fixture(autouse=True)
def nothing_serves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A start that should have been refused fails the test instead of serving for ever."""

    def serve(*_: object, **__: object) -> None:
        raise AssertionError("it serves")

    monkeypatch.setattr(server, "serve", serve)
    before = {told: signal.getsignal(told) for told in (signal.SIGTERM, signal.SIGINT)}
    yield
    for told, handler in before.items():  # a worker has set its own
        signal.signal(told, handler)


def one_line(said: str) -> str:
    """Return what a command said: one line beside its log, no traceback, no password."""
    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    assert "hunter2" not in said
    assert lines[0].startswith("Error: ")
    return lines[0]


# --- PostgreSQL: where the address leads, what is said, what is to be done


def nothing_listens(_: Place) -> str:
    return f"postgresql://twofold:hunter2@127.0.0.1:{free_port()}/twofold"


def no_such_host(_: Place) -> str:
    return "postgresql://twofold:hunter2@nowhere.invalid/twofold"


def no_such_database(place: Place) -> str:
    return place.postgresql.replace(place.database, "nowhere")


def no_such_user(place: Place) -> str:
    return place.postgresql.replace("twofold:", "stranger:")


def takes_no_writes(place: Place) -> str:
    with place.cluster.connect() as connection:
        name = sql.Identifier(place.database)
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    return place.postgresql


def no_place_left(place: Place) -> str:
    with place.cluster.connect() as connection:
        connection.execute("CREATE ROLE guest LOGIN CONNECTION LIMIT 0")
    return place.postgresql.replace("twofold:", "guest:")


AWAY: dict[Callable[[Place], str], tuple[str, str]] = {
    nothing_listens: ("Connection refused", "Check TWOFOLD_DATABASE_URL, and that the database is running"),
    no_such_host: ("nowhere.invalid", "Check TWOFOLD_DATABASE_URL"),
    no_such_database: ('database "nowhere" does not exist', "Create it, or correct TWOFOLD_DATABASE_URL"),
    no_such_user: ('role "stranger" does not exist', "Create it, or correct TWOFOLD_DATABASE_URL"),
    takes_no_writes: ("read-only replica", "Name the primary"),
    no_place_left: ("too many connections", "Lower TWOFOLD_POOL_SIZE"),
}
COMMANDS = (["serve"], ["worker"], ["migrate"], ["accounts", "list"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("lead", AWAY, ids=lambda lead: lead.__name__)
def test_a_postgresql_that_cannot_be_worked_with(
    place: Place, lead: Callable[[Place], str], command: list[str]
) -> None:
    what, todo = AWAY[lead]
    said = one_line(Program({"TWOFOLD_DATABASE_URL": lead(place)}).refused(*command))
    assert what in said
    assert todo in said


@pytest.mark.parametrize("lead", AWAY, ids=lambda lead: lead.__name__)
def test_the_doctor_says_the_same(place: Place, lead: Callable[[Place], str]) -> None:
    ran = Program({"TWOFOLD_DATABASE_URL": lead(place)})("doctor", "--json")
    (one,) = [one for one in ran.json["checks"] if one["check"] == "database"]
    assert AWAY[lead][0] in one["says"]
    assert AWAY[lead][1] in one["remedy"]
    assert "hunter2" not in ran.out + ran.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_schema_of_a_newer_version(place: Place, kind: str, command: list[str]) -> None:
    url: str = getattr(place, kind)
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    said = one_line(Program({"TWOFOLD_DATABASE_URL": url}).refused(*command))
    assert "newer than this version" in said
    assert "Run the newer version" in said


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["accounts", "list"]], ids=" ".join)
def test_a_schema_of_an_older_version(place: Place, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL, which several nodes share, somebody migrates; nobody does so by accident."""
    monkeypatch.setattr(migrate, "newest", lambda: "0999")
    said = one_line(Program({"TWOFOLD_DATABASE_URL": place.postgresql}).refused(*command))
    assert "older" in said
    assert "Run `twofold migrate`" in said


# --- SQLite: what the system forbids


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who may do little, for what root would be let do."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def folder_is_not_ours(place: Place) -> str:
    (place.folder / "twofold.db").unlink()
    place.folder.chmod(0o555)
    return place.sqlite


def file_is_not_ours(place: Place) -> str:
    (place.folder / "twofold.db").chmod(0o444)
    place.folder.chmod(0o555)
    return place.sqlite


def file_is_secret(place: Place) -> str:
    (place.folder / "twofold.db").chmod(0)
    place.folder.chmod(0o777)
    return place.sqlite


def folder_cannot_be_made(place: Place) -> str:
    place.folder.chmod(0o555)
    return f"sqlite:///{place.folder}/data/twofold.db"


def folder_is_a_file(place: Place) -> str:
    place.folder.chmod(0o755)
    return f"sqlite:///{place.folder}/twofold.db/twofold.db"


def file_is_a_folder(place: Place) -> str:
    place.folder.chmod(0o777)
    (place.folder / "data").mkdir()
    return f"sqlite:///{place.folder}/data"


READ = (["serve"], ["worker"], ["accounts", "list"])
MADE = (["serve"],)  # where there is no file yet, others say that there is no schema, and make none
FORBIDDEN: dict[Callable[[Place], str], tuple[str, Sequence[list[str]]]] = {
    folder_is_not_ours: ("give it to them, or run as its owner", MADE),
    folder_cannot_be_made: ("give it to them, or run as its owner", MADE),
    folder_is_a_file: ("Correct TWOFOLD_DATABASE_URL", MADE),
    file_is_not_ours: ("give it to them, or run as its owner", READ),
    file_is_secret: ("TWOFOLD_DATABASE_URL must name a file that this user can write", READ),
    file_is_a_folder: ("TWOFOLD_DATABASE_URL must name a file that this user can write", READ),
}


@pytest.mark.parametrize("lead", FORBIDDEN, ids=lambda lead: lead.__name__)
def test_a_sqlite_that_cannot_be_written(
    place: Place, lead: Callable[[Place], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    todo, commands = FORBIDDEN[lead]
    program = Program({"TWOFOLD_DATABASE_URL": lead(place), "TWOFOLD_DATA_DIR": str(place.folder)})
    base = tmp_path_factory.getbasetemp()
    for parent in (base, base.parent, base.parent.parent):  # pytest keeps others out of its folders
        parent.chmod(parent.stat().st_mode | 0o011)
    for command in commands:
        with as_nobody():
            ran = program(*command)
        assert ran.code == 1, ran
        assert todo in one_line(ran.err)


def test_a_sqlite_on_a_disk_that_takes_no_writes(place: Place) -> None:
    here = place.folder
    mount = f'mount --bind {here} {here} && mount -o remount,bind,ro {here} && exec "$@"'
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", mount, "sh"]
    environment = {"PATH": os.environ["PATH"], **DEFAULTS, "TWOFOLD_DATABASE_URL": place.sqlite}
    for command in (["serve", "--port", str(free_port())], ["accounts", "list"]):
        ran = subprocess.run(
            [*alone, sys.executable, "-m", "twofold", *command],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 1, ran.stderr
        said = one_line(ran.stderr)
        assert "lies on a read-only disk" in said
        assert "need one that takes writes" in said


# --- the rest


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory(url: str, workers: str) -> None:
    said = one_line(Program({"TWOFOLD_DATABASE_URL": url}).called_wrongly("serve", "--workers", workers).strip())
    assert "in memory, which loses everything: name a file" in said


def test_a_port_that_is_taken(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = one_line(Program({"TWOFOLD_DATABASE_URL": place.sqlite}).refused("serve", "--port", port))
    assert f"Port {port} on 127.0.0.1 is taken" in said
    assert "--port" in said


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sqlite_that_another_server_serves(sqlite_url: str, serve: Serve, tmp_path: Path, workers: int) -> None:
    """A second one is refused before it touches the database, by whatever name; commands and workers go on."""
    node = serve(sqlite_url, smtp=None, workers=workers, worker="off", **CHEAP_SERVER)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    link = tmp_path / "link.db"
    link.symlink_to(file)
    for name in (file, link, file.parent / "server-1" / ".." / file.name):
        other_keys = {"TWOFOLD_DATABASE_URL": f"sqlite:///{name}", "TWOFOLD_KEYS": "other:" + "A" * 43 + "="}
        said = one_line(Program(other_keys).refused("serve"))
        assert f"{file} is served by another `twofold serve` already" in said
        assert "Stop that one first; for several, move to PostgreSQL" in said
    beside = Program({"TWOFOLD_DATABASE_URL": sqlite_url})
    assert "current already" in beside.done("migrate").out
    beside.done("accounts", "create", "--name", "Acme", "--edition", "enterprise")
    with sqlite3.connect(file) as source, closing(sqlite3.connect(tmp_path / "backup.db")) as backup:
        source.backup(backup)
    assert node.status("/readyz") == 200


def test_a_sqlite_whose_server_ended_or_was_killed_can_be_served(sqlite_url: str, serve: Serve) -> None:
    """Stops: a lock that somebody has to remove by hand, after a power cut or where a start failed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        Program({"TWOFOLD_DATABASE_URL": sqlite_url}).refused("serve", "--port", str(other.getsockname()[1]))
    first = serve(sqlite_url, smtp=None, workers=2, **CHEAP_SERVER)
    first.kill()
    first.start()
    first.stop()
    assert serve(sqlite_url, smtp=None, workers=1, **CHEAP_SERVER).status("/readyz") == 200


def check_refused_and_well_again(tries: list[Try], node: Server, holder: psycopg.Connection) -> None:
    """Each try was told to come back; the node lives, and is ready once what held it lets go."""
    assert {one.status for one in tries} == {503}
    assert all(int(one.headers["Retry-After"]) >= 1 for one in tries)
    assert node.status("/healthz") == 200
    holder.rollback()
    node.wait_until_ready()


def test_a_pool_without_a_free_connection_answers_503_and_recovers(postgresql_url: str, serve: Serve) -> None:
    """Stops: everybody who waits behind one slow statement, for as long as that takes."""
    (member,) = crowd(postgresql_url, 1)
    node = serve(postgresql_url, smtp=None, workers=1, pool_size="1", **CHEAP_SERVER)
    address = postgresql_url.replace("+psycopg", "")
    with Caller([node.url]) as caller, psycopg.connect(address) as holder:
        holder.execute("LOCK TABLE users, sessions IN ACCESS EXCLUSIVE MODE")
        tries = [caller.sign_in(member.email, "000000") for _ in range(3)]
        check_refused_and_well_again(tries, node, holder)
        assert caller.sign_in(member.email, member.factor.phone.code(now())).accepted


def test_a_job_that_waits_holds_no_connection_of_those_who_answer(postgresql_url: str, serve: Serve) -> None:
    """Stops: a request that waits for a free connection as long as a job may wait for its statement: minutes."""
    (member,) = crowd(postgresql_url, 1)
    node = serve(postgresql_url, smtp=None, workers=1, pool_size="1", **CHEAP_SERVER)
    address = postgresql_url.replace("+psycopg", "")
    waiting = """
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    with (
        Caller([node.url]) as caller,
        psycopg.connect(address) as holder,
        psycopg.connect(address, autocommit=True) as onlooker,
    ):
        holder.execute("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE")  # the log is sealed every few seconds
        processes.wait_until(lambda: onlooker.execute(waiting).fetchone() == (True,), what="a job that waits")
        assert {caller.begin(member.email).status for _ in range(2)} == {201}
        holder.rollback()
        assert caller.sign_in(member.email, member.factor.phone.code(now())).accepted
