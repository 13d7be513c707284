import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import processes
from tests.harness.server import Server

# A stand-in that takes the same arguments as `twofold serve` and keeps its workers alive.
PROGRAM = """
    import argparse, http.server, os, signal, sys, time

    arguments = argparse.ArgumentParser()
    for name in ("host", "port", "workers"):
        arguments.add_argument("--" + name)
    chosen = arguments.parse_args()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/busy":
                end = time.process_time() + 0.3
                while time.process_time() < end:
                    pass
            self.send_response(200 if self.path in ("/readyz", "/busy") else 404)
            self.end_headers()

    server = http.server.HTTPServer((chosen.host, int(chosen.port)), Answer)
    print("serving", os.environ["TWOFOLD_BASE_URL"], os.environ.get("SOMEBODYS_OWN"), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    count = int(chosen.workers)
    if count == 1:
        server.serve_forever()
    living = set()
    while True:
        while len(living) < count:
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                server.serve_forever()
            living.add(child)
        living.discard(os.wait()[0])
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    return path


@pytest.fixture
def server(program: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", command=[sys.executable, str(program)]) as server:
        yield server


@pytest.fixture
def pair(program: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", command=[sys.executable, str(program)], workers=2) as server:
        yield server


def test_it_is_ready_when_start_returns(server: Server) -> None:
    assert server.status("/readyz") == 200
    assert server.status("/nowhere") == 404
    assert server.workers == [server.pid]


def test_it_gets_settings_and_nothing_else_of_our_environment(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_OWN", "secret")
    with Server(tmp_path / "data", command=[sys.executable, str(program)]) as server:
        assert server.logged == f"serving {server.url} None\n" + server.logged.partition("\n")[2]


def test_a_server_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", command=[sys.executable, "-c", "raise SystemExit('TWOFOLD_KEYS is missing')"])
    with pytest.raises(RuntimeError, match="TWOFOLD_KEYS is missing"):
        server.start()


def test_a_server_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", command=[sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(RuntimeError, match=r"not ready within 0\.5 s"):
        server.start(seconds=0.5)
    server.stop()
    assert not server.is_running


def test_it_comes_back_on_the_same_port(server: Server) -> None:
    former, url = server.pid, server.url
    server.restart()
    assert server.pid != former
    assert server.url == url
    assert server.status("/readyz") == 200


def test_nothing_is_left_after_a_kill(pair: Server) -> None:
    members = processes.family(pair.pid)
    assert len(members) == 3
    pair.kill()
    assert not any(processes.is_alive(pid) for pid in members)
    assert pair.status("/readyz") is None


def test_nothing_is_left_after_a_stop(pair: Server) -> None:
    members = processes.family(pair.pid)
    assert pair.stop() == 0
    assert not any(processes.is_alive(pid) for pid in members)


def test_one_worker_can_be_killed_alone(pair: Server) -> None:
    before = set(pair.workers)
    victim = pair.kill_worker()
    assert victim in before
    processes.wait_until(lambda: len(pair.workers) == 2, what="a new worker")
    assert pair.status("/readyz") == 200


def test_the_work_of_every_worker_counts_also_of_one_that_ended(pair: Server) -> None:
    before = pair.cpu_seconds()
    for _ in range(2):
        pair.status("/busy")
    assert pair.cpu_seconds() - before >= 0.5
    for _ in pair.workers:
        pair.kill_worker()
    processes.wait_until(lambda: pair.cpu_seconds() - before >= 0.5, what="the work of those that were collected")


def test_memory_is_read_of_one_process() -> None:
    assert 1_000_000 < processes.resident_bytes(os.getpid()) < 10_000_000_000
