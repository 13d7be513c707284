import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.cli.program import Program
from tests.conftest import Serve
from tests.harness.clock import NOON, later
from tests.harness.contexts import CHEAP_SERVER, context_on
from tests.harness.databases import SqliteDatabases
from tests.harness.people import PASSWORD, Factor, People
from tests.harness.ports import free_port
from tests.harness.processes import LONGEST, wait_until
from tests.harness.server import Server, worker
from twofold.directory.tables import users
from twofold.directory.user import User
from twofold.factors.outcomes import SpentBackupCode, UsedCode
from twofold.kit import clock, leases, nodes
from twofold.kit.context import AppContext
from twofold.kit.sql.database import Database
from twofold.lockouts import flow as lockouts
from twofold.operations import copy_database, migrate
from twofold.operations.copy_database import CannotCopy
from twofold.schema import metadata
from twofold.signin.outcomes import Due, SignedIn


def contents(database_url: str) -> dict[str, list[Any]]:
    """Every row of every table."""
    db = Database(database_url)
    try:
        with db.read() as connection:
            return {
                table.name: list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)))
                for table in metadata.sorted_tables
            }
    finally:
        db.close()


def lived_in(database_url: str) -> tuple[User, Factor]:
    """Fill a database: people, factors, sessions, a lock that is near, letters, wrong codes, a used code."""
    with context_on(database_url) as context:
        people = People(context)
        ada, factor = people.protected()
        people.user("bob@acme.example", name="Bøb 🔑")
        people.token(ada, factor.phone)
        people.give_code(people.attempt(ada, at=later(minutes=1)), "000000", at=later(minutes=1))
        return ada, factor


def signs_in_once(database_url: str, ada: User, factor: Factor) -> None:
    """Hold that a code of before is used up, that the phone and the backup code let in, each once."""
    with context_on(database_url) as context:
        people = People(context)
        at = later(minutes=2)
        assert isinstance(people.give_code(people.attempt(ada), factor.phone.code(NOON)), UsedCode)
        for typed, used in ((factor.phone.code(at), UsedCode), (factor.backup_code, SpentBackupCode)):
            first, second = (people.give_code(people.attempt(ada, at=at), typed, at=at) for _ in range(2))
            assert isinstance(first, SignedIn | Due), first
            assert isinstance(second, used), second


