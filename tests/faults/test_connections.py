"""What strangers can do with connections alone, without a proxy before the server: real sockets, a real process."""

import contextlib
import json
import resource
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import processes
from tests.harness.contexts import CHEAP_SERVER, KEYS
from tests.harness.databases import SqliteDatabases
from tests.harness.metrics import scrape
from tests.harness.ports import free_port
from tests.harness.processes import LONGEST
from tests.harness.server import Server, variables

MIB = 2**20
OWN, OTHER = "127.1.0.1", "127.9.0.1"  # two strangers of two networks, where loopback is no proxy
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
TYPED = json.dumps({"email": "nobody@acme.example", "password": "orchard kettle lantern"}).encode()
POST = b"POST /api/v1/sign-ins HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

REFUSED = "twofold_connections_refused_total{"

Strict = Callable[..., Server]


@pytest.fixture
def strict(tmp_path: Path, sqlite_databases: SqliteDatabases) -> Iterator[Strict]:
    """Start a server with these limits, by a command that may stand before its own."""
    running: list[Server] = []

    def start(*before: str, **limits: Any) -> Server:
        folder = tmp_path / f"server-{len(running) + 1}"
        running.append(prepared(folder, sqlite_databases, *before, **limits))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.stop()
        demand_no_error(server.logged)


@pytest.fixture(scope="module")
def usual_server(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Server]:
    """Start a server with the usual limits, for tests that leave it as it was."""
    with prepared(tmp_path_factory.mktemp("usual"), sqlite_databases) as server:
        yield server
    demand_no_error(server.logged)


@pytest.fixture
def usual(usual_server: Server) -> Iterator[Server]:
    """Share a server with the usual limits; a test that finds an error in its log fails."""
    before = len(usual_server.logged)
    yield usual_server
    demand_no_error(usual_server.logged[before:])


def prepared(folder: Path, databases: SqliteDatabases, *before: str, **limits: Any) -> Server:
    """Prepare a server with these limits; no process stands beside it."""
    folder.mkdir(exist_ok=True)
    settings = variables(database_url=databases.fresh(folder), keys=KEYS, worker="off", **CHEAP_SERVER)
    settings["TWOFOLD_METRICS_LISTEN"] = f"127.0.0.1:{free_port()}"
    command = (*before, sys.executable, "-m", "tests.harness.strict_server", json.dumps(limits))
    return Server(folder, settings=settings, command=command)


def demand_no_error(logged: str) -> None:
    assert "Traceback" not in logged
    assert '"level":"error"' not in logged


