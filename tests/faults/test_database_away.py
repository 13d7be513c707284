"""The database is stopped, killed, frozen: all are answered within two seconds, and it comes back by itself."""

import json
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from tests.faults.conftest import Pair
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
from tests.harness.people import PASSWORD
from tests.harness.postgres import Cluster
from tests.harness.processes import wait_until
from tests.harness.wire import client_to

FAULTS: dict[str, tuple[Callable[[Cluster], None], Callable[[Cluster], None]]] = {
    "stopped": (Cluster.stop, Cluster.start),
    "killed": (Cluster.kill, Cluster.start),
    "frozen": (Cluster.pause, Cluster.resume),
}
SIGN_IN = {"email": "nobody@acme.example", "password": PASSWORD}
TOKEN = "tf_signin_" + "x" * 43


def browser(node: str) -> httpx.Client:
    """Be somebody with a browser, half way through a sign-in, who opens a new connection each time."""
    cookies = {"twofold_sign_in": TOKEN, "twofold_session": TOKEN}
    headers = {"Sec-Fetch-Site": "same-origin", "Authorization": f"Bearer {TOKEN}", "Connection": "close"}
    return client_to(node, headers=headers, cookies=cookies)


def ask(http: httpx.Client, kind: str) -> httpx.Response:
    """Do one of the things that people do."""
    match kind:
        case "page":
            return http.post("/sign-in", data=SIGN_IN)
        case "code page":
            return http.post("/sign-in/code", data={"code": "123456"})
        case "password":
            return http.post("/api/v1/sign-ins", json=SIGN_IN)
        case "code":
            return http.post("/api/v1/sign-ins/code", json={"sign_in": TOKEN, "code": "123456"})
        case _:
            return http.get(kind)


# What a server that is stopped says, and the system where nobody listens any more.
REASONS = ("refused", "shutting down", "terminating", "closed the connection")
KINDS = ("page", "code page", "password", "code", "/profile", "/api/v1/session", "/readyz")


class Asking:
    """Somebody who asks again and again, from before the fault until told to stop."""

    def __init__(self, node: str, kind: str) -> None:
        self.kind = kind
        self.answers: list[tuple[float, float, httpx.Response | None]] = []
        self._http = browser(node)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            begun = time.monotonic()
            try:
                answer = ask(self._http, self.kind)
            except httpx.TransportError:
                answer = None
            self.answers.append((begun, time.monotonic() - begun, answer))

    def came_after(self, moment: float) -> list[httpx.Response | None]:
        """Return the answers to what was asked after a moment."""
        return [answer for begun, _, answer in list(self.answers) if begun > moment]

    def is_served_again(self) -> bool:
        """Tell whether the last answers are none of a database that is away."""
        return all(answer is not None and answer.status_code != 503 for _, _, answer in self.answers[-5:])

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._http.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_everybody_is_answered_within_two_seconds_and_the_service_returns_by_itself(pair: Pair, fault: str) -> None:
    """Stops: a hanging database that takes every thread of every node with it; a restart by hand afterwards."""
    broken, mended = FAULTS[fault]
    askers = [Asking(node, kind) for node in pair.urls for kind in KINDS]
    try:
        wait_until(lambda: all(len(asker.answers) >= 3 for asker in askers), what="answers while all is well")
        began = time.monotonic()
        broken(pair.postgres)
        away_from = time.monotonic()
        time.sleep(3)
        wait_until(lambda: all(len(asker.came_after(away_from)) > 8 for asker in askers), what="answers meanwhile")
        assert [node.status("/healthz") for node in pair.nodes] == [200, 200]
        not_ready = [ask(asker._http, "/readyz") for asker in askers if asker.kind == "/readyz"]
        away_until = time.monotonic()
        mended(pair.postgres)
        back = time.monotonic()
        for node in pair.nodes:
            node.wait_until_ready()
        time.sleep(1.2)  # and each process of a node has looked
        wait_until(lambda: all(asker.is_served_again() for asker in askers), what="answers as before")
        late = time.monotonic()
        time.sleep(0.5)
    finally:
        for asker in askers:
            asker.stop()
    for told in not_ready:
        assert told.json()["findings"] == ["the database cannot be reached"]
    slowest: dict[str, float] = {}
    for asker in askers:
        during = [one for one in asker.answers if away_from + 0.05 < one[0] < away_until - 0.05]
        assert len(during) > 5
        for _, _, answer in during:
            assert answer is not None, asker.kind
            assert answer.status_code == 503, (asker.kind, answer.text)
            assert 1 <= int(answer.headers["Retry-After"]) <= 10
        whole = [seconds for begun, seconds, _ in asker.answers if began - 0.3 < begun < back + 1]
        slowest[asker.kind] = max(slowest.get(asker.kind, 0.0), *whole)
        after = asker.came_after(late)
        assert not [answer for answer in after if answer is None or answer.status_code == 503], asker.kind
    usual = [seconds for asker in askers for begun, seconds, _ in asker.answers if begun + seconds < began]
    assert max(slowest.values()) < in_time(usual), slowest


