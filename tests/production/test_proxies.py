"""What people get through the proxies of deploy/ while the database is away, or one node cannot answer."""

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec.yaml
import pytest

from tests.harness.contexts import CHEAP_SERVER, KEYS
from tests.harness.databases import TEMPLATE, PostgresqlDatabases
from tests.harness.nginx import HOST, Nginx
from tests.harness.ports import free_port
from tests.harness.postgres import Cluster
from tests.harness.processes import wait_until
from tests.harness.proxies import DEPLOY, Caddy, HAProxy
from tests.harness.server import Server, variables
from tests.harness.wire import client_to
from twofold.kit.crypto.tokens import new_token

TOKEN = new_token("session")
AWAY = 3.0  # seconds: longer than a proxy leaves a node alone, or goes without looking
PROXIES = {"nginx": Nginx, "Caddy": Caddy, "HAProxy": HAProxy}
Before = Callable[[tuple[int, int]], AbstractContextManager[httpx.Client]]


class Couple(NamedTuple):
    """Two nodes on a PostgreSQL of their own, which the tests of a file stop."""

    postgres: Cluster
    nodes: tuple[Server, Server]

    @property
    def ports(self) -> tuple[int, int]:
        return self.nodes[0].port, self.nodes[1].port

    @contextlib.contextmanager
    def database_away(self) -> Iterator[None]:
        self.postgres.stop()
        try:
            yield
        finally:
            self.postgres.start()
            for node in self.nodes:
                node.wait_until_ready()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couple]:
    with Cluster(durable=True) as cluster:
        url = PostgresqlDatabases(lambda: cluster).fresh()
        cluster.drop_database(TEMPLATE)
        settings = variables(database_url=url, keys=KEYS, worker="off", trusted_proxies=HOST, **CHEAP_SERVER)
        one, two = (Server(tmp_path_factory.mktemp(name), settings=settings) for name in ("one", "two"))
        with one, two:
            yield Couple(cluster, (one, two))


@pytest.fixture(params=PROXIES)
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Before:
    """Put a proxy before two nodes; return somebody with a browser, who is half known."""

    @contextlib.contextmanager
    def put(ports: tuple[int, int]) -> Iterator[httpx.Client]:
        headers = {"Sec-Fetch-Site": "same-origin", "Authorization": f"Bearer {TOKEN}"}
        with (
            PROXIES[request.param](tmp_path / "proxy", ports) as proxy,
            client_to(proxy.url, headers=headers, cookies={"twofold_session": TOKEN}) as browser,
        ):
            yield browser

    return put


def ask(browser: httpx.Client) -> list[httpx.Response]:
    """Look at a page, send a form, make a call."""
    return [
        browser.get("/profile"),
        browser.post("/sign-in", data={"email": "nobody@acme.example", "password": "orchard kettle"}),
        browser.get("/api/v1/session"),
    ]


def test_while_the_database_is_away_the_nodes_own_answer_reaches_people(nodes: Couple, before: Before) -> None:
    """Stops: a bare 502, or a 503 that says nothing, from a proxy that finds no node fit to be asked."""
    with before(nodes.ports) as browser:
        wait_until(lambda: {answer.status_code for answer in ask(browser)} == {303, 401}, what="answers")
        with nodes.database_away():
            wait_until(lambda: {answer.status_code for answer in ask(browser)} == {503}, what="refusals")
            began, answers = time.monotonic(), list[httpx.Response]()
            while time.monotonic() - began < AWAY or len(answers) < 30:
                answers += ask(browser)
        wait_until(lambda: {answer.status_code for answer in ask(browser)} == {303, 401}, what="answers again")
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers.get("Retry-After") for answer in answers} == {"2"}
    assert all("x-request-id" in answer.headers for answer in answers)
    assert {"Try again in a moment" in answer.text or '"unavailable"' in answer.text for answer in answers} == {True}


def test_a_node_that_answers_503_keeps_nobody_from_the_other(nodes: Couple, before: Before) -> None:
    """As one does that alone has lost the database; nginx finds out by the answers, the others by /readyz."""
    with one_that_cannot_answer() as port, before((nodes.ports[0], port)) as browser:
        wait_until(lambda: browser.get("/profile").status_code == 303, what="an answer")
        time.sleep(AWAY)
        assert {browser.get("/profile").status_code for _ in range(20)} == {303}


@contextlib.contextmanager
def one_that_cannot_answer() -> Iterator[int]:
    class Unavailable(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with http.server.ThreadingHTTPServer((HOST, free_port()), Unavailable) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_pod_stays_in_its_service_while_the_database_is_away(nodes: Couple) -> None:
    """Stops: a Service without any pod, and an ingress that has nobody to ask."""
    parts = (DEPLOY / "kubernetes" / "twofold.yaml").read_text().split("\n---\n")
    (deployment,) = [made for made in map(msgspec.yaml.decode, parts) if made["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    starts, stays = (container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe"))
    node = nodes.nodes[0]
    with nodes.database_away(), client_to(node.url, headers={"Authorization": f"Bearer {TOKEN}"}) as program:
        wait_until(lambda: node.status(starts) == 503, what="a node that would not be taken in now")
        assert node.status(stays) == 200
        answer = program.get("/api/v1/session")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_haproxy_keeps_the_token_of_a_link_out_of_its_log(tmp_path: Path) -> None:
    """For nginx and Caddy: test_link_logs.py and their own examples."""
    token = new_token("reset")
    with HAProxy(tmp_path / "proxy", (free_port(), free_port())) as proxy, client_to() as http:
        for url in (proxy.url, f"http://{HOST}:{proxy.plain_port}"):
            for path in (f"/resets/{token}", f"/resets/%74{token[1:]}", f"/{token.upper()}/x", f"/x?return_to={token}"):
                http.get(url + path)
        wait_until(lambda: proxy.log.read_text().count('"GET /') == 8, what="lines")
    assert '"GET /resets/..." 301' in proxy.log.read_text()
    assert token.split("_", 2)[2].lower() not in proxy.log.read_text().lower()
