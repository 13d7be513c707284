"""The schema moves on and back while people sign in: every migration there is, and one that stands for the next.

The next version is a copy of this one with one migration more (next_version/next.py), which adds as an upgrade may.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from tests.faults.conftest import ServeCheaply
from tests.faults.crowd import Load, Member, Program, check_every_session_was_told, check_nothing_accepted_twice, crowd
from tests.harness import processes
from tests.harness.clock import later
from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.people import ADA, People
from tests.harness.server import Server, variables
from twofold.kit.sql.database import Database
from twofold.migrations import steps
from twofold.operations import migrate

HEAD = migrate.newest()
NEXT = f"{int(HEAD) + 1:0{len(HEAD)}}"
RELEASED = [
    (None if script.down_revision is None else str(script.down_revision), script.revision)
    for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()
]
ADDED = Path(__file__).parent / "next_version" / "next.py"
ANSWERED = {200, 201, 401, 503}  # in, half in, a code that counts no more, or: again in a moment


INDEXES_OF_SQLITE = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the next version; with this folder on the PYTHONPATH a process is of it."""
    folder = tmp_path_factory.mktemp("next")
    ours = Path(str(files("twofold")))
    shutil.copytree(ours, folder / "twofold", ignore=shutil.ignore_patterns("__pycache__"))
    text = ADDED.read_text().replace("REVISION", NEXT).replace("BEFORE", HEAD)
    (folder / "twofold" / "migrations" / "versions" / f"{NEXT}_next.py").write_text(text)
    return folder


