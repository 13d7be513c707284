"""Which HTTP server: what a request costs in each, and what each does with clients that are no friends.

The same application on the same database, each server with whatever limits it has. What a request costs is measured in
turns, the least of several counts. An attack lasts SECONDS at the most, which is longer than the limits that were set.
`make bench-servers` installs the servers that are not ours.
"""

import asyncio
import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.client import Connection
from tests.harness import processes
from tests.harness.contexts import KEYS, context_on
from tests.harness.people import People
from tests.harness.ports import free_port
from twofold.kit import clock
from twofold.operations import migrate

OTHERS = Path(__file__).parent.parent / ".venv" / "servers"  # what make bench-servers installs
APPLICATION = "twofold.app:from_environment"
CONNECTIONS, SILENT, SECONDS, MIB = 8, 100, 12.0, 2**20
HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
# Time limits are five seconds wherever there is one; python -m is put before each.
SERVERS = {
    "uvicorn behind our guard": [
        "tests.harness.strict_server", '{"header_seconds": 5, "idle_seconds": 5}', "--host", "127.0.0.1",
        "--port", "PORT",
    ],
    "uvicorn (httptools)": ["uvicorn", "--factory", APPLICATION, "--port", "PORT", "--no-access-log"],
    "uvicorn (h11)": ["uvicorn", "--factory", APPLICATION, "--port", "PORT", "--no-access-log", "--http", "h11"],
    "uvicorn (zttp)": ["uvicorn", "--factory", APPLICATION, "--port", "PORT", "--no-access-log", "--http", "zttp"],
    "Granian": [
        "granian", "--interface", "asgi", "--factory", APPLICATION, "--port", "PORT", "--http", "1", "--loop", "uvloop",
        "--http1-header-read-timeout", "5000", "--no-access-log",
    ],
    "Hypercorn": [
        "hypercorn", f"{APPLICATION}()", "--bind", "127.0.0.1:PORT", "--worker-class", "uvloop", "--keep-alive", "5",
        "--read-timeout", "5",
    ],
}  # fmt: skip


class Weighed(msgspec.Struct, frozen=True):
    """What was seen of a server: CPU in milliseconds a request, memory in MiB, and of attacks what was left."""

    name: str
    trivial_ms: float
    session_ms: float
    memory: float
    endless_headers: str
    slow_headers: str
    silent: str
    queued_requests: str


def run(*, short: bool) -> list[Weighed]:
    """Weigh all of them, one after the other."""
    with tempfile.TemporaryDirectory(prefix="twofold-bench-") as folder:
        url = f"sqlite:///{folder}/twofold.db"
        migrate.upgrade(url)
        with context_on(url) as context:
            people = People(context)
            token = people.token(people.user(), at=clock.now(), channel="api")
        with contextlib.ExitStack() as running:
            servers = [
                running.enter_context(served(name, command, Path(folder), url)) for name, command in SERVERS.items()
            ]
            for _ in range(2 if short else 10):
                for server in servers:
                    server.measure(token)
            return [server.weighed() for server in servers]


class Served:
    """A server that runs."""

    def __init__(self, name: str, pid: int, port: int) -> None:
        self.name, self._pid, self._port = name, pid, port

        self._trivial: list[float] = []
        self._session: list[float] = []

    def measure(self, token: str) -> None:
        """Measure what requests cost."""
        session = f"GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        self._trivial.append(asyncio.run(self._cpu_ms(HEAD + b"\r\n", 1.0)))
        self._session.append(asyncio.run(self._cpu_ms(session, 1.0)))

    def weighed(self) -> Weighed:
        """Attack it, and say what was seen."""
        return Weighed(
            self.name, min(self._trivial), min(self._session), self._memory(),
            endless_headers=self._attacked(HEAD + b"X-Endless: ", b"a" * 65536, pause=0),
            slow_headers=self._attacked(HEAD, b"X", pause=0.25),
            silent=self._silent(),
            queued_requests=self._attacked(b"", b"GET /healthz HTTP/1.1\r\n\r\n" * 10_000, pause=0),
        )  # fmt: skip

    async def _cpu_ms(self, request: bytes, seconds: float) -> float:
        lines = [await Connection.open("127.0.0.1", self._port) for _ in range(CONNECTIONS)]
        until, before, done = time.monotonic() + seconds, processes.cpu_seconds(self._pid), 0

        async def ask(line: Connection) -> None:
            nonlocal done
            while time.monotonic() < until:
                answer = await line.send(request)
                assert answer.status == 200, answer
                done += 1

        await asyncio.gather(*map(ask, lines))
        for line in lines:
            line.close()
        return (processes.cpu_seconds(self._pid) - before) / done * 1000

    def _attacked(self, begin: bytes, piece: bytes, *, pause: float) -> str:
        """Send something again and again, at most 64 MiB of it; say when it was ended, and what it took."""
        before, began, sent = self._memory(), time.monotonic(), 0
        peak, ended = before, False
        with self._line() as line:
            line.sendall(begin)
            line.setblocking(False)
            while time.monotonic() < began + SECONDS and sent < 64 * MIB and not ended:
                time.sleep(pause)
                readable, writable, _ = select.select([line], [line], [], 1)
                try:
                    ended = bool(readable) and not line.recv(MIB)
                    sent += line.send(piece) if writable and not ended else 0
                except BlockingIOError:
                    pass
                except OSError:
                    ended = True
                peak = max(peak, self._memory())
        how = f"ended after {time.monotonic() - began:.1f} s" if ended else "goes on"
        return f"{how}, +{peak - before:.0f} MiB"

    def _silent(self) -> str:
        with contextlib.ExitStack() as stack:
            lines = [stack.enter_context(self._line()) for _ in range(SILENT)]
            time.sleep(SECONDS)
            still = SILENT - len(select.select(lines, [], [], 0)[0])
        return f"{still} of {SILENT} stay"

    def _line(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=10)

    def _memory(self) -> float:
        return sum(processes.resident_bytes(pid) for pid in processes.family(self._pid)) / MIB


@contextmanager
def served(name: str, command: list[str], folder: Path, url: str) -> Iterator[Served]:
    """Run a server until it is weighed."""
    port = free_port()
    settings = {
        "DATABASE_URL": url,
        "KEYS": KEYS,
        "DATA_DIR": str(folder),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "WORKER": "off",
    }
    environment = {f"TWOFOLD_{key}": value for key, value in settings.items()}
    environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(OTHERS)}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *(part.replace("PORT", str(port)) for part in command)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        processes.wait_until(lambda: _answers(port), seconds=60, what=f"{name}: {(folder / 'log')}")
        yield Served(name, process.pid, port)
    finally:
        processes.kill_family(process.pid)
        process.wait(timeout=10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(HEAD + b"Connection: close\r\n\r\n")
            return line.recv(12).endswith(b"200")
    except OSError:
        return False


def table(weighed: list[Weighed]) -> str:
    """Write the results down."""
    head = "| | trivial | session check | memory | endless header | slow headers | silent | requests queued |"
    rows = [
        f"| {one.name} | {one.trivial_ms:.2f} ms | {one.session_ms:.2f} ms | {one.memory:.0f} MiB "
        f"| {one.endless_headers} | {one.slow_headers} | {one.silent} | {one.queued_requests} |"
        for one in weighed
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows])
