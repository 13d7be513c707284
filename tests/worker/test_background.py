"""The process beside a server: there is one, it comes back, and it goes with its server."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from tests.conftest import Serve
from tests.harness import processes
from tests.harness.clock import NOON
from tests.harness.metrics import scrape
from tests.harness.people import ADA, ANONYMOUS, PASSWORD, People
from tests.harness.ports import free_port
from tests.harness.processes import wait_until
from tests.harness.server import Server
from tests.harness.smtp import SmtpServer
from tests.races.flows import Nowhere
from tests.worker.test_serving import asked, user
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto import argon2id
from twofold.kit.crypto.hashing import NoHasher
from twofold.kit.threads import GIVES_WAY, LEAST_PRIORITY
from twofold.operations import background, jobs
from twofold.operations.background_process import BackgroundProcess
from twofold.recovery import password_flow


def works(server: Server) -> bool:
    """Tell whether the process beside a server has come so far that it works."""
    return server.background is not None and server.logged.count("twofold works") > 0


@pytest.mark.parametrize("workers", [1, 2])
def test_one_process_beside_a_server_works_and_gives_way_to_those_that_answer(
    postgresql_url: str, serve: Serve, workers: int
) -> None:
    server = serve(postgresql_url, workers=workers, argon2_memory_kib="7168")
    wait_until(lambda: works(server), what="the process beside it")
    beside = server.background
    assert beside is not None
    wait_until(lambda: len(server.workers) == workers, what="its workers")
    assert beside not in server.workers
    assert server.logged.count("twofold works") == 1
    own = os.getpriority(os.PRIO_PROCESS, os.getpid())
    assert os.getpriority(os.PRIO_PROCESS, beside) == min(own + GIVES_WAY, LEAST_PRIORITY)
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in server.workers} == {own}
    assert server.stop() == 0
    assert not processes.is_alive(beside)
    assert "started again" not in server.logged


def test_where_the_work_is_left_to_others_no_process_runs_beside(sqlite_url: str, serve: Serve) -> None:
    server = serve(sqlite_url, worker="off", argon2_memory_kib="7168")
    assert server.background is None
    assert server.workers == processes.family(server.pid)


def test_it_comes_back_when_it_is_killed_and_no_letter_is_lost(
    database_url: str, serve: Serve, smtp: SmtpServer
) -> None:
    user(database_url)
    server = serve(database_url, smtp=smtp, argon2_memory_kib="7168")
    first = server.background
    assert first is not None
    processes.kill([first])
    with asked(server):
        smtp.wait_for(ADA, subject="Choose a new password")
    assert server.background not in {None, first}
    assert "started again" in server.logged
    assert server.stop() == 0


def test_it_ends_by_itself_when_its_server_is_killed(sqlite_url: str, serve: Serve) -> None:
    server = serve(sqlite_url, argon2_memory_kib="7168")
    wait_until(lambda: works(server), what="the process beside it")
    beside = server.background
    assert beside is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not processes.is_alive(beside), what="its end")


def test_what_it_counts_is_among_the_numbers_of_the_server(database_url: str, serve: Serve, smtp: SmtpServer) -> None:
    user(database_url)
    port = free_port()
    server = serve(database_url, smtp=smtp, argon2_memory_kib="7168", metrics_listen=f"127.0.0.1:{port}")
    with asked(server):
        smtp.wait_for(ADA, subject="Choose a new password")
        sent = 'twofold_letters_total{outcome="sent"}'
        wait_until(lambda: scrape(port).get(sent) == 1, what="the letter among the numbers")
        found = scrape(port)
    assert found['twofold_events_total{kind="password_link_asked",result="done"}'] == 1
    assert found['twofold_events_total{kind="password_link_sent",result="done"}'] == 1
    assert found["twofold_request_seconds_count"] == sum(
        value for name, value in found.items() if name.startswith("twofold_requests_total")
    )


def test_it_does_not_find_out_how_passwords_are_hashed_best(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops: memory for two passwords, and 0.2 seconds of CPU, at each start of a process that hashes none."""
    monkeypatch.setattr(argon2id, "quickest", lambda *_asked: pytest.fail("it measured"))
    told = threading.Event()
    told.set()
    background.work(context.settings, told)


def test_no_work_beside_a_server_hashes_a_password(people: People) -> None:
    people.user()
    password_flow.ask(people.context, ADA, origin=Origin(NOON, ANONYMOUS))
    context = replace(people.context, hasher=NoHasher())
    for job in jobs.jobs_of(context, Nowhere()):
        job.run(context, NOON)
    assert people.letters("password_link")
    for hashing in (lambda: context.hasher.hash(PASSWORD), lambda: context.hasher.verify(None, PASSWORD)):
        with pytest.raises(RuntimeError, match="no passwords"):
            hashing()


def test_nothing_of_http_is_imported_for_it() -> None:
    program = "import sys, twofold.operations.background; print({name.partition('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "sqlalchemy" in ran.stdout
    assert not [name for name in ("litestar", "uvicorn", "alembic", "click") if f"'{name}'" in ran.stdout]


def test_one_that_does_not_listen_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twofold.operations.background_process.ENDS_WITHIN", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    beside = BackgroundProcess(os.environ, (sys.executable, "-c", deaf))
    beside.start()
    wait_until(lambda: bool(processes.children(os.getpid())), what="the process")
    beside.stop()
    assert beside._process is not None
    assert beside._process.returncode == -signal.SIGKILL


def test_one_that_dies_again_and_again_is_started_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    beside = BackgroundProcess({}, (sys.executable, "-c", "raise SystemExit(3)"))

    def noted(pause: float) -> bool:
        pauses.append(pause)
        if len(pauses) == 9:
            beside._stopping.set()
        return False

    monkeypatch.setattr(beside._stopping, "wait", noted)
    beside.start()
    beside._thread.join(60)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    beside.stop()
