"""The numbers have an address of their own, answer to nobody else, and ask the database nothing."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path

import pytest

from tests.cli.program import DEFAULTS
from tests.conftest import Serve
from tests.harness import processes, wire
from tests.harness.api import Api
from tests.harness.contexts import context_on
from tests.harness.databases import TEMPLATE, PostgresqlDatabases
from tests.harness.metrics import HOST, Numbers, scrape, wait_for
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.ports import free_port
from tests.harness.postgres import Cluster
from tests.harness.server import Server, worker
from tests.harness.wire import client_to
from twofold.kit.http import metrics_listener
from twofold.kit.http.metrics_listener import listening
from twofold.operations import migrate
from twofold.setting_values import Listen, SettingsError
from twofold.settings import load


def requests_counted(numbers: Numbers) -> float:
    return numbers['twofold_requests_total{method="GET",route="/healthz",status="200"}']


# --- where they are


@pytest.mark.parametrize("workers", [1, 2])
def test_they_are_on_their_own_address_and_speak_for_all_workers(database_url: str, serve: Serve, workers: int) -> None:
    port, began = free_port(), time.time()
    with context_on(database_url) as context:
        People(context).user()
    server = serve(database_url, workers=workers, metrics_listen=f"{HOST}:{port}")
    for _ in range(20):
        with client_to(server.url) as http:  # a connection each: whichever worker takes it
            assert http.get("/healthz").status_code == 200
            assert http.get("/metrics").status_code == 404
    with client_to(server.url) as http:
        assert Api(http).post("/sign-ins", email=ADA, password=PASSWORD).status == 201
    wait_for(port, "twofold_database_up", 1)
    numbers = scrape(port)
    assert requests_counted(numbers) == 20
    assert numbers['twofold_events_total{kind="signed_in",result="done"}'] == 1
    assert numbers['twofold_pool_inside{pool="quick"}'] == 0
    assert {"twofold_mail_waiting", "twofold_sign_ins_in_progress"} <= numbers.keys()
    assert numbers["twofold_processes"] == len(processes.family(server.pid))
    assert 0 < numbers["process_cpu_seconds_total"] <= processes.cpu_seconds(server.pid) + 0.01  # the kernel's ticks
    memory = sum(processes.resident_bytes(pid) for pid in processes.family(server.pid))
    assert 0.5 < numbers["process_resident_memory_bytes"] / memory < 2
    assert began - 2 < numbers["process_start_time_seconds"] < time.time() + 2
    (build,) = [name for name in numbers if name.startswith("twofold_build_info{")]
    assert f'version="{metadata.version("twofold")}"' in build
    assert f'schema="{migrate.newest()}"' in build
    text = wire.get(f"http://{HOST}:{port}/metrics").text
    assert not re.search(r"\bada\b|acme|tf_|127\.0\.0\.1", text)
    assert server.stop() == 0


def test_what_a_killed_worker_was_doing_is_not_counted_for_ever(postgresql_url: str, serve: Serve) -> None:
    port = free_port()
    server = serve(postgresql_url, workers=2, worker="off", metrics_listen=f"{HOST}:{port}")
    processes.wait_until(lambda: "twofold_pool_inside" in str(scrape(port)), what="a sample")
    [folder] = {Path(name) for name in _environment(server.workers[0]) if "twofold-metrics-" in name}
    victim = server.kill_worker()
    assert list(folder.glob(f"gauge_livesum_{victim}.db"))
    processes.wait_until(
        lambda: bool(scrape(port)) and not list(folder.glob(f"gauge_livesum_{victim}.db")), what="forgotten"
    )


def _environment(pid: int) -> Iterator[str]:
    for pair in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        yield pair.decode().partition("=")[2]


def test_methods_that_clients_make_up_share_a_series(sqlite_url: str, serve: Serve) -> None:
    """Stops: a client that makes a series for each method that it can think of."""
    port = free_port()
    server = serve(sqlite_url, worker="off", metrics_listen=f"{HOST}:{port}")
    with client_to(server.url) as http:
        for method in ("PROPFIND", "PURGE", "SEARCH"):
            http.request(method, "/healthz")
    made_up = [value for name, value in scrape(port).items() if 'twofold_requests_total{method="other"' in name]
    assert made_up == [3]


def test_a_worker_has_them_as_well(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    chosen = DEFAULTS | {"TWOFOLD_DATABASE_URL": database_url, "TWOFOLD_METRICS_LISTEN": f"{HOST}:{port}"}
    environment = Server(tmp_path / "unused", settings=chosen).environment
    with worker(environment) as process:
        processes.wait_until(lambda: _listens(port), what="the worker")
        wait_for(port, "twofold_database_up", 1)
        process.terminate()
        assert process.wait(processes.LONGEST) == 0


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((HOST, port), timeout=1).close()
        return True
    return False


# --- an address that is taken


def test_a_server_goes_on_without_where_the_address_nobody_chose_is_taken(sqlite_url: str, serve: Serve) -> None:
    with ExitStack() as stack:
        with suppress(OSError):  # else somebody else on this machine has it
            stack.enter_context(socket.create_server((HOST, 9464)))
        server = serve(sqlite_url, metrics_listen="")
        assert server.status("/readyz") == 200
        assert "no metrics here, unless TWOFOLD_METRICS_LISTEN is set" in server.logged


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_chosen_address_that_is_taken_stops_the_start(sqlite_url: str, tmp_path: Path, command: str) -> None:
    with socket.create_server((HOST, 0)) as other:
        address = f"{HOST}:{other.getsockname()[1]}"
        said = refused(command, sqlite_url, tmp_path, address)
    assert f"TWOFOLD_METRICS_LISTEN is {address}, where we cannot listen: it is taken by another program." in said
    assert "Choose another address, or off." in said


@pytest.mark.parametrize("address", ["192.0.2.1:9464", "nowhere.invalid:9464", f"{HOST}:8765"])
def test_an_address_that_cannot_be_listened_on_is_named(sqlite_url: str, tmp_path: Path, address: str) -> None:
    assert f"TWOFOLD_METRICS_LISTEN is {address}, where we cannot listen" in refused(
        "serve", sqlite_url, tmp_path, address, "--port", "8765"
    )


def refused(command: str, url: str, folder: Path, address: str, *more: str) -> str:
    """Start a server or a worker that must not start; return what it says."""
    chosen = DEFAULTS | {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_METRICS_LISTEN": address}
    environment = Server(folder / "unused", settings=chosen).environment
    ran = subprocess.run(
        [sys.executable, "-m", "twofold", command, *more],
        env=environment, capture_output=True, text=True, check=False, timeout=processes.LONGEST,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("", Listen(HOST, 9464, chosen=False)),
        ("off", None),
        ("0.0.0.0:9464", Listen("0.0.0.0", 9464)),  # noqa: S104 - inside of a pod
        ("[::]:1", Listen("::", 1)),
        ("localhost:9000", Listen("localhost", 9000)),
    ],
)
def test_the_setting_is_a_host_and_a_port_or_off(text: str, listen: Listen | None) -> None:
    assert load({"TWOFOLD_METRICS_LISTEN": text}).metrics_listen == listen


@pytest.mark.parametrize(
    "text",
    ["on", "9464", ":9464", "host", "host:", "host:0", "host:65536", "::1:9464", "http://host:1", "u@h:1", "h:1/x"],
)
def test_a_setting_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="TWOFOLD_METRICS_LISTEN must be off or look like"):
        load({"TWOFOLD_METRICS_LISTEN": text})


# --- the database


def test_they_say_that_the_database_is_away_and_never_wait_for_it(fault_postgres: Cluster, tmp_path: Path) -> None:
    """Stops: a scrape that hangs, or costs statements, just when somebody needs to know."""
    url = PostgresqlDatabases(lambda: fault_postgres).fresh()
    fault_postgres.drop_database(TEMPLATE)
    port = free_port()
    chosen = DEFAULTS | {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_METRICS_LISTEN": f"{HOST}:{port}"}
    with Server(tmp_path / "server", settings=chosen) as server:
        wait_for(port, "twofold_database_up", 1)
        for make_away, bring_back in (
            (fault_postgres.pause, fault_postgres.resume),
            (fault_postgres.stop, fault_postgres.start),
        ):
            make_away()
            scrape(port)  # waits for nobody: the database stays away until this is answered
            wait_for(port, "twofold_database_up", 0)
            assert server.status("/readyz") == 503
            numbers = scrape(port)
            assert not [name for name in numbers if re.match("twofold_(mail|sign_ins)_", name)]
            assert [name for name in numbers if re.match(r'twofold_requests_total\{.*status="503"', name)]
            bring_back()
            wait_for(port, "twofold_database_up", 1)
            assert "twofold_mail_waiting" in scrape(port)


# --- what it answers to


@contextmanager
def a_listener(host: str = HOST) -> Iterator[int]:
    port = free_port()
    with listening(Listen(host, port), lambda: b"twofold_numbers 1\n"):
        yield port


def answer_to(port: int, request: bytes) -> bytes:
    with closing(socket.create_connection((HOST, port), timeout=processes.LONGEST)) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def get(target: str = "/metrics", host: str | None = "localhost:9464", method: str = "GET") -> bytes:
    named = "" if host is None else f"Host: {host}\r\n"
    return f"{method} {target} HTTP/1.1\r\nX: y\r\n{named}\r\n".encode("latin-1")


@pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1:1", "[::1]:9464", "LOCALHOST"])
def test_on_loopback_it_answers_to_names_of_loopback(host: str) -> None:
    with a_listener() as port:
        assert b"200 OK" in answer_to(port, get(host=host))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "localhost.evil.example", "10.0.0.1", "", None])
def test_on_loopback_it_answers_to_no_other_name(host: str | None) -> None:
    """Stops: DNS rebinding, a page elsewhere that reads the numbers through its visitor's browser."""
    with a_listener() as port:
        for request in (get(host=host), get(host=f"localhost\r\nHost: {host}")):
            answer = answer_to(port, request)
            assert answer.startswith(b"HTTP/1.1 421 ")
            assert b"twofold_numbers" not in answer