class Connect:
    """Opens connections, from an address of loopback, and closes them in the end."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack

    def __call__(self, server: Server, source: str = OWN) -> socket.socket:
        return self._stack.enter_context(connected(server, source))


@pytest.fixture
def connect() -> Iterator[Connect]:
    with contextlib.ExitStack() as stack:
        yield Connect(stack)


def connected(server: Server, source: str) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=LONGEST, source_address=(source, 0))


def answer(line: socket.socket) -> bytes:
    """Read until the other side ends; a connection that is reset has ended too."""
    read = b""
    with contextlib.suppress(ConnectionError):
        while piece := line.recv(65536):
            read += piece
    return read


def status(line: socket.socket) -> int:
    return int(line.recv(65536).split(b" ")[1])


def ended(line: socket.socket, *, within: float) -> bool:
    """Tell whether the other side ends a connection on which nothing comes."""
    line.settimeout(within)
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def pour(line: socket.socket, piece: bytes, most: int) -> int:
    """Send a piece again and again, until `most` bytes are sent or the other side has had enough."""
    sent = 0
    with contextlib.suppress(OSError):
        while sent < most:
            sent += line.send(piece)
            if select.select([line], [], [], 0)[0]:
                break
    return sent


def refusals(server: Server) -> dict[str, int]:
    """Return how many of each kind the server has counted."""
    found = scrape(int(server.settings["TWOFOLD_METRICS_LISTEN"].rpartition(":")[2]))
    kinds = {name.split('"')[1]: int(number) for name, number in found.items() if name.startswith(REFUSED)}
    return {kind: number for kind, number in kinds.items() if number}


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD, b"X-Endless: abcdefghijklmnopqrstuvwxyz\r\n" * 100),
        (HEAD + b"X-Endless: ", b"a" * 4096),
        (b"GET /", b"a" * 4096),
    ],
    ids=["headers", "one header", "address"],
)
def test_headers_without_end_are_refused_and_take_no_memory(
    strict: Strict, connect: Connect, begin: bytes, piece: bytes
) -> None:
    """Stops: one client that grows a process to hundreds of MiB, until the system kills it."""
    server = strict()
    before, lines = processes.resident_bytes(server.pid), [connect(server) for _ in range(8)]
    for line in lines:
        line.sendall(begin)
        assert pour(line, piece, 32 * MIB) < 8 * MIB
    assert answer(lines[-1]).startswith((b"HTTP/1.1 431 ", b""))
    assert processes.resident_bytes(server.pid) - before < 20 * MIB
    assert refusals(server) == {"header_bytes": 8}
    assert server.logged.count("connection refused") == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (b"X-One: 1\r\n" * 90, 200),
        (b"X-One: 1\r\n" * 101, 431),
        (b"X-Long: " + b"a" * 30_000 + b"\r\n", 200),
        (b"X-Long: " + b"a" * 33_000 + b"\r\n", 431),
    ],
)
def test_a_head_is_so_long_at_most_and_its_refusal_is_read(
    usual: Server, connect: Connect, headers: bytes, expected: int
) -> None:
    with connect(usual) as line:
        line.sendall(HEAD + headers + b"\r\n")
        assert status(line) == expected
        assert expected == 200 or ended(line, within=LONGEST)


def test_headers_that_come_too_slowly_are_ended(strict: Strict, connect: Connect) -> None:
    """Stops: slowloris, a byte a minute on every connection that there is."""
    server = strict(header_seconds=1)
    with connect(server) as line:
        line.sendall(HEAD)
        for _ in range(50):
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                line.send(b"X")
            if select.select([line], [], [], 0)[0]:
                break
        assert answer(line).startswith(b"HTTP/1.1 408 ")
    assert refusals(server) == {"header_seconds": 1}


def test_a_second_head_on_a_kept_connection_has_no_more_time(strict: Strict, connect: Connect) -> None:
    server = strict(header_seconds=1, idle_seconds=30)
    with connect(server) as line:
        line.sendall(HEAD + b"\r\n")
        assert status(line) == 200
        line.sendall(HEAD)
        assert answer(line).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_comes_too_slowly_is_ended(strict: Strict, connect: Connect) -> None:
    server = strict(body_seconds=1)
    with connect(server) as line:
        line.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        whole = answer(line)
    assert whole.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in whole
    assert refusals(server) == {"body_seconds": 1}


def test_a_body_without_end_is_refused_and_takes_no_memory(usual: Server, connect: Connect) -> None:
    before = processes.resident_bytes(usual.pid)
    with connect(usual) as line:
        line.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        assert pour(line, b"1000\r\n" + b"a" * 4096 + b"\r\n", 32 * MIB) < 8 * MIB
        assert answer(line).startswith((b"HTTP/1.1 413 ", b""))
    assert processes.resident_bytes(usual.pid) - before < 20 * MIB


def test_requests_sent_ahead_are_answered_in_order(usual: Server, connect: Connect) -> None:
    line = connect(usual)
    kinds, answers = (b"/healthz", b"/static/mark.svg", b"/nowhere"), b""
    line.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in kinds * 40))
    while answers.count(b"HTTP/1.1 ") < 120 or b"</html>" not in answers[-20:]:
        answers += line.recv(65536)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404"] * 40


def test_whoever_goes_while_requests_sent_ahead_wait_is_no_error_of_ours(usual: Server, connect: Connect) -> None:
    """Stops: a stranger who fills the log with traces. One in the log of the server fails the fixture."""
    for _ in range(60):
        line = connect(usual)
        pour(line, b"GET / HTTP/1.1\r\n\r\n" * 1_000, MIB)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # so that its end is a reset
        line.close()
    with connect(usual) as line:
        line.sendall(HEAD + b"\r\n")
        assert status(line) == 200


@pytest.mark.parametrize("path", ["/", "/readyz"], ids=["answered at once", "answered by a thread"])
def test_requests_sent_ahead_without_end_take_no_memory(usual: Server, connect: Connect, path: str) -> None:
    """Stops: one client whose requests, of the shortest kind, are queued, and grow a process by half a GiB."""
    line, before = connect(usual), processes.resident_bytes(usual.pid)
    request, until = f"GET {path} HTTP/1.1\r\n\r\n".encode(), time.monotonic() + 2
    line.settimeout(0)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < until:
            readable, writable, _ = select.select([line], [line], [], 1)
            with contextlib.suppress(BlockingIOError):
                if readable and not line.recv(MIB):
                    break
                if writable:
                    line.send(request * 20_000)
    assert processes.resident_bytes(usual.pid) - before < 20 * MIB


NO_HTTP = (
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x:99999/ HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHo\0st: x\r\n\r\n", b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: 1\r\n folded: 2\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
    POST + b"Content-Length: -1\r\n\r\n", POST + b"Content-Length: 1e3\r\n\r\n",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n", POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", POST + b"Transfer-Encoding: gzip\r\n\r\nx",
)  # fmt: skip


def test_what_is_no_http_is_refused_and_fills_no_log(strict: Strict, connect: Connect) -> None:
    """Stops: a line of the log, or an error, for each piece of nonsense."""
    server = strict()
    upgrade = HEAD + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    for request in NO_HTTP * 2 + (upgrade,) * 2:
        line = connect(server)
        line.sendall(request)
        assert answer(line).startswith(b"HTTP/1.1 200 " if request == upgrade else b"HTTP/1.1 400 "), request
    assert server.logged.count("Invalid HTTP request received") == 1
    assert server.logged.count("Unsupported upgrade request") == 1
    assert '"status":500' not in server.logged


def test_whoever_goes_before_the_body_is_whole_is_no_error_of_ours(usual: Server, connect: Connect) -> None:
    """Stops: a stranger who rings the alarm for answers of 500 as often as they like."""
    before = len(usual.logged)
    with connect(usual) as line:
        line.sendall(POST + b"Content-Length: 100\r\n\r\n{")
    processes.wait_until(lambda: '"method":"POST"' in usual.logged[before:], what="a line of the log")
    assert '"status":400' in usual.logged[before:]
    assert '"status":500' not in usual.logged[before:]


def test_whoever_says_nothing_is_let_go(strict: Strict, connect: Connect) -> None:
    server = strict(header_seconds=1)
    lines = [connect(server) for _ in range(20)]
    assert all(ended(line, within=LONGEST) for line in lines)
    assert refusals(server) == {}


def test_a_kept_connection_ends_soon_and_that_of_a_proxy_stays(strict: Strict, connect: Connect) -> None:
    """Stops: a proxy that sends a request into a connection which ends at that moment."""
    server = strict(header_seconds=1, idle_seconds=1, proxy_idle_seconds=30, proxies=[f"{OTHER}/32"])
    with connect(server) as stranger, connect(server, OTHER) as proxy:
        for line in (stranger, proxy):
            line.sendall(HEAD + b"\r\n")
            assert status(line) == 200
        assert ended(stranger, within=LONGEST)
        assert not ended(proxy, within=1.5)
        proxy.settimeout(LONGEST)
        proxy.sendall(HEAD + b"\r\n")
        assert status(proxy) == 200


def test_thousands_of_silent_connections_keep_nobody_else_out(strict: Strict, connect: Connect) -> None:
    """Stops: one machine that takes every connection, and every file that a process may open."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = strict()
    silent = [connect(server, f"127.1.0.{1 + number % 250}") for number in range(4000)]
    with connect(server, OTHER) as line:
        line.sendall(HEAD + b"\r\n")
        assert status(line) == 200
    with connect(server) as line:  # and nobody of the same network
        line.sendall(HEAD + b"\r\n")
        assert status(line) == 200
    poll = select.poll()
    for one in silent:
        poll.register(one, select.POLLIN)
    assert 200 < len(silent) - len(poll.poll(0)) <= 256, "so many are still open"
    assert refusals(server)["made_room"] >= 4000 - 256