def test_an_installation_moves_from_sqlite_to_postgresql_and_back(
    sqlite_url: str, postgresql_url: str, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    ada, factor = lived_in(sqlite_url)
    (tmp_path / "third").mkdir()
    stations = [sqlite_url, postgresql_url, sqlite_databases.fresh(tmp_path / "third")]
    contexts = [Program({"TWOFOLD_DATABASE_URL": url, "TWOFOLD_DATA_DIR": str(tmp_path)}) for url in stations]
    before, exports = tmp_path / "0.jsonl", [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    key = contexts[0].done("audit", "export", "--output", str(before), "--json").json["public_key"]
    rows = contents(sqlite_url)
    for old, new, export in zip(stations, stations[1:], exports, strict=False):
        told = contexts[1].done("copy-database", old, new, "--json").json
        assert told["tables"] == {table: len(rows[table]) for table in rows}
        assert told["rows"] == sum(map(len, rows.values()))
        assert contents(new) == rows
        context = contexts[stations.index(new)]
        context.done("audit", "export", "--output", str(export))
        assert (
            "events are as they were sealed"
            in context.done("audit", "verify", str(export), "--key", key, "--earlier", str(before)).out
        )
    for url, context in zip(stations[1:], contexts[1:], strict=True):
        signs_in_once(url, ada, factor)
        context.done("audit", "export", "--output", str(exports[0]))  # and the chains go on where they ended
        context.done("audit", "verify", str(exports[0]), "--key", key, "--earlier", str(before))


# --- what is refused


def used_by_a_user(url: str) -> None:
    with context_on(url) as context:
        People(context).user()


def used_by_an_account(url: str) -> None:
    with context_on(url) as context:
        People(context).account()


def used_by_an_operator(url: str) -> None:
    Program({"TWOFOLD_DATABASE_URL": url}).done("operator-keys", "create", "--name", "Shop")


@pytest.mark.parametrize("use", [used_by_a_user, used_by_an_account, used_by_an_operator])
def test_a_target_in_use_is_left_alone(sqlite_url: str, postgresql_url: str, use: Callable[[str], None]) -> None:
    lived_in(sqlite_url)
    use(postgresql_url)
    before = contents(postgresql_url)
    said = Program({}).refused("copy-database", sqlite_url, postgresql_url)
    assert "The target is in use" in said
    assert contents(postgresql_url) == before


def test_a_target_that_a_node_has_served_to_nobody_will_do(sqlite_url: str, postgresql_url: str) -> None:
    lived_in(sqlite_url)
    with context_on(postgresql_url):
        pass
    Program({}).done("copy-database", sqlite_url, postgresql_url)


def test_one_database_under_two_names_is_seen_through(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    again = f"sqlite:///{tmp_path}/folder/../{Path(sqlite_url).name}"
    assert "the same database" in Program({}).refused("copy-database", sqlite_url, again)
    again = postgresql_url.replace("127.0.0.1", "localhost")
    assert "the same database" in Program({}).refused("copy-database", postgresql_url, again)


@pytest.mark.parametrize("side", ["FROM", "TO"])
@pytest.mark.parametrize(("revision", "says"), [("9999", "newer"), (None, "no schema")], ids=["newer", "empty"])
def test_another_schema_is_named_with_its_side(
    sqlite_url: str, postgresql_url: str, side: str, revision: str | None, says: str
) -> None:
    db = Database(sqlite_url if side == "FROM" else postgresql_url)
    with db.write() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
        if revision:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:it)"), {"it": revision})
    db.close()
    said = Program({}).refused("copy-database", sqlite_url, postgresql_url)
    assert said.startswith(f"Error: {side}: ")
    assert says in said
    with pytest.raises(CannotCopy, match="twofold migrate"):  # whoever calls it without the command
        copy_database.copy(sqlite_url, postgresql_url, lambda *_: None, NOON)


def test_what_cannot_be_copied_is_said(twofold: Program, sqlite_url: str, tmp_path: Path) -> None:
    assert "FROM must begin with sqlite" in twofold.called_wrongly("copy-database", "mysql://x", sqlite_url)
    assert "TO must begin with sqlite" in twofold.called_wrongly("copy-database", sqlite_url, "nonsense")
    away = f"postgresql://twofold:hunter2@127.0.0.1:{free_port()}/twofold"
    for name, sides in (("FROM", (away, sqlite_url)), ("TO", (sqlite_url, away))):
        said = twofold.refused("copy-database", *sides)
        assert f"{name}: The database cannot be reached" in said
        assert f"Check {name}" in said
        assert "hunter2" not in said
    missing = f"sqlite:///{tmp_path / 'none.db'}"
    for sides in ((missing, sqlite_url), (sqlite_url, missing)):
        assert "twofold migrate" in twofold.refused("copy-database", *sides)
    assert not (tmp_path / "none.db").exists()


def test_an_address_can_be_read_from_a_file(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    """Stops: a password in the list of processes, which everybody on the machine can read."""
    lived_in(sqlite_url)
    file = tmp_path / "to"
    file.write_text(f"{postgresql_url}\n")
    Program({}).done("copy-database", sqlite_url, f"@{file}")
    assert contents(postgresql_url) == contents(sqlite_url)
    assert "TO names a file that cannot be read" in Program({}).called_wrongly("copy-database", sqlite_url, "@nowhere")


# --- while it runs


def test_progress_is_told_batch_by_batch(sqlite_url: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_database, "BATCH", 2)
    lived_in(sqlite_url)
    told: list[tuple[str, int, int]] = []
    copied = copy_database.copy(sqlite_url, postgresql_url, lambda *said: told.append(said), NOON)
    events = next(one.rows for one in copied if one.table == "audit_events")
    assert events > 2
    steps = [rows for table, rows, in_all in told if table == "audit_events" and in_all == events]
    assert steps == [*range(2, events, 2), events]


def test_progress_is_shown_on_a_terminal(sqlite_url: str, postgresql_url: str) -> None:
    lived_in(sqlite_url)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "twofold", "copy-database", sqlite_url, postgresql_url],
        stderr=theirs, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True, timeout=LONGEST,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "users: 2 of 2" in shown
    assert b"Copied" in done.stdout


@pytest.mark.parametrize("interrupted_by", [KeyboardInterrupt, OSError])
def test_a_copy_that_breaks_off_leaves_the_target_as_it_was(
    sqlite_url: str, postgresql_url: str, interrupted_by: type[BaseException]
) -> None:
    lived_in(sqlite_url)
    before = contents(postgresql_url)

    def break_off(table: str, *_: int) -> None:
        if table == "users":
            raise interrupted_by

    with pytest.raises(interrupted_by):
        copy_database.copy(sqlite_url, postgresql_url, break_off, NOON)
    assert contents(postgresql_url) == before
    Program({}).done("copy-database", sqlite_url, postgresql_url)


@pytest.mark.parametrize("way", ["there", "back"])
def test_what_changes_meanwhile_is_noticed(sqlite_url: str, postgresql_url: str, way: str) -> None:
    """Stops: a sign-in on a node that was forgotten, and is missing in the copy."""
    source, target = (sqlite_url, postgresql_url) if way == "there" else (postgresql_url, sqlite_url)
    lived_in(source)
    before = contents(target)
    told: list[str] = []

    def go_on(table: str, *_: int) -> None:
        if not told:
            with context_on(source) as context:
                People(context).account("Late")
        told.append(table)

    with pytest.raises(CannotCopy, match="Stop every node"):
        copy_database.copy(source, target, go_on, NOON)
    assert contents(target) == before


@pytest.mark.parametrize("way", ["there", "back"])
def test_a_change_of_a_row_meanwhile_is_noticed(sqlite_url: str, postgresql_url: str, way: str) -> None:
    """Stops: an UPDATE that is lost in the move, such as a new password: there are as many rows as before."""
    source, target = (sqlite_url, postgresql_url) if way == "there" else (postgresql_url, sqlite_url)
    lived_in(source)
    before = contents(target)

    def go_on(table: str, rows: int, in_all: int) -> None:
        if table == "sessions" and rows == in_all:  # when users are copied already
            with closing(Database(source)) as db, db.write() as connection:
                connection.execute(users.update().values(name="Late"))

    with pytest.raises(CannotCopy, match="The rows of users changed in the source"):
        copy_database.copy(source, target, go_on, NOON)
    assert contents(target) == before


CHANGERS = {
    "there": (
        "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name = 'x'; RETURN NEW; END $$",
        "CREATE TRIGGER change BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION change()",
    ),
    "back": ("CREATE TRIGGER change AFTER INSERT ON users BEGIN UPDATE users SET name = 'x'; END",),
}


@pytest.mark.parametrize("way", CHANGERS)
def test_a_row_that_differs_in_the_target_is_noticed(sqlite_url: str, postgresql_url: str, way: str) -> None:
    """Stops: a database that was copied with other contents, because a trigger of somebody's changed them."""
    source, target = (sqlite_url, postgresql_url) if way == "there" else (postgresql_url, sqlite_url)
    lived_in(source)
    with closing(Database(target)) as db, db.write() as connection:
        for statement in CHANGERS[way]:
            connection.exec_driver_sql(statement)
    before = contents(target)
    assert "The rows of users are not in the target" in Program({}).refused("copy-database", source, target)
    assert contents(target) == before


def test_a_target_that_does_not_keep_what_it_is_given_is_noticed(sqlite_url: str, postgresql_url: str) -> None:
    """Stops: a database that was copied without its sessions, because a trigger or a rule of somebody's took them."""
    lived_in(sqlite_url)
    db = Database(postgresql_url)
    with db.write() as connection:
        connection.execute(sa.text("CREATE RULE nothing AS ON INSERT TO sessions DO INSTEAD NOTHING"))
    db.close()
    before = contents(postgresql_url)
    assert "The rows of sessions are not in the target" in Program({}).refused(
        "copy-database", sqlite_url, postgresql_url
    )
    assert contents(postgresql_url) == before


# --- beside a server


def test_a_database_that_is_served_is_not_copied(sqlite_url: str, postgresql_url: str, serve: Serve) -> None:
    """Stops: a move beside a live server, which goes on writing into the database that is left."""
    embedded = serve(sqlite_url, smtp=None, workers=1, **CHEAP_SERVER)
    production = serve(postgresql_url, smtp=None, workers=2, **CHEAP_SERVER)
    both = (sqlite_url, postgresql_url), (postgresql_url, sqlite_url)
    for source, target in both:
        assert "is served by a `twofold serve`" in Program({}).refused("copy-database", source, target)
    embedded.stop()
    for (source, target), side in zip(both, ("target", "source"), strict=True):
        assert f"uses the {side}" in Program({}).refused("copy-database", source, target)
    production.stop()
    Program({}).done("copy-database", sqlite_url, postgresql_url)


def test_a_database_that_a_worker_works_on_is_not_copied(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    for source, target in ((sqlite_url, postgresql_url), (postgresql_url, sqlite_url)):
        settings = Program({"TWOFOLD_DATABASE_URL": source}).settings
        with worker(Server(tmp_path / "worker", settings=settings).environment) as process:
            wait_until(lambda: bool(alive(source)), what="a worker that is seen")  # noqa: B023 - at once
            assert "uses the source" in Program({}).refused("copy-database", source, target)
            process.terminate()
            process.wait(LONGEST)
        assert alive(source) == []


def alive(database_url: str) -> list[str]:
    with closing(Database(database_url)) as db, db.read() as connection:
        return nodes.alive(connection, clock.now())


def test_a_node_that_starts_meanwhile_is_noticed(sqlite_url: str, postgresql_url: str) -> None:
    lived_in(postgresql_url)

    def go_on(table: str, *_: int) -> None:
        if table == "users":
            with closing(Database(postgresql_url)) as db:
                nodes.show(db, "late", migrate.newest(), NOON)

    with pytest.raises(CannotCopy, match="uses the source"):
        copy_database.copy(postgresql_url, sqlite_url, go_on, NOON)


def test_a_node_that_was_killed_counts_for_less_than_a_minute(database_url: str) -> None:
    """Stops: an operator who waits for a node that will never come back."""
    with closing(Database(database_url)) as db:
        nodes.show(db, "killed", migrate.newest(), NOON)
        with db.write() as connection:
            assert nodes.alive(connection, later(seconds=44)) == [migrate.newest()]
            assert nodes.alive(connection, later(seconds=45)) == []
            assert nodes.forget_gone(connection, later(hours=24)) == 0
            assert nodes.forget_gone(connection, later(hours=25)) == 1


def test_the_schema_does_not_go_back_under_a_node_that_needs_it(
    twofold: Program, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops: a roll-back of the schema before that of the nodes, who find their tables gone."""
    monkeypatch.setattr(clock, "now", lambda: NOON)
    with closing(Database(database_url)) as db:
        nodes.show(db, "running", migrate.newest(), NOON)
        assert "runs, or was killed" in twofold.refused("migrate", "--to", "0001")
        with db.read() as connection:
            assert migrate.current(connection) == migrate.newest()
        with db.write() as connection:
            leases.give_up(connection, "node:running", migrate.newest())
        nodes.show(db, "older", "0001", NOON)
    twofold.done("migrate", "--to", "0001")


# --- after a restore


def test_after_a_restore_nothing_used_works_again(people: People, context: AppContext, twofold: Program) -> None:
    ada, factor = people.protected()
    token = people.token(ada, factor.phone)
    told = twofold.done("restored", "--reason", "The disk broke.", "--json").json
    assert (told["people"], told["authenticators"], told["backup_codes"]) == (1, 1, 1)
    assert people.find_session(token) is None
    assert not isinstance(people.begin(people.look_up(ada), password=PASSWORD), lockouts.WrongPassword)
    assert {event.reason for event in people.events("restored")} == {"The disk broke."}
    assert "operator-keys list" in twofold.done("restored", "--reason", "Again.").out


def test_a_restore_that_comes_late_is_done_and_said_to_be_late(twofold: Program, database_url: str) -> None:
    assert twofold.done("restored", "--reason", "In time.").err == ""
    with closing(Database(database_url)) as db:
        nodes.show(db, "early", migrate.newest(), clock.now())
    assert "could be used a second time" in twofold.done("restored", "--reason", "Late.").err
