"""Paths spelt otherwise and names that are not ours, sent as bytes to a running server.

Every spelling of every route: `kit/test_addresses.py`. Here is what the parser, the edge and a handler make of them
together.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.harness.contexts import KEYS
from tests.harness.databases import SqliteDatabases
from tests.harness.processes import LONGEST
from tests.harness.server import Server, variables

SPELLINGS = [
    "/healthz/", "/healthz//", "//healthz", "/./healthz", "/x/../healthz", "/healthz/.", "/healthz%2f", "/healthz%2F",
    "/%68ealthz", "/healthz;", "/healthz;x=1", "/healthz\\", "/healthz%00", "/healthz%20", "/healthz%3f",
    "/healthz%23", "/healthz/%2e%2e/healthz", "/static/..%2fhealthz", "/static/../healthz", "/healthz%252f",
    "/metrics", "/metrics/", "/metrics//", "/metrics%2f", "//metrics", "/metrics;", "/static/../metrics",
    "http://localhost/healthz/", "http://localhost//healthz", "http://localhost/%68ealthz",
]  # fmt: skip
NO_REQUESTS = ["*", "healthz", "\\healthz", "/healthz\x00", "/health\x7fz", "/healthz\xe9", "http://localhost"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Server]:
    """Start a server that the tests of this file share."""
    folder = tmp_path_factory.mktemp("server")
    chosen = variables(database_url=sqlite_databases.fresh(folder), keys=KEYS, worker="off")
    with Server(folder, settings=chosen) as running:
        yield running


def ask(server: Server, request: str) -> tuple[int | None, str]:
    """Send a request as it is written; return the status, and the whole answer (None: the connection was closed)."""
    with closing(socket.create_connection((server.host, server.port), timeout=LONGEST)) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")
    found = re.match(r"HTTP/1\.1 (\d{3}) ", answer)
    return (int(found[1]) if found else None), answer


def request(target: str, method: str = "GET", host: str | None = "localhost") -> str:
    named = "" if host is None else f"Host: {host}\r\n"
    return f"{method} {target} HTTP/1.1\r\n{named}Connection: close\r\n\r\n"


def test_a_path_that_is_spelt_otherwise_leads_nowhere(server: Server) -> None:
    """Stops: walking around the rule of a proxy, which saw another path than the server behind it."""
    assert ask(server, request("/healthz"))[0] == 200
    assert ask(server, request("http://localhost/healthz"))[0] == 200  # RFC 9112 section 3.2.2
    for target in SPELLINGS:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert ask(server, request(target, method))[0] == 404, (method, target)
        refused = 403 if target == "/metrics" else 404  # a form from elsewhere, refused before any route is looked for
        assert ask(server, request(target, "POST"))[0] == refused, target
    for target in NO_REQUESTS:
        for method in ("GET", "OPTIONS", "CONNECT"):
            assert ask(server, request(target, method))[0] in {400, 404, 405, None}, (method, target)
    assert "Traceback" not in server.logged, server.logged[-5000:]
    assert ask(server, request("/healthz"))[0] == 200


def test_an_answer_to_head_has_no_body(server: Server) -> None:
    for target, host in (("/profile//", "localhost"), ("/sign-in", "evil.example"), ("/nowhere", "localhost")):
        _, answer = ask(server, request(target, "HEAD", host))
        head, _, body = answer.partition("\r\n\r\n")
        assert body == ""
        assert "content-length: 0" not in head.lower()


def test_a_request_that_names_another_host_gets_nothing(server: Server) -> None:
    """Stops: DNS rebinding against a server on somebody's own machine."""
    named = f"evil.example:{server.port}"
    for target in (
        "/sign-in",
        "/api/v1/session",
        "/api/openapi.json",
        "/static/twofold.css",
        "http://localhost/sign-in",
    ):
        for host in (named, None, "localhost\r\nHost: evil.example"):
            status, answer = ask(server, request(target, host=host))
            assert status == 421, (target, host)
            assert "evil" not in answer
    assert ask(server, "GET /sign-in HTTP/1.0\r\n\r\n")[0] == 421
    for probe in ("/healthz", "/readyz"):
        assert ask(server, request(probe, host="10.1.2.3:8000"))[0] == 200
