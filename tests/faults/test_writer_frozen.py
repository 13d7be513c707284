"""A process is frozen in the middle of a write to SQLite, as by a debugger or a paused container."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.faults.conftest import ServeCheaply
from tests.faults.crowd import Program, Try, check_nothing_accepted_twice, crowd, now
from tests.harness.processes import LONGEST

WRITES = """
import sys
from twofold.kit.sql.database import Database
with Database(sys.argv[1]).write():
    print("writing", flush=True)
    sys.stdin.read()
"""
AT_ONCE = 12
ROUNDS = 3


@contextmanager
def frozen_writer(database_url: str) -> Iterator[None]:
    """Let a process begin to write, and stop it there; at the end it goes on and is through at once."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITES, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        os.kill(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGCONT)
            process.communicate(timeout=LONGEST)


def test_a_frozen_writer_keeps_nobody_waiting_for_good(cheap: ServeCheaply, sqlite_url: str) -> None:
    """Stops: a thread of every worker that waits for the frozen one until the server is started anew."""
    server = cheap(sqlite_url, workers=2)
    members = crowd(sqlite_url, AT_ONCE)

    def begin(number: int) -> Try:
        with Program([server.url]) as program:
            return program.begin(members[number % AT_ONCE].email)

    with frozen_writer(sqlite_url), ThreadPoolExecutor(AT_ONCE) as people:
        tries = [one for _ in range(ROUNDS) for one in people.map(begin, range(AT_ONCE))]
        assert {one.status for one in tries} == {503}, "a request was not answered while the writer was frozen"
        assert {int(one.headers["Retry-After"]) for one in tries} <= set(range(1, 11))
        assert server.status("/readyz") == 200
        assert server.status("/sign-in") == 200
    with Program([server.url]) as program:
        after = [program.sign_in(member.email, member.factor.phone.code(now())) for member in members]
    assert {one.status for one in after} == {200}
    check_nothing_accepted_twice(sqlite_url, members, after)
