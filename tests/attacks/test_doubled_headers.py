"""Headers that come in several lines: which of them counts must not depend on who reads it."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Serve
from tests.harness.api import ROOT
from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.databases import SqliteDatabases
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.processes import LONGEST
from tests.harness.server import Server, variables

BODY = {"email": ADA, "password": PASSWORD}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Server]:
    """Start a server that the tests of this file share."""
    folder = tmp_path_factory.mktemp("server")
    chosen = variables(database_url=sqlite_databases.fresh(folder), keys=KEYS, worker="off", **CHEAP_SERVER)
    with Server(folder, settings=chosen) as running:
        yield running


def test_lines_of_forwarding_are_read_as_one_list(sqlite_url: str, serve: Serve) -> None:
    """Stops: a client that writes a line of its own above the one which the proxy adds."""
    server = serve(sqlite_url, trusted_proxies="127.0.0.1", smtp=None, workers=1, worker="off", **CHEAP_SERVER)
    with context_on(sqlite_url) as context:
        people = People(context)
        people.user(ADA)
        for lines, address in (
            (["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
            (["192.0.2.2", "127.0.0.1, 127.0.0.1"], "192.0.2.2"),
            (["127.0.0.1", "198.51.100.1, 192.0.2.3", "127.0.0.1"], "192.0.2.3"),
            (["192.0.2.4", ""], "192.0.2.4"),
        ):
            headers = [("X-Forwarded-For", line) for line in lines]
            answer = httpx.post(server.url + ROOT + "/sign-ins", json=BODY, headers=headers, timeout=LONGEST)
            assert answer.status_code == 201
            assert people.events("signed_in")[-1].address == address, lines


ONCE = {
    "Host": ("127.0.0.1", "evil.example"),
    "Origin": ("OURS", "https://evil.example"),
    "Sec-Fetch-Site": ("same-origin", "cross-site"),
    "Authorization": ("Bearer tf_session_" + "a" * 43, "Bearer tf_session_" + "b" * 43),
    "Cookie": ("twofold_session=tf_session_" + "a" * 43, "twofold_session=tf_session_" + "b" * 43),
    "Twofold-Client": ("tf_client_" + "a" * 43, "tf_client_" + "b" * 43),
    "Content-Type": ("application/json", "application/x-www-form-urlencoded"),
}


OWN = {"Host": "127.0.0.1", "Origin": "OURS", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}


def send(server: Server, request: str, headers: list[tuple[str, str]]) -> tuple[int, str]:
    """Send a request with its headers line by line, which client libraries join."""
    lines = [f"{name}: {value.replace('OURS', server.url)}" for name, value in headers]
    with socket.create_connection((server.host, server.port), timeout=LONGEST) as line:
        line.sendall("\r\n".join([f"{request} HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return int(answer.split(b" ")[1]), answer.decode()


def test_a_header_that_may_come_once_is_refused_when_it_comes_again(server: Server) -> None:
    """Stops: a proxy that checks the one, and a server that believes the other."""
    passed = []
    for request in (f"POST {ROOT}/sign-ins", "POST /sign-in", f"GET {ROOT}/session", "GET /sign-in"):
        for name, (first, second) in ONCE.items():
            others = [(other, value) for other, value in OWN.items() if other != name]
            for values in ((first, second), (second, first), (first, first)):
                status, answer = send(server, request, [*others, *((name, value) for value in values)])
                named = status == 400 and f"header {name.lower()} came more than once" in answer
                if not named and status not in {403, 421}:  # from another site, or to another name
                    passed.append((request, name, values, status))
    assert passed == []


def test_another_header_may_come_again(server: Server) -> None:
    for name in ("Accept", "Accept-Language", "User-Agent", "Via", "X-Anything"):
        assert send(server, "GET /sign-in", [*OWN.items(), (name, "one"), (name, "two")])[0] == 200


def test_two_lengths_of_a_body_are_refused(server: Server) -> None:
    """Stops: one request that a proxy takes for two."""
    for again in (("Content-Length", "2"), ("Content-Length", "3"), ("Transfer-Encoding", "chunked")):
        headers = [*OWN.items(), ("Content-Length", "2"), again]
        assert send(server, f"POST {ROOT}/sign-ins", headers)[0] == 400