def test_silent_connections_of_many_networks_make_room(strict: Strict, connect: Connect) -> None:
    server = strict(connections=60, connections_per_network=20)
    for number in range(200):
        connect(server, f"127.1.{number % 20}.1")
    for source in (OWN, OTHER):
        with connect(server, source) as line:
            line.sendall(HEAD + b"\r\n")
            assert status(line) == 200


def test_connections_leave_files_for_the_server_itself(strict: Strict, connect: Connect) -> None:
    """Stops: strangers who take every file that the process may open, so that it reads no database any more."""
    server = strict("sh", "-c", 'ulimit -n 300; exec "$@"', "sh")
    for number in range(400):
        connect(server, f"127.1.{number % 50}.1")
    with connect(server, OTHER) as line:
        line.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status(line) == 200
    assert "fewer connections than wanted" in server.logged


def test_a_proxy_has_as_many_connections_as_there_are(strict: Strict, connect: Connect) -> None:
    server = strict(connections=60, connections_per_network=5, proxies=[f"{OTHER}/32"])
    lines = [connect(server, OTHER) for _ in range(50)]
    for line in lines:
        line.sendall(HEAD + b"\r\n")
        assert status(line) == 200


def test_a_slow_phone_is_answered(strict: Strict, connect: Connect) -> None:
    server = strict(header_seconds=20, body_seconds=20)
    head = POST + b"Content-Length: %d\r\n\r\n" % len(TYPED)
    with connect(server) as line:
        for whole in (head, TYPED):
            pieces = [whole[at : at + 16] for at in range(0, len(whole), 16)]
            for piece in pieces:
                line.sendall(piece)
                time.sleep(1.5 / len(pieces))
        assert status(line) == 401
    assert refusals(server) == {}


