"""What is measured: a database with the crowd in it, and `twofold serve` on it as an operator runs it."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import msgspec

from bench.client import Connection
from bench.crowd import KEYS
from bench.load import Job, Seen
from tests.harness import processes
from tests.harness.postgres import Cluster
from tests.harness.server import SERVE, Server
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.vault import Vault
from twofold.kit.sql.database import Database
from twofold.operations import migrate
from twofold.settings import load

COUNTED = (sys.executable, "-m", "bench.counting")


class BenchCluster(Cluster):
    """A durable cluster with as much memory as a small production server gives it."""

    @property
    def pid(self) -> int:
        """The server's first process, parent of all others."""
        assert self._process is not None
        return self._process.pid

    @property
    def version(self) -> str:
        """The server's version, such as 15.18."""
        with self.connect() as connection:
            number = connection.info.server_version
        return f"{number // 10000}.{number % 10000}"

    def _options(self) -> list[str]:
        settings = ("shared_buffers=1GB", "max_wal_size=4GB", "effective_cache_size=4GB")
        return [*super()._options(), *(part for setting in settings for part in ("-c", setting))]


class Store:
    """A database to measure on, durable as in production: SQLite in a file, or PostgreSQL in a cluster of its own."""

    def __init__(self, kind: str, folder: Path, cluster: BenchCluster | None) -> None:
        self.kind = kind
        self.folder = folder
        self._cluster = cluster
        self.url = f"sqlite:///{folder / 'twofold.db'}" if cluster is None else cluster.create_database("bench")
        settings = load({"TWOFOLD_DATABASE_URL": self.url, "TWOFOLD_KEYS": KEYS})
        migrate.upgrade(settings.database_url)
        self.db = Database(settings.database_url)
        self.version = cluster.version if cluster else ""
        self.vault = Vault(settings.keys)
        self.hasher = Hasher(settings.argon2_memory_kib, settings.argon2_passes)

    def cpu_seconds(self) -> float:
        """Return the CPU time of the database's own processes; SQLite has none."""
        return 0.0 if self._cluster is None else processes.cpu_seconds(self._cluster.pid)

    def bytes_on_disk(self) -> int:
        """Return the size of the database."""
        if self._cluster is None:
            return (self.folder / "twofold.db").stat().st_size
        with self._cluster.connect() as connection:
            row = connection.execute("SELECT pg_database_size('bench')").fetchone()
        return int(str(row[0])) if row else 0

    @contextmanager
    def served(
        self, *, workers: int, counted: bool = False, settings: dict[str, str] | None = None
    ) -> Iterator[Server]:
        """Serve it; `counted` serves the same application with its statements counted."""
        with self.served_by(COUNTED if counted else SERVE, workers=workers, settings=settings) as server:
            yield server

    @contextmanager
    def served_by(
        self, command: Sequence[str], *, workers: int = 1, settings: dict[str, str] | None = None
    ) -> Iterator[Server]:
        """Serve it by a program that takes --host, --port and --workers."""
        settings = {"TWOFOLD_DATABASE_URL": self.url, "TWOFOLD_KEYS": KEYS} | (settings or {})
        server = Server(self.folder / "server", settings=settings, workers=workers, command=command)
        try:
            server.start(seconds=120)  # a machine may have other things to do
            yield server
        finally:
            server.stop()


@contextmanager
def store(kind: str) -> Iterator[Store]:
    """Make a database, and remove it afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twofold-bench-")))
        cluster = stack.enter_context(BenchCluster()) if kind == "postgresql" else None
        made = Store(kind, folder, cluster)
        stack.callback(made.db.close)
        yield made


class LoadProgram:
    """The load program in its own process."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def run(self, job: Job) -> Seen:
        """Hand a job over and wait for what it saw.

        Raises:
            RuntimeError: the server gave a wrong answer, or the load program ended.

        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load program ended")
        seen = msgspec.json.decode(line, type=Seen)
        if seen.wrong is not None:
            raise RuntimeError(f"{job.operation}: {seen.wrong}")
        return seen


def answer_of(server: Server, request: bytes) -> bytes:
    """Send one request and return the body of its answer."""

    async def ask() -> bytes:
        connection = await Connection.open(server.host, server.port)
        answer = await connection.send(request)
        connection.close()
        return answer.body

    return asyncio.run(ask())


def memory_mib(server: Server) -> list[float]:
    """Return the memory of each serving process: its proportional set size (PSS), shared pages shared out."""
    return [_pss_kib(pid) / 1024 for pid in server.workers]


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
