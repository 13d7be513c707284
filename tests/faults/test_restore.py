"""A backup from a minute ago is brought back, as docs/decisions/0011-restore.md says."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.faults.conftest import ServeCheaply
from tests.faults.crowd import Program, codes_around, crowd, now
from tests.harness.clock import NOON
from tests.harness.databases import Backend
from tests.harness.people import ADA, CLIENT_INFO, EARLIER, NEW_PASSWORD, PASSWORD, People
from tests.harness.postgres import Cluster, find_programs
from tests.harness.server import Server
from tests.harness.wire import client_to
from twofold import schema
from twofold.factors.totp import codes as totp
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.operations import restore
from twofold.recovery import browser_flow, not_me_flow, password_flow
from twofold.recovery.outcomes import Gone, MayChoose, NotMe
from twofold.recovery.password_link import Over
from twofold.recovery.tables import browser_links, not_me_links, password_links
from twofold.resets import confirm_flow, link_flow
from twofold.resets import flow as resets
from twofold.resets.case import State
from twofold.resets.confirm_flow import Given
from twofold.resets.link import Dead
from twofold.resets.link_flow import OpenLink
from twofold.resets.outcomes import CaseOpened, LinkOver
from twofold.resets.tables import reset_cases

Backup = tuple[Callable[[], None], Callable[[], None]]  # make it, bring it back


@pytest.fixture
def backup(request: pytest.FixtureRequest, backend: Backend, database_url: str, beside: Path) -> Backup:
    """Make a backup of the database while it is used, and bring it back; each with the tools of its maker."""
    if backend == "sqlite":
        return _sqlite_backup(Path(database_url.removeprefix("sqlite:///")), beside / "backup.db")
    return _postgresql_backup(request.getfixturevalue("postgres"), database_url, beside / "twofold.dump")


def _sqlite_backup(live: Path, kept: Path) -> Backup:
    def make() -> None:
        with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(kept)) as target:
            source.backup(target)

    def bring_back() -> None:
        for name in (f"{live}-wal", f"{live}-shm"):
            Path(name).unlink(missing_ok=True)
        shutil.copyfile(kept, live)

    return make, bring_back


def _postgresql_backup(cluster: Cluster, url: str, kept: Path) -> Backup:
    name = url.rpartition("/")[2]
    place = ["--host", cluster.host, "--port", str(cluster.port), "--username", cluster.user]

    def run(program: str, *arguments: str) -> None:
        subprocess.run([find_programs() / program, *place, *arguments], check=True, stdin=subprocess.DEVNULL)

    def make() -> None:
        run("pg_dump", "--format=custom", f"--file={kept}", name)

    def bring_back() -> None:
        run("dropdb", "--force", name)
        run("createdb", name)
        run("pg_restore", "--no-owner", f"--dbname={name}", str(kept))

    return make, bring_back


def restored(server: Server) -> dict[str, Any]:
    """Run the documented command."""
    done = server.twofold("restored", "--reason", "the disk was lost", "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = msgspec.json.decode(done.stdout)
    return said


def test_nothing_that_was_used_since_the_backup_is_accepted_after_it(
    cheap: ServeCheaply, database_url: str, backup: Backup
) -> None:
    """Stops: replay by restore, of codes, backup codes, sessions that ended and sign-ins half done."""
    make, bring_back = backup
    ada, bob, *_others = members = crowd(database_url, 3)
    server = cheap(database_url)
    with Program([server.url]) as program:
        session = program.sign_in(bob.email, bob.factor.phone.code(now())).body["session_token"]
        half_done = program.begin(ada.email).body["sign_in"]
        make()
        used = [(ada.email, code) for code in codes_around(ada, now())[1:]]
        used += [(member.email, member.factor.backup_code) for member in members]
        assert [program.sign_in(*one).status for one in used] == [200] * len(used)
    assert end_session(server.url, session) == 204
    server.stop()
    bring_back()
    said = restored(server)
    assert (said["people"], said["authenticators"], said["backup_codes"]) == (3, 3, 3)

    server.start()
    with Program([server.url]) as program:
        again = [program.sign_in(*one) for one in used]
        assert [one.status for one in again] == [401] * len(used)
        assert {one.body["hint"] for one in again} == {"used", "used_backup_code"}
        assert program.give(half_done, ada.email, codes_around(ada, now())[2]).body["code"] == "sign_in_expired"
        assert end_session(server.url, session) == 401
        assert program.sign_in(bob.email, bob.factor.phone.wrong_code(now())).body["attempts_left"] == 4


def end_session(url: str, token: str) -> int:
    with client_to(url, headers={"Authorization": f"Bearer {token}"}) as http:
        return http.delete("/api/v1/session").status_code


def test_the_code_after_next_works_again_and_a_new_backup_code_can_be_made(context: AppContext, people: People) -> None:
    """Stops: a remedy that shuts everybody out."""
    ada, factor = people.protected()
    restore.after_restore(context.db, reason="a drill", origin=Origin(NOON))
    for late, works in ((0, False), (30, False), (60, True)):
        at = NOON.replace(second=late % 60, minute=late // 60)
        outcome = people.give_code(people.attempt(ada, at=at), factor.phone.code(at), at=at)
        assert (type(outcome).__name__ == "SignedIn") is works, late


def test_a_restore_is_told_to_the_installation_and_to_every_account(context: AppContext, people: People) -> None:
    """Stops: a gap in the log that nobody can explain."""
    people.protected()
    people.account("Other")
    restore.after_restore(context.db, reason="a drill", origin=Origin(NOON))
    told = people.events("restored")
    with context.db.read() as connection:
        accounts = connection.execute(sa.select(schema.metadata.tables["accounts"].c.id)).scalars().all()
    assert {event.account_id for event in told} == {None, *accounts}
    assert {event.reason for event in told} == {"a drill"}


def test_every_table_has_its_place_in_a_restore() -> None:
    """Stops: a table added later whose links come back to life, because nobody thought of it."""
    changed = {"users", "sessions", "authenticators", "backup_codes", reset_cases.name}
    changed |= {not_me_links.name, password_links.name, browser_links.name}
    begun = {table.name for table in restore.BEGUN}
    places = [*changed, *begun, *restore.KEPT]
    assert sorted(places) == sorted(schema.metadata.tables)


def test_a_link_for_a_browser_is_void(context: AppContext, people: People) -> None:
    people.user()
    browser_flow.ask(context, ADA, origin=Origin(NOON, CLIENT_INFO))
    assert people.count(browser_links) == 1
    restore.after_restore(context.db, reason="a drill", origin=Origin(NOON))
    assert people.count(browser_links) == 0


def test_the_newest_step_is_never_lowered(context: AppContext, people: People) -> None:
    """Stops: a restore run under a clock that is behind, which would open codes again."""
    ada, factor = people.protected()
    people.sign_in(ada, factor.phone)
    restore.after_restore(context.db, reason="a drill", origin=Origin(EARLIER))
    with context.db.read() as connection:
        newest = connection.execute(sa.select(schema.metadata.tables["authenticators"].c.last_step)).scalar_one()
    assert newest == totp.step_of(NOON)


def test_every_link_that_was_under_way_is_dead_after_a_restore(context: AppContext, people: People) -> None:
    """Stops: a link that was answered since the backup and is answered once more: a reset, a password, a freeze."""
    admin = people.user("grace@acme.example", role="admin")
    ada, _factor = people.protected()
    assert isinstance(resets.open_case(context, admin, ada, "lost her phone", origin=Origin(NOON)), CaseOpened)
    password_flow.ask(context, ada.email, origin=Origin(NOON, CLIENT_INFO))
    with context.db.write() as connection:
        minted = link_flow.mint_link(connection, people.letters("reset_confirm")[0], NOON)
        password = password_flow.mint(connection, people.letters("password_link")[0], ada, NOON)
        not_me = not_me_flow.mint(connection, people.letters("two_factor_set_up")[0], ada, NOON)
    assert minted is not None
    assert password is not None
    assert isinstance(link_flow.view_link(context, minted.token, NOON), OpenLink)
    assert isinstance(password_flow.look(context, password[0], NOON), MayChoose)
    assert isinstance(not_me_flow.look(context, not_me, NOON), NotMe)

    assert restore.after_restore(context.db, reason="a drill", origin=Origin(NOON)).links == 3

    answered = confirm_flow.confirm(context, minted.token, Given(PASSWORD), origin=Origin(NOON))
    assert isinstance(answered, LinkOver)
    assert isinstance(answered.verdict, Dead)
    assert isinstance(password_flow.choose(context, password[0], NEW_PASSWORD, origin=Origin(NOON, CLIENT_INFO)), Over)
    assert isinstance(not_me_flow.freeze(context, not_me, origin=Origin(NOON, CLIENT_INFO)), Gone)
    assert people.look_up(ada).has_second_factor
    case = resets.cases_for(context, admin).cases[0]
    assert case.state is State.CANCELLED
