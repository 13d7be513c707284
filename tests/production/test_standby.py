"""A primary and a standby behind one address: who is found, who is refused, and what a promotion costs."""

import threading
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.conftest import Serve
from tests.faults.crowd import (
    Load,
    Program,
    check_every_session_was_told,
    check_nothing_accepted_twice,
    codes_around,
    crowd,
    in_time,
    now,
)
from tests.harness import processes
from tests.harness.certificates import self_signed
from tests.harness.contexts import CHEAP_SERVER, KEYS
from tests.harness.wire import client_to
from tests.production.conftest import PrimaryAndStandby
from twofold.kit.sql.database import Database
from twofold.kit.sql.timeouts import ReadOnly
from twofold.settings import load

PRIMARY = "?target_session_attrs=read-write"


def port_of(address: str) -> object:
    """Return the port of the server that an address leads to."""
    db = Database(load({"TWOFOLD_DATABASE_URL": address, "TWOFOLD_KEYS": KEYS}).database_url)
    try:
        with db.read() as connection:
            return connection.execute(sa.text("SELECT inet_server_port()")).scalar_one()
    finally:
        db.close()


@pytest.mark.parametrize("options", ["", PRIMARY])
def test_of_several_hosts_the_primary_is_found(pair: PrimaryAndStandby, options: str) -> None:
    assert port_of(pair.address(options)) == pair.primary.port


def test_a_replica_is_read_only_by_those_who_ask_for_one(pair: PrimaryAndStandby) -> None:
    """Stops: sessions that a lagging replica still knows, a start that fails at the first sign-in only."""
    alone = pair.standby.url(pair.database)
    with pytest.raises(sa.exc.OperationalError) as refused:
        port_of(alone)
    assert isinstance(refused.value.orig, ReadOnly)
    assert port_of(f"{alone}?target_session_attrs=any") == pair.standby.port


def test_a_connection_whose_database_takes_no_writes_any_more_is_given_up(pair: PrimaryAndStandby) -> None:
    """Stops: a node that goes on with the old primary after a switch-over, every answer an error."""
    db = Database(pair.primary.url(pair.database), pool_size=1)
    try:
        with db.read() as connection:
            before = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            connection.execute(sa.text("SET default_transaction_read_only = on"))
        with pytest.raises(sa.exc.OperationalError, match="read-only replica"), db.write() as connection:
            connection.execute(sa.text("DELETE FROM leases"))
        with db.write() as connection:
            assert connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one() != before
            connection.execute(sa.text("DELETE FROM leases"))
    finally:
        db.close()


def test_the_certificate_of_every_host_is_checked(pair: PrimaryAndStandby, tmp_path: Path) -> None:
    roots = pair.primary.speak_tls().read_bytes() + pair.standby.speak_tls().read_bytes()
    (tmp_path / "root.crt").write_bytes(roots)
    (tmp_path / "other.crt").write_bytes(self_signed(pair.primary.host)[0])
    address = pair.address(f"{PRIMARY}&sslmode=verify-full&sslrootcert={tmp_path}")
    with pytest.raises(sa.exc.OperationalError, match="certificate verify failed"):
        port_of(f"{address}/other.crt")
    assert port_of(f"{address}/root.crt") == pair.primary.port


def server_says(asking: "Asking", status: int) -> None:
    """Wait until the node says that it is ready, or that it is not."""
    processes.wait_until(lambda: bool(asking.answers) and asking.answers[-1].status_code == status, what=f"a {status}")


class Asking:
    """Somebody who asks for the state of a node again and again."""

    def __init__(self, url: str) -> None:
        self.answers: list[httpx.Response] = []
        self._url = url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with client_to(self._url, headers={"Connection": "close"}) as http:
            while not self._stopping.wait(0.1):
                self.answers.append(http.get("/readyz"))

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


def test_a_promotion_under_load_loses_no_session_and_accepts_nothing_twice(
    pair: PrimaryAndStandby, serve: Serve
) -> None:
    """Stops: a node that must be restarted by hand, a code that the new primary does not know to be used."""
    members = crowd(pair.primary.url(pair.database), 10)
    server = serve(pair.address(PRIMARY), smtp=None, workers=2, **CHEAP_SERVER)
    asking = Asking(server.url)
    try:
        with Load([server.url], members) as load:
            load.wait_for(8)
            pair.primary.kill()
            killed_after = len(load.tries)
            server_says(asking, 503)
            pair.standby.promote()
            server_says(asking, 200)
            load.finish()
    finally:
        asking.stop()
    survivor = pair.standby.url(pair.database)
    check_nothing_accepted_twice(survivor, members, load.tries)
    check_every_session_was_told(survivor)
    accepted = [one for one in load.tries if one.accepted]
    assert [one for one in load.tries[:killed_after] if one.accepted]
    assert [one for one in load.tries[killed_after:] if one.accepted], "nobody signed in after the promotion"
    away = [one for one in load.tries if one.status == 503]
    assert away
    assert all(int(one.headers["Retry-After"]) >= 1 for one in away)
    assert not {one.status for one in load.tries} & {500, None}
    bound = in_time(one.seconds for one in load.tries[:killed_after])
    assert max(one.seconds for one in away) < bound
    assert max(answer.elapsed.total_seconds() for answer in asking.answers) < bound
    with client_to(server.url, headers={"Connection": "close"}) as http:
        for one in accepted:
            bearer = {"Authorization": f"Bearer {one.body['session_token']}"}
            assert http.get("/api/v1/session", headers=bearer).status_code == 200, "a session is lost"
    with Program([server.url]) as program:
        again = [program.sign_in(one.email, one.typed) for one in accepted]
        assert {one.status for one in again} <= {401, 423}
        later = [program.sign_in(members[0].email, code) for code in codes_around(members[0], now())]
    check_nothing_accepted_twice(survivor, members, [*load.tries, *again, *later])