def test_whoever_reads_no_answer_is_let_go(strict: Strict, connect: Connect) -> None:
    """Stops: answers that pile up in memory, each with its connection."""
    server = strict(answer_seconds=1)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.bind((OWN, 0))
        line.settimeout(LONGEST)
        line.connect((server.host, server.port))
        line.sendall(b"GET /static/twofold.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)  # more than the system holds
        processes.wait_until(lambda: "answer_seconds" in refusals(server), what="an end")


def test_a_request_on_its_way_when_the_server_is_told_to_stop_is_answered(strict: Strict, connect: Connect) -> None:
    """Stops: a deployment that cuts people off whose request had left them."""
    server = strict()
    with connect(server) as begun, connect(server) as about_to, connect(server) as kept:
        kept.sendall(HEAD + b"\r\n")
        assert status(kept) == 200
        begun.sendall(HEAD)
        time.sleep(0.2)
        processes.terminate(server.pid)
        assert ended(kept, within=LONGEST)
        for line, rest in ((about_to, HEAD + b"\r\n"), (begun, b"\r\n")):
            line.sendall(rest)
            whole = answer(line)
            assert whole.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in whole
    processes.wait_until(lambda: not server.is_running, what="the end")
    assert server.exit_code == 0


def test_connections_that_are_silent_do_not_hold_the_end_up(strict: Strict, connect: Connect) -> None:
    """A server that had to end them after its time of grace would log an error, which fails the fixture."""
    server = strict()
    lines = [connect(server) for _ in range(20)]
    lines[0].sendall(HEAD)
    processes.terminate(server.pid)
    processes.wait_until(lambda: not server.is_running, what="the end")
    assert server.exit_code == 0
