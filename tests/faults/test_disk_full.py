"""The disk under SQLite is full: the server's processes may write no file any further (RLIMIT_FSIZE)."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import ServeCheaply
from tests.faults.crowd import (
    Program,
    Try,
    check_every_session_was_told,
    check_nothing_accepted_twice,
    crowd,
    in_time,
    now,
    truth,
)
from tests.faults.volley import fire, post
from tests.harness import wire
from tests.harness.server import Server
from twofold.lockouts.budget import LOCK_AFTER

ROOM_FOR_LOGS = 100 * 1024


@contextmanager
def full_disk(server: Server, database: Path) -> Iterator[None]:
    """Let no file of the server grow beyond what the write-ahead log has reached by now."""
    limit = max(Path(f"{database}-wal").stat().st_size, server.log.stat().st_size + ROOM_FOR_LOGS)
    pids = [pid for pid in (*server.workers, server.background) if pid is not None]
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    yield
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def is_sound(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_full_disk_refuses_loses_nothing_and_is_over_when_there_is_room(
    cheap: ServeCheaply, sqlite_url: str, workers: int
) -> None:
    """Stops: an acceptance that is told and not written, a damaged database, a server to be restarted by hand."""
    server, database = cheap(sqlite_url, workers=workers), Path(sqlite_url.removeprefix("sqlite:///"))
    spare, *members = everybody = crowd(sqlite_url, 5)
    tries: list[Try] = []
    with Program([server.url]) as program:
        session = program.sign_in(spare.email, spare.factor.phone.code(now()))
        first = [(member, program.begin(member.email)) for member in members]
        begun, usual = [(member, one.body["sign_in"]) for member, one in first], [one.seconds for _, one in first]
        tries.append(session)
        with full_disk(server, database):
            refused = fill(program, members[0].email)
            refused += [program.give(sign_in, one.email, one.factor.phone.code(now())) for one, sign_in in begun]
            refused += [program.give(sign_in, one.email, one.factor.backup_code) for one, sign_in in begun]
            refused += [program.begin(one.email) for one in members]
            assert {one.status for one in refused} == {503}
            assert {one.headers["Retry-After"] for one in refused} == {"2"}
            assert max(one.seconds for one in refused) < in_time(usual)
            bearer = {"Authorization": f"Bearer {session.body['session_token']}"}
            assert wire.get(f"{server.url}/api/v1/session", headers=bearer).status_code == 200
            assert is_sound(database)
        for member, sign_in in begun:
            tries.append(program.give(sign_in, member.email, member.factor.backup_code))
            assert tries[-1].status == 200, "what was refused was not used up"
        for member in members:
            code = member.factor.phone.code(now())
            tries += [program.sign_in(member.email, code) for _ in range(2)]
            assert [one.status for one in tries[-2:]] == [200, 401]
        wrong = program.sign_in(members[1].email, members[1].factor.phone.wrong_code(now()))
        assert wrong.body["attempts_left"] == LOCK_AFTER - 1
    check_nothing_accepted_twice(sqlite_url, everybody, [*tries, *refused])
    check_every_session_was_told(sqlite_url)
    assert is_sound(database)
    assert "unexpected error" not in server.logged


@pytest.mark.parametrize("room", ["no room at all", "room for some"])
def test_codes_that_come_at_once_are_refused_together_and_none_of_those_is_used_up(
    cheap: ServeCheaply, sqlite_url: str, room: str
) -> None:
    """They commit together: one that finds no room must neither be told as accepted nor take the others with it."""
    server, database = cheap(sqlite_url), Path(sqlite_url.removeprefix("sqlite:///"))
    spare, *members = everybody = crowd(sqlite_url, 13)
    with Program([server.url]) as program:
        program.sign_in(spare.email, spare.factor.phone.code(now()))
        begun = [(program.begin(one.email).body["sign_in"], one.factor.backup_code) for one in members]
        requests = [post("/api/v1/sign-ins/code", {"sign_in": token, "backup_code": code}) for token, code in begun]
        with full_disk(server, database):
            if room == "no room at all":
                fill(program, spare.email)
            first = [shot.status for shot in fire(server.url, requests)]
            assert set(first) == {503} if room == "no room at all" else set(first) <= {200, 503}
            assert is_sound(database)
        second = [shot.status for shot in fire(server.url, requests)]
    for before, after in zip(first, second, strict=True):
        assert (before, after) in {(503, 200), (200, 401)}
    found = truth(sqlite_url)
    assert [found.sign_ins_of(one, "backup_code") for one in everybody[1:]] == [1] * 12
    assert "unexpected error" not in server.logged


def fill(program: Program, email: str) -> list[Try]:
    """Use up what room is left at the end of a page of the log: begin sign-ins until one is refused."""
    for _ in range(100):
        tried = program.begin(email)
        if tried.status == 503:
            return [tried]
    raise AssertionError("the disk is not full")