def test_elsewhere_it_answers_to_any_name() -> None:
    with a_listener("0.0.0.0") as port:  # noqa: S104 - as in a pod
        assert b"twofold_numbers 1" in answer_to(port, get(host="10.1.2.3:9464"))


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("/", "GET"), ("/metrics/", "GET"), ("//metrics", "GET"), ("/metrics?x", "GET"), ("/Metrics", "GET"),
        ("/healthz", "GET"), ("/sign-in", "GET"), ("http://localhost/metrics", "GET"), ("*", "OPTIONS"),
        ("/metrics", "POST"), ("/metrics", "HEAD"), ("/metrics", "get"), ("/metrics", "DELETE"),
    ],
)  # fmt: skip
def test_it_knows_one_request(target: str, method: str) -> None:
    with a_listener() as port:
        assert answer_to(port, get(target, method=method)).startswith(b"HTTP/1.1 404 ")


NO_REQUESTS = [b"", b"GET", b"GET /metrics", b"\x16\x03\x01", b"GET /metrics HTTP/2"]


@pytest.mark.parametrize("line", NO_REQUESTS)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with a_listener() as port:
        assert answer_to(port, line + b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert b"200 OK" in answer_to(port, get())


def test_who_sends_nothing_or_too_much_keeps_nobody_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops: silent connections and endless heads that fill it up."""
    monkeypatch.setattr(metrics_listener, "TIMEOUT", 0.5)
    with a_listener() as port, ExitStack() as stack:
        silent = [
            stack.enter_context(closing(socket.create_connection((HOST, port), timeout=processes.LONGEST)))
            for _ in range(metrics_listener.MOST_CONNECTIONS)
        ]
        assert answer_to(port, b"") == b""  # one too many: closed at once
        assert [connection.recv(1) for connection in silent] == [b""] * len(silent)
        assert b"200 OK" in answer_to(port, get())
        with suppress(ConnectionError):  # hung up on in the middle
            assert answer_to(port, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 10_000) == b""
        assert b"200 OK" in answer_to(port, get())