@contextmanager
def of_version(folder: Path) -> Iterator[None]:
    """Let the migrations of this process be those of another version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "files", lambda package: folder / package)
        yield


def looks(database_url: str) -> dict[str, Any]:
    """Return what a schema looks like: tables with their columns, keys and indexes, and triggers."""
    engine = sa.create_engine(database_url)
    try:
        with engine.connect() as connection:
            see = sa.inspect(connection)
            on_sqlite = connection.dialect.name == "sqlite"
            found: dict[str, Any] = {
                table: (
                    sorted((c["name"], str(c["type"]), c["nullable"]) for c in see.get_columns(table)),
                    sorted((str(i["name"]), str(i["column_names"]), bool(i["unique"])) for i in see.get_indexes(table)),
                    sorted(str(key["constrained_columns"]) for key in see.get_foreign_keys(table)),
                )
                for table in see.get_table_names()
                if table != "alembic_version"
            }
            if on_sqlite:  # of which those by an expression are passed over above
                found["indexes"] = sorted(connection.execute(sa.text(INDEXES_OF_SQLITE)).scalars())
            triggers = "sqlite_master WHERE type = 'trigger'" if on_sqlite else "pg_trigger WHERE NOT tgisinternal"
            name = "name" if on_sqlite else "tgname"
            found["triggers"] = sorted(connection.execute(sa.text(f"SELECT {name} FROM {triggers}")).scalars())  # noqa: S608 - names of our own
            return found
    finally:
        engine.dispose()


@pytest.mark.parametrize(("before", "after"), [*RELEASED, (HEAD, NEXT)])
def test_every_migration_leads_on_and_back_and_on_again(
    blank_database_url: str, next_version: Path, before: str | None, after: str
) -> None:
    """Stops: a roll-back that does not lead back, or that cannot be followed by another upgrade."""
    with of_version(next_version):
        if before is not None:
            migrate.upgrade(blank_database_url, before)
        old = looks(blank_database_url)
        migrate.upgrade(blank_database_url, after)
        new = looks(blank_database_url)
        assert new != old
        migrate.downgrade(blank_database_url, before or "base")
        assert looks(blank_database_url) == old
        migrate.upgrade(blank_database_url, after)
        assert looks(blank_database_url) == new


def test_no_row_is_lost_on_the_way_up_and_back(context_url: str, next_version: Path) -> None:
    """Stops: a migration that makes a table anew and forgets what was in it."""
    before = rows_of(context_url)
    assert before["users"] == 1
    with of_version(next_version):
        migrate.upgrade(context_url)
        assert rows_of(context_url) == before
        migrate.downgrade(context_url, HEAD)
    assert rows_of(context_url) == before


@pytest.fixture
def context_url(database_url: str) -> str:
    """Make a database in which somebody has signed in."""
    with context_on(database_url) as context:
        people = People(context)
        user, factor = people.protected(ADA)
        people.sign_in(user, factor.phone)
    return database_url


def rows_of(database_url: str) -> dict[str, int]:
    db = Database(database_url)
    try:
        with db.read() as connection:
            ours = [table for table in sa.inspect(connection).get_table_names() if table != "of_the_next_version"]
            return {
                table: connection.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one()
                for table in ours
            }
    finally:
        db.close()


class Migrating:
    """`twofold migrate` beside a server, of the next version where its folder is named; it ends with the block."""

    def __init__(self, server: Server, folder: Path | None, *arguments: str) -> None:
        environment = server.environment | ({"PYTHONPATH": str(folder)} if folder else {})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "twofold", "migrate", "--json", *arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def done(self) -> Any:
        """Wait for its end; return what it says."""
        out, err = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, err
        return json.loads(out)


def migrated(server: Server, folder: Path | None, *arguments: str) -> Any:
    with Migrating(server, folder, *arguments) as process:
        return process.done()


class Steady(Load):
    """A load that lasts: who is through comes again and gives the password, until more people come with their codes."""

    def send(self, members: Sequence[Member]) -> None:
        """Let more people come."""
        self.members = [*self.members, *members]
        self._waiting.extend(members)

    def goes_on(self, members: Sequence[Member]) -> None:
        """Let more people come, and wait until some of them are in."""
        reached = self.accepted
        self.send(members)
        self.wait_for(reached + len(members))

    def _run(self) -> None:
        with Program(self.nodes) as program:
            while not self._stopping.is_set():
                with self._lock:
                    member = self._waiting.pop() if self._waiting else None
                if member is not None:
                    self._sign_in(program, member)
                else:
                    self.tries.append(program.begin(self.members[len(self.tries) % len(self.members)].email))


def check(database_url: str, *loads: Load) -> None:
    """Whoever came was let in, once for each code, or told to come again; nobody met an error or no answer."""
    tries = [one for load in loads for one in load.tries]
    assert {one.status for one in tries} <= ANSWERED, Counter(one.status for one in tries)
    given = [one for one in tries if one.typed]
    check_nothing_accepted_twice(database_url, [member for load in loads for member in load.members], given)
    check_every_session_was_told(database_url)


def test_people_sign_in_while_schema_and_nodes_are_replaced_and_rolled_back(
    postgresql_url: str, cheap: ServeCheaply, next_version: Path, tmp_path: Path
) -> None:
    """Stops: an upgrade that takes the old nodes out, a roll-back that means an hour without sign-ins."""
    first, second = cheap(postgresql_url), cheap(postgresql_url)
    groups = [crowd(postgresql_url, 3, f"group{number}-") for number in range(6)]

    with Steady([first.url, second.url], groups[0], threads=3) as up:
        up.wait_for(3)
        assert migrated(first, next_version) == {"from": HEAD, "to": NEXT}
        assert [node.status("/readyz") for node in (first, second)] == [200, 200]
        up.goes_on(groups[1])
    second.stop()
    settings = variables(database_url=postgresql_url, keys=KEYS, **CHEAP_SERVER)
    newer = Server(tmp_path / "newer", settings=settings | {"PYTHONPATH": str(next_version)})
    assert json.loads(newer.twofold("migrate", "--json").stdout) == {"from": NEXT, "to": NEXT}, "it is of that version"
    with newer, Steady([first.url, newer.url], groups[2], threads=3) as both:
        both.goes_on(groups[3])
        second.start()  # the version before takes its place again, on the schema as it is
    with Steady([first.url, second.url], groups[4], threads=3) as back:
        back.wait_for(3)
        assert migrated(first, next_version, "--to", HEAD) == {"from": NEXT, "to": HEAD}
        assert [node.status("/readyz") for node in (first, second)] == [200, 200]
        back.goes_on(groups[5])
    check(postgresql_url, up, both, back)


def test_a_migration_that_waits_for_a_long_report_keeps_nobody_waiting(
    postgresql_url: str, cheap: ServeCheaply, next_version: Path
) -> None:
    """Stops: a queue of everybody behind an ALTER TABLE that itself stands behind a backup."""
    server = cheap(postgresql_url)
    first, *later = [crowd(postgresql_url, 2, f"group{number}-") for number in range(4)]
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as report:
        report.execute("SELECT count(*) FROM users")  # and holds the table until its transaction is over
        with Steady([server.url], first, threads=3) as load, Migrating(server, next_version) as migration:
            for more in later[:2]:
                processes.wait_until(lambda: waits_for_users(report), what="a migration that waits")
                processes.wait_until(lambda: not waits_for_users(report), what="one that steps back")
                load.goes_on(more)
            assert migration.is_running
            report.rollback()
            assert migration.done() == {"from": HEAD, "to": NEXT}
            load.goes_on(later[2])
    check(postgresql_url, load)


def waits_for_users(connection: "psycopg.Connection[Any]") -> bool:
    """Tell whether somebody stands before the table of users and waits."""
    query = """
        SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE d.datname = current_database() AND relation = 'users'::regclass AND NOT granted AND mode LIKE 'Access%%'
    """
    return connection.execute(query).fetchone() != (0,)


def test_nodes_that_start_at_once_migrate_once(blank_database_url: str, tmp_path: Path) -> None:
    """Stops: two nodes that make the same table, or two accounts of the operator."""
    nodes = [
        Server(tmp_path / str(n), settings={"TWOFOLD_DATABASE_URL": blank_database_url, "TWOFOLD_KEYS": KEYS})
        for n in range(3)
    ]
    with ExitStack() as running:
        started = [running.enter_context(Migrating(node, None)) for node in nodes]
        assert {one.done()["to"] for one in started} == {HEAD}
    assert rows_of(blank_database_url)["accounts"] == 1


def test_an_index_that_was_begun_and_not_finished_is_made_anew(postgresql_url: str, next_version: Path) -> None:
    """Stops: an upgrade that was killed in the middle and can never be finished."""
    db = Database(postgresql_url)
    with db.read() as connection:
        connection.exec_driver_sql("ALTER TABLE users ADD COLUMN nickname text")
        connection.exec_driver_sql("CREATE INDEX ix_users_nickname ON users (nickname)")
        connection.exec_driver_sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_users_nickname'::regclass"
        )
    with of_version(next_version):
        migrate.upgrade(postgresql_url)
    with db.read() as connection:
        valid = connection.exec_driver_sql(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_users_nickname'::regclass"
        ).scalar_one()
        revision = migrate.current(connection)
    db.close()
    assert (valid, revision) == (True, NEXT)


def test_who_has_signed_in_before_is_known_after_the_upgrade(
    database_url: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "BATCH", 2)
    came = [people.user(f"came{number}@acme.example") for number in range(3)]
    chose, invited = people.user("chose@acme.example"), people.user("new@acme.example", password=None)
    for number, user in enumerate(came):
        people.sign_in(user, at=later(hours=-5 - number))
        people.sign_in(user)
    migrate.downgrade(database_url, "0001")
    migrate.upgrade(database_url)
    assert [people.look_up(user).first_signed_in_at for user in (*came, chose, invited)] == [
        later(hours=-5), later(hours=-6), later(hours=-7), None, None,
    ]  # fmt: skip
