"""A node is told to stop while people sign in: it says so, finishes what runs, and is gone."""

import os
import signal
import threading

import httpx
import psycopg
import pytest

from tests.conftest import Serve
from tests.harness import processes
from tests.harness.api import ROOT
from tests.harness.contexts import CHEAP_SERVER
from tests.harness.people import PASSWORD
from tests.harness.server import Server
from tests.harness.wire import client_to

BODY = {"email": "nobody@acme.example", "password": PASSWORD}


NOTICE = 6  # seconds, in which the test looks at what a node that leaves answers

# Nobody else may wait for a table: the server's own clean-up would be taken for the sign-in, which has not come yet.
# The sign-in itself must not give up while it waits.
REQUESTS_ALONE = {"worker": "off", "database_timeout_ms": "60000"} | CHEAP_SERVER


class Waiting:
    """Somebody whose sign-in waits for a table that another one holds."""

    def __init__(self, server: Server, holder: "psycopg.Connection[tuple[object, ...]]") -> None:
        self.came: httpx.Response | httpx.HTTPError | None = None
        self._url = server.url
        self._holder = holder
        holder.execute("LOCK TABLE users, password_throttles IN ACCESS EXCLUSIVE MODE")
        self._thread = threading.Thread(target=self._sign_in)
        self._thread.start()
        held_up = """
            SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE d.datname = current_database() AND relation IS NOT NULL AND NOT granted
        """
        processes.wait_until(lambda: holder.execute(held_up).fetchone() != (0,), what="a sign-in that waits")

    def _sign_in(self) -> None:
        try:
            self.came = httpx.post(self._url + ROOT + "/sign-ins", json=BODY, timeout=processes.LONGEST)
        except httpx.HTTPError as error:
            self.came = error

    def go_on(self) -> httpx.Response:
        self._holder.rollback()
        self._thread.join()
        assert isinstance(self.came, httpx.Response), f"the sign-in was cut off: {self.came!r}"
        return self.came


@pytest.fixture
def holder(postgresql_url: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(postgresql_url.replace("+psycopg", ""))


def told_to_stop(server: Server) -> None:
    os.kill(server.pid, signal.SIGTERM)


def gone_well(server: Server) -> None:
    processes.wait_until(lambda: not server.is_running, what="the end")
    assert server.exit_code == 0
    assert '"level":"error"' not in server.logged
    assert "Traceback" not in server.logged


@pytest.mark.parametrize("workers", [1, 2])
def test_it_gives_notice_serves_on_and_then_ends(
    postgresql_url: str, serve: Serve, holder: "psycopg.Connection[tuple[object, ...]]", workers: int
) -> None:
    """Stops: a balancer that sends people to a port that has just closed."""
    server = serve(postgresql_url, smtp=None, workers=workers, leave_notice_seconds=str(NOTICE), **REQUESTS_ALONE)
    with holder, client_to(server.url) as proxy:
        assert "connection" not in proxy.get("/healthz").headers
        waiting = Waiting(server, holder)
        told_to_stop(server)
        processes.wait_until(lambda: {server.status("/readyz") for _ in range(4 * workers)} == {503}, what="not ready")
        page = proxy.get("/sign-in")
        assert (page.status_code, page.headers["connection"]) == (200, "close")
        assert proxy.get("/readyz").json()["findings"] == ["this node is stopping"]
        assert waiting.go_on().status_code == 401
    gone_well(server)


def test_without_notice_what_runs_is_finished_and_new_ones_are_refused(
    postgresql_url: str, serve: Serve, holder: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    """Stops: somebody whose code was accepted, and who is never told."""
    server = serve(postgresql_url, smtp=None, workers=1, **REQUESTS_ALONE)
    with holder:
        waiting = Waiting(server, holder)
        told_to_stop(server)
        processes.wait_until(lambda: server.status("/healthz") is None, what="a closed port")
        assert server.is_running
        assert waiting.go_on().status_code == 401
    gone_well(server)


def test_told_twice_it_ends_at_once(sqlite_url: str, serve: Serve) -> None:
    server = serve(sqlite_url, smtp=None, workers=1, leave_notice_seconds="300", **CHEAP_SERVER)
    told_to_stop(server)
    processes.wait_until(lambda: server.status("/readyz") == 503, what="not ready")
    told_to_stop(server)
    gone_well(server)