def test_what_the_database_said_and_to_whom_stands_in_the_log(pair: Pair) -> None:
    """Stops: a night in which the log knows that the database did not answer, and neither why nor whom it hit."""
    node = pair.nodes[0]
    pair.postgres.stop()
    with browser(node.url) as http:
        wait_until(lambda: ask(http, "code").status_code == 503, what="a refusal")
        refused = [ask(http, "code").headers["x-request-id"] for _ in range(3)]
    pair.postgres.start()
    for each in pair.nodes:
        each.wait_until_ready()
    lines = [json.loads(line) for line in node.logged.splitlines() if '"the database did not answer"' in line]
    told = [line for line in lines if line.get("id") in refused]
    assert len(told) == len(refused)
    for line in told:  # whether somebody asked the database or knew already
        assert any(why in line["says"] for why in REASONS), line
        assert line["error"] == "OperationalError"


def test_an_idle_pool_does_not_refuse_the_first_who_comes_after_a_restart(pair: Pair) -> None:
    """Stops: connections that died unnoticed while nobody came, and one refusal for each of them."""
    clients = [browser(url) for url in pair.urls]
    assert {ask(http, "code").status_code for http in clients * 10} == {401}
    pair.postgres.restart()
    time.sleep(0.2)
    assert {ask(http, "code").status_code for http in clients * 20} == {401}
    for http in clients:
        http.close()


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_nothing_is_accepted_twice_when_the_database_breaks_under_load(pair: Pair, fault: str) -> None:
    """Stops: replay after an answer that was lost; a session without its audit event."""
    broken, mended = FAULTS[fault]
    members = crowd(pair.database_url, 12, fault)
    with Load(pair.urls, members) as load:
        load.wait_for(6)
        broken(pair.postgres)
        time.sleep(1.7)
        mended(pair.postgres)
        load.finish()
    for node in pair.nodes:
        node.wait_until_ready()
    check_nothing_accepted_twice(pair.database_url, members, load.tries)
    check_every_session_was_told(pair.database_url)
    assert any(one.status == 503 for one in load.tries)
    assert not {one.status for one in load.tries} & {500, None}, "nobody is left without an answer"
    with Program(pair.urls) as program:
        accepted = {(one.email, one.typed) for one in load.tries if one.accepted}
        again = [program.sign_in(email, typed) for email, typed in sorted(accepted)]
    assert [one for one in again if one.accepted] == []
    fresh = members[0]
    with Program(pair.urls) as program:
        later = [program.sign_in(fresh.email, code) for code in codes_around(fresh, now())]
    check_nothing_accepted_twice(pair.database_url, members, [*load.tries, *again, *later])


def test_a_worker_that_dies_while_the_database_is_away_is_replaced_when_it_is_back(pair: Pair) -> None:
    """Stops: a node that gives up because its new worker finds no database."""
    node = pair.nodes[0]
    before = set(node.workers)
    seen: set[int] = set()

    def one_more_died() -> bool:
        seen.update(node.workers)
        return len(seen - before) > len(before) or not node.is_running

    pair.postgres.stop()
    processes.kill(before)
    wait_until(one_more_died, what="a new worker that finds no database")
    assert node.is_running
    pair.postgres.start()
    node.wait_until_ready()
    wait_until(lambda: len(set(node.workers) - before) == len(before), what="new workers")
