import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.cli.program import Program
from tests.harness.clock import NOON, later
from tests.harness.databases import SqliteDatabases
from tests.harness.houses import house_on
from tests.harness.people import PASSWORD, Factor, People
from tests.harness.ports import free_port
from twofold import copy_database
from twofold.copy_database import CannotCopy
from twofold.directory.person import Person
from twofold.factors.outcomes import SpentBackupCode, UsedCode
from twofold.kit.db import Database
from twofold.kit.house import House
from twofold.lockouts import flow as lockouts
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


def lived_in(database_url: str) -> tuple[Person, Factor]:
    """Fill a house: people, factors, sessions, a lock that is near, letters, wrong codes, a used code."""
    with house_on(database_url) as house:
        people = People(house)
        ada, factor = people.protected()
        people.person("bob@acme.example", name="Bøb 🔑")
        people.token(ada, factor.phone)
        people.give_code(people.attempt(ada, at=later(minutes=1)), "000000", at=later(minutes=1))
        return ada, factor


def signs_in_once(database_url: str, ada: Person, factor: Factor) -> None:
    """Hold that a code of before is used up, that the phone and the backup code open the door, each once."""
    with house_on(database_url) as house:
        people = People(house)
        at = later(minutes=2)
        assert isinstance(people.give_code(people.attempt(ada), factor.phone.code(NOON)), UsedCode)
        for typed, used in ((factor.phone.code(at), UsedCode), (factor.backup_code, SpentBackupCode)):
            first, second = (people.give_code(people.attempt(ada, at=at), typed, at=at) for _ in range(2))
            assert isinstance(first, SignedIn | Due), first
            assert isinstance(second, used), second


def test_a_house_moves_from_sqlite_to_postgresql_and_back(
    sqlite_url: str, postgresql_url: str, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    ada, factor = lived_in(sqlite_url)
    (tmp_path / "third").mkdir()
    stations = [sqlite_url, postgresql_url, sqlite_databases.fresh(tmp_path / "third")]
    houses = [Program({"TWOFOLD_DATABASE_URL": url, "TWOFOLD_DATA_DIR": str(tmp_path)}) for url in stations]
    before, exports = tmp_path / "0.jsonl", [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    key = houses[0].done("audit", "export", "--output", str(before), "--json").json["public_key"]
    rows = contents(sqlite_url)
    for old, new, export in zip(stations, stations[1:], exports, strict=False):
        told = houses[1].done("copy-database", old, new, "--json").json
        assert told["tables"] == {table: len(rows[table]) for table in rows}
        assert told["rows"] == sum(map(len, rows.values()))
        assert contents(new) == rows
        house = houses[stations.index(new)]
        house.done("audit", "export", "--output", str(export))
        assert (
            "events are as they were sealed"
            in house.done("audit", "verify", str(export), "--key", key, "--earlier", str(before)).out
        )
    for url, house in zip(stations[1:], houses[1:], strict=True):
        signs_in_once(url, ada, factor)
        house.done("audit", "export", "--output", str(exports[0]))  # and the chains go on where they ended
        house.done("audit", "verify", str(exports[0]), "--key", key, "--earlier", str(before))


# --- what is refused


def used_by_a_user(url: str) -> None:
    with house_on(url) as house:
        People(house).person()


def used_by_an_account(url: str) -> None:
    with house_on(url) as house:
        People(house).account()


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
    with house_on(postgresql_url):
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
        copy_database.copy(sqlite_url, postgresql_url, lambda *_: None)


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


# --- while it runs


def test_progress_is_told_batch_by_batch(sqlite_url: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_database, "BATCH", 2)
    lived_in(sqlite_url)
    told: list[tuple[str, int, int]] = []
    copied = copy_database.copy(sqlite_url, postgresql_url, lambda *said: told.append(said))
    events = next(one.rows for one in copied if one.table == "audit_events")
    assert events > 2
    steps = [rows for table, rows, in_all in told if table == "audit_events" and in_all == events]
    assert steps == [*range(2, events, 2), events]


def test_progress_is_shown_on_a_terminal(sqlite_url: str, postgresql_url: str) -> None:
    lived_in(sqlite_url)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "twofold", "copy-database", sqlite_url, postgresql_url],
        stderr=theirs, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True, timeout=60,
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
        copy_database.copy(sqlite_url, postgresql_url, break_off)
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
            with house_on(source) as house:
                People(house).account("Late")
        told.append(table)

    with pytest.raises(CannotCopy, match="Stop every node"):
        copy_database.copy(source, target, go_on)
    assert contents(target) == before


def test_a_target_that_does_not_keep_what_it_is_given_is_noticed(sqlite_url: str, postgresql_url: str) -> None:
    """Stops: a house that has moved without its sessions, because a trigger or a rule of somebody's took them."""
    lived_in(sqlite_url)
    db = Database(postgresql_url)
    with db.write() as connection:
        connection.execute(sa.text("CREATE RULE nothing AS ON INSERT TO sessions DO INSTEAD NOTHING"))
    db.close()
    before = contents(postgresql_url)
    assert "The rows of sessions changed" in Program({}).refused("copy-database", sqlite_url, postgresql_url)
    assert contents(postgresql_url) == before


# --- after a restore


def test_after_a_restore_nothing_used_works_again(people: People, house: House, twofold: Program) -> None:
    ada, factor = people.protected()
    token = people.token(ada, factor.phone)
    told = twofold.done("restored", "--reason", "The disk broke.", "--json").json
    assert (told["people"], told["authenticators"], told["backup_codes"]) == (1, 1, 1)
    assert people.find_session(token) is None
    assert not isinstance(people.begin(people.look_up(ada), password=PASSWORD), lockouts.WrongPassword)
    assert {event.reason for event in people.events("restored")} == {"The disk broke."}
    assert "operator-keys list" in twofold.done("restored", "--reason", "Again.").out
