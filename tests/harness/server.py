"""Twofold itself, as an operator runs it: real processes, real settings, real signals."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.harness import processes
from tests.harness.ports import free_port
from twofold.commands.show_settings import names_of_settings

SERVE = (sys.executable, "-m", "twofold", "serve")

# What a server gets of our own environment. Settings of whoever runs the tests stay outside.
INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")


def variables(**settings: str) -> dict[str, str]:
    """Write settings as the environment has them: `variables(product_name="Acme")` is TWOFOLD_PRODUCT_NAME."""
    return {f"TWOFOLD_{name.upper()}": value for name, value in settings.items()}


@contextlib.contextmanager
def worker(environment: Mapping[str, str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Run `twofold worker`; it is killed at the end, if it is still there."""
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", "twofold", "worker"], env=environment, **(quiet | options))
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


class Server:
    """A running `twofold serve`; its data, keys and log lie in `folder`."""

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        workers: int = 1,
        command: Sequence[str] = SERVE,
        port: int | None = None,
    ) -> None:
        """Prepare a server; `settings` (TWOFOLD_...) go over what the folder and the port imply."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://{self.host}:{self.port}"
        self.log = folder / "server.log"
        implied = {"TWOFOLD_DATA_DIR": str(folder), "TWOFOLD_BASE_URL": self.url, "TWOFOLD_METRICS_LISTEN": "off"}
        self.settings = implied | dict(settings or {})
        named = {name.removesuffix("_FILE") for name in self.settings if name.startswith("TWOFOLD_")}
        assert named <= set(names_of_settings({})), f"one of these is no setting, and would change nothing: {named}"
        self._command = [*command, "--host", self.host, "--port", str(self.port), "--workers", str(workers)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that was started; with several workers it is their parent."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What the server sees: also for a `twofold` command beside it."""
        return {name: os.environ[name] for name in INHERITED if name in os.environ} | self.settings

    @property
    def logged(self) -> str:
        """Everything that it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self, *, seconds: float = processes.LONGEST, until_ready: bool = True) -> None:
        """Start the processes and wait until /readyz answers 200."""
        assert not self.is_running, "the server runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        if until_ready:
            self.wait_until_ready(seconds=seconds)

    def wait_until_ready(self, *, seconds: float = processes.LONGEST) -> None:
        """Wait until /readyz answers 200; fail with the end of the log where it never does."""
        try:
            processes.wait_until(
                lambda: not self.is_running or self.status("/readyz") == 200, seconds=seconds, what="ready"
            )
        except TimeoutError:
            raise RuntimeError(f"the server was not ready within {seconds} s:\n{self.logged[-4000:]}") from None
        if not self.is_running:
            raise RuntimeError(f"the server ended by itself ({self.exit_code}):\n{self.logged[-4000:]}")

    def status(self, path: str) -> int | None:
        """Return the HTTP status of a page, None where nothing answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=20) as answer:  # noqa: S310 - an http address of our own
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
        except OSError:
            return None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def stop(self, *, seconds: float = processes.LONGEST) -> int | None:
        """Ask it to end, as a service manager does (SIGTERM); return its exit code. Whatever stays is killed."""
        if self._process is None:
            return None
        members = processes.family(self.pid) if self.is_running else []
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        processes.kill(pid for pid in members if processes.is_alive(pid))
        return self._process.wait(timeout=processes.LONGEST)

    def kill(self) -> None:
        """Kill all of its processes at once, as a power cut would."""
        if self._process is not None and self.is_running:
            processes.kill_family(self.pid)
            self._process.wait(timeout=processes.LONGEST)

    def twofold(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run another `twofold` command with the same settings, as an operator does beside the running server."""
        return subprocess.run(
            [sys.executable, "-m", "twofold", *arguments],
            env=self.environment, input=stdin, capture_output=True, text=True, check=False, timeout=processes.LONGEST,
        )  # fmt: skip

    def restart(self) -> None:
        """Stop it in good order and start it again on the same port, with the same data."""
        self.stop()
        self.start()

    @property
    def workers(self) -> list[int]:
        """The processes that serve requests."""
        helpers = ("resource_tracker", "forkserver", "twofold.operations.background")
        pids = [
            pid for pid in processes.children(self.pid) if not any(h in processes.command_line(pid) for h in helpers)
        ]
        return pids or [self.pid]

    @property
    def background(self) -> int | None:
        """The process that does what no request waits for, if it runs."""
        found = [
            pid
            for pid in processes.children(self.pid)
            if "twofold.operations.background" in processes.command_line(pid)
        ]
        return found[0] if found else None

    def kill_worker(self) -> int:
        """Kill one worker in the middle of whatever it does; return its former id."""
        victim = self.workers[0]
        processes.kill([victim])
        return victim

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes so far, those that ended included."""
        return processes.cpu_seconds(self.pid)
