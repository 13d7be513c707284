"""The clock of a node jumps, ten minutes back and an hour ahead, under Debian's faketime."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.conftest import CHEAP_SETTINGS
from tests.faults.crowd import Member, Program, crowd, now
from tests.harness.contexts import KEYS
from tests.harness.people import PASSWORD
from tests.harness.server import Server
from tests.harness.wire import client_to
from twofold.lockouts.budget import FREE_PASSWORD_TRIES, LOCK_AFTER

TEN_MINUTES_BACK, AN_HOUR_AHEAD = timedelta(minutes=-10), timedelta(hours=1)
BEFORE = timedelta(minutes=13)  # so that the clock can go back, and no clean-up takes the set-up away


class ServerWithClock:
    """A server whose clock can be set."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._set = folder / "clock"
        self.off = timedelta(0)
        self.jump(timedelta(0))
        settings = {"TWOFOLD_DATABASE_URL": database_url, "TWOFOLD_KEYS": KEYS} | CHEAP_SETTINGS
        self.server = Server(folder / "shifted", settings=settings | self._faketime())

    def _faketime(self) -> dict[str, str]:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._set),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # as on a machine whose clock is set: only the wall clock jumps
        }

    def jump(self, off: timedelta) -> None:
        """Set the clock to the true time and so much."""
        self.off = off
        self._set.write_text(f"{off.total_seconds():+.0f}\n")

    @property
    def now(self) -> datetime:
        return now() + self.off


@pytest.fixture
def shifted(tmp_path: Path, database_url: str) -> Iterator[ServerWithClock]:
    """Start a server whose clock can be set; the test runs once on each kind of database."""
    made = ServerWithClock(tmp_path, database_url)
    with made.server:
        yield made


@pytest.fixture
def sign_in(shifted: ServerWithClock) -> Iterator[Callable[[Member, str], int | None]]:
    """Sign somebody in with a code, and return the status."""
    with Program([shifted.server.url]) as program:
        yield lambda member, typed: program.sign_in(member.email, typed).status


def shown(member: Member, at: datetime) -> str:
    """What a phone shows whose clock is right."""
    return member.factor.phone.code(at)


def test_no_code_is_taken_twice_and_no_lock_falls_off_when_the_clock_jumps(
    shifted: ServerWithClock, database_url: str, sign_in: Callable[[Member, str], int | None]
) -> None:
    """Stops: replay by setting the clock (NTP without authentication); locks and sessions that hang on the clock."""
    ada, bob, eve, kim = crowd(database_url, 4, protected_for=BEFORE)
    wrong = [eve.factor.phone.wrong_code(shifted.now)] * LOCK_AFTER
    used = shown(ada, shifted.now)
    assert sign_in(ada, used) == 200
    assert [sign_in(eve, code) for code in wrong] == [401] * LOCK_AFTER

    shifted.jump(TEN_MINUTES_BACK)
    assert sign_in(ada, used) == 401
    assert sign_in(ada, shown(ada, shifted.now)) == 401
    assert sign_in(eve, shown(eve, shifted.now)) == 423
    assert sign_in(bob, shown(bob, shifted.now)) == 200

    shifted.jump(AN_HOUR_AHEAD)
    ahead = shown(ada, shifted.now)
    assert sign_in(ada, used) == 401
    assert sign_in(eve, shown(eve, shifted.now)) == 423
    assert [sign_in(ada, ahead), sign_in(ada, ahead)] == [200, 401]
    assert sign_in(kim, kim.factor.backup_code) == 200

    shifted.jump(timedelta(0))
    assert [sign_in(ada, code) for code in (used, ahead, shown(ada, shifted.now))] == [401, 401, 401]
    assert sign_in(eve, shown(eve, shifted.now)) == 423
    assert sign_in(kim, kim.factor.backup_code) == 401
    assert sign_in(bob, shown(bob, shifted.now)) == 200


def test_a_session_lives_no_longer_for_a_clock_that_was_set_back(shifted: ServerWithClock, database_url: str) -> None:
    """Stops: a session that is kept alive by a clock which is set back again and again."""
    ada = crowd(database_url, 1, protected_for=BEFORE)[0]
    with Program([shifted.server.url]) as program:
        begun = program.sign_in(ada.email, shown(ada, shifted.now))
    bearer = {"Authorization": f"Bearer {begun.body['session_token']}"}
    with client_to(shifted.server.url, headers=bearer) as http:
        ends = http.get("/api/v1/session").json()["expires_at"]
        shifted.jump(TEN_MINUTES_BACK)
        assert http.get("/api/v1/session").json()["expires_at"] == ends
        shifted.jump(AN_HOUR_AHEAD + timedelta(minutes=1))
        assert http.get("/api/v1/session").status_code == 401
        statuses = []
        for number in range(30):  # never left alone for an hour: only its end ends it, after 24
            shifted.jump(number * timedelta(minutes=50))
            statuses.append(http.get("/api/v1/session").status_code)
        assert statuses == [200] * 29 + [401]


def test_wrong_passwords_given_while_the_clock_was_ahead_keep_nobody_out_afterwards(
    shifted: ServerWithClock, database_url: str
) -> None:
    """Stops: a wait that was counted from a moment that never came, and lasts until it does."""
    ada = crowd(database_url, 1, protected_for=BEFORE)[0]
    shifted.jump(AN_HOUR_AHEAD)
    with Program([shifted.server.url]) as program:
        wrong = {"email": ada.email, "password": f"not {PASSWORD}"}
        for _ in range(FREE_PASSWORD_TRIES):  # fewer would cost no wait at all
            assert program.post("/sign-ins", wrong).status == 401
        shifted.jump(timedelta(0))
        assert program.begin(ada.email).status == 201


def test_a_node_whose_clock_is_off_is_not_ready_and_says_why(tmp_path: Path, postgresql_url: str) -> None:
    """Stops: a node of several that takes other codes than the rest, and other links, without anybody noticing."""
    made = ServerWithClock(tmp_path, postgresql_url)
    with made.server as server, client_to(server.url) as http:
        assert http.get("/readyz").status_code == 200
        for off, said in ((TEN_MINUTES_BACK, 600), (AN_HOUR_AHEAD, 3600), (timedelta(seconds=-3), 3)):
            made.jump(off)
            answer = http.get("/readyz")
            assert answer.status_code == 503
            (finding,) = answer.json()["findings"]
            assert finding.startswith("the clock differs from the database's by ")
            assert abs(float(finding.split()[-2]) - said) < 2
            assert http.get("/healthz").status_code == 200
        made.jump(timedelta(0))
        assert http.get("/readyz").status_code == 200
