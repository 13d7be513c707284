"""A peer's server: processes of its own environment below .venv/peers, told by environment variables what to do."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from bench import crowd
from tests.harness import processes
from tests.harness.ports import free_port
from tests.harness.server import INHERITED

NO_REQUEST = Path(__file__).parent
INSTALLED = Path(sys.prefix) / "peers"  # by `make bench-peers`
SECRET = "tests-encrypt-nothing-of-value!!"


class Recipe(NamedTuple):
    """How a peer is run, in its folder; `scripts` stands before the name of a script and its arguments."""

    home: Path
    serve: tuple[str, ...]
    seed: tuple[str, ...]
    floor: tuple[str, ...]
    count_sign_ins: str
    environment: Mapping[str, str]


class PeerServer:
    """A running peer."""

    def __init__(self, recipe: Recipe, database: Path, log: Path) -> None:
        self.port = free_port()
        self._recipe = recipe
        self._database = database
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [part.format(port=self.port) for part in self._recipe.serve],
                cwd=self._recipe.home, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            processes.wait_until(self._answers, seconds=60, what=f"{self._recipe.home.name} serving")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        members = processes.family(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        processes.kill(pid for pid in members if processes.is_alive(pid))
        self._process.wait(timeout=10)

    def fill(self, people: Iterable[bytes]) -> None:
        """Make its database, with people in it; each is a line of JSON, and one hash of its own serves them all."""
        self._run((*self._recipe.seed, crowd.PASSWORD), stdin=b"\n".join(people))

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes so far."""
        assert self._process is not None
        return processes.cpu_seconds(self._process.pid)

    def sign_ins(self) -> int:
        """Count the sign-ins that its database holds."""
        with contextlib.closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return int(connection.execute(self._recipe.count_sign_ins).fetchone()[0])

    def bare_hash(self, seconds: float) -> float:
        """Return what checking a password costs in its library alone, two at a time: ms CPU."""
        return float(self._run((*self._recipe.floor, str(seconds), crowd.PASSWORD)))

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self._recipe.home.name} ended by itself:\n{self._log.read_text()[-4000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
        return False

    def _run(self, command: Iterable[str], stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            list(command), cwd=self._recipe.home, env=self._environment(), input=stdin, capture_output=True,
            check=False, timeout=300,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{self._recipe.home.name} failed:\n{done.stderr.decode()[-4000:]}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        told = {"PEER_PORT": str(self.port), "PEER_DATABASE": str(self._database), "PEER_SECRET": SECRET}
        return {**inherited, **told, **self._recipe.environment}


def allauth() -> Recipe:
    """Serve django-allauth by gunicorn: one worker, threads, connections kept open."""
    python = str(_installed("allauth") / "bin" / "python")
    serve = (
        python, "-m", "gunicorn", "wsgi", "--bind", "127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread",
        "--threads", "8", "--keep-alive", "75", "--log-level", "error", "--no-control-socket",
    )  # fmt: skip
    completed = "SELECT count(*) FROM auth_user WHERE last_login IS NOT NULL"  # written when a sign-in is complete
    settings = {"DJANGO_SETTINGS_MODULE": "settings"}
    return Recipe(NO_REQUEST / "allauth", serve, (python, "seed.py"), (python, "floor.py"), completed, settings)


def better_auth(*, cached: bool = False) -> Recipe:
    """Serve better-auth by Node, one process; `cached` lets it believe sessions from a cookie for five minutes."""
    home = _installed("better-auth")
    for script in (NO_REQUEST / "better-auth").glob("*.mjs"):  # modules are looked up from where a script lies
        shutil.copy(script, home)
    node = str(next(home.glob("node_modules/node-linux-*/bin/node")))
    settings = {"NODE_ENV": "production", "PEER_COOKIE_CACHE": str(int(cached))}
    counted = "SELECT count(*) FROM session"
    return Recipe(home, (node, "server.mjs"), (node, "seed.mjs"), (node, "floor.mjs"), counted, settings)


def _installed(name: str) -> Path:
    folder = INSTALLED / name
    if not folder.exists():
        raise SystemExit(f"{name} is not installed: make bench-peers")
    return folder
