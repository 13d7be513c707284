"""`python -m twofold …` without loading it each time: forked off a process that has loaded it, in a tenth of the time.

Loading Twofold takes a second of CPU, and tests start hundreds of its commands and servers. What is forked off is a
process like any other, with its own id, arguments, environment, streams and end, and a child of the tests: it runs what
`python -m twofold` runs. What it starts itself (workers, the process beside a server) is started as usual.

Whatever says how Python is to be started (another interpreter or version, AT_START, rights) is started as it says.
"""

import ctypes
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
LONGEST_REQUEST = 1 << 20  # bytes: arguments and environment
STREAMS = 3
COMMAND = [sys.executable, "-m", "twofold"]
COMMANDS = (COMMAND, [sys.executable, "-m", "tests.harness.strict_server"])
ROOM_FOR_ARGUMENTS = 4000  # bytes of /proc/PID/cmdline
ADOPTED = b"adopted"
AT_START = {"PYTHONPATH", "LD_PRELOAD"}  # count only where a process is started
PROGRAM = f"from {__name__} import main; main()"


class Loaded:
    """The process that has loaded Twofold, as the tests see it; it ends with them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, request: dict[str, Any], streams: list[int]) -> int:
        """Have a process forked off, which becomes our own child; return its id."""
        with self._lock:
            line = self._line or self._start()
            with _adopting():
                socket.send_fds(line, [json.dumps(request).encode()], streams)
                pid = int(line.recv(32))
                assert line.recv(32) == ADOPTED, "the process is nobody's"
                return pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """End it, if it was started."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait()

    def _start(self) -> socket.socket:
        ours, its = _pair()
        with its:
            command = [sys.executable, "-c", PROGRAM, str(its.fileno()), "-" * ROOM_FOR_ARGUMENTS]
            self._process = subprocess.Popen(command, pass_fds=[its.fileno()], cwd=Path(__file__).parents[2])
        self._line = ours
        return ours


loaded = Loaded()


class Popen(subprocess.Popen[Any]):
    """subprocess.Popen, which has `python -m twofold` forked off instead of loaded."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *more: Any) -> None:
        (
            _close_fds, pass_fds, cwd, env, _startupinfo, _creationflags, shell,
            p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,
            _restore_signals, gid, gids, uid, umask, start_new_session, _process_group,
        ) = more  # fmt: skip
        environment = dict(os.environ if env is None else env)
        as_usual = [executable, preexec_fn, pass_fds or None, shell or None, gid, gids, uid]
        if not _is_ours(args, environment) or umask != -1 or any(each is not None for each in as_usual):
            super()._execute_child(args, executable, preexec_fn, *more)  # type: ignore[misc]
            return
        request = {
            "command": [os.fspath(each) for each in args],
            "environment": environment,
            "folder": str(Path(cwd or ".").resolve()),
            "session": bool(start_new_session),
        }
        streams = [own if given == -1 else given for own, given in enumerate((p2cread, c2pwrite, errwrite))]
        try:
            self.pid = loaded.fork(request, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]


def install() -> None:
    """Have the commands of Twofold that tests start forked off from now on."""
    subprocess.Popen = Popen  # type: ignore[misc]


def main() -> None:
    """Fork off whatever is asked for, until nobody is there who asks."""
    import twofold.cli  # noqa: PLC0415 - here, and nowhere else

    assert callable(twofold.cli.main)
    gc.collect()
    gc.freeze()
    line = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, streams, _, _ = socket.recv_fds(line, LONGEST_REQUEST, STREAMS)
        if not message:
            return
        between = os.fork()
        if between:
            os.waitpid(between, 0)  # after which its child is one of the tests'
            line.send(ADOPTED)
            for stream in streams:
                os.close(stream)
            continue
        child = os.fork()
        if child:
            line.send(str(child).encode())
            os._exit(0)
        line.close()
        _become(json.loads(message), streams)
        return


def _is_ours(command: Any, environment: dict[str, str]) -> bool:
    if isinstance(command, str | bytes | os.PathLike) or AT_START & environment.keys():
        return False
    return [os.fspath(each) for each in command][: len(COMMAND)] in COMMANDS


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Be the process that was asked for."""
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    _show_arguments(request["command"])
    module, *arguments = request["command"][len(COMMAND) - 1 :]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _show_arguments(command: Sequence[str]) -> None:
    """Let /proc/PID/cmdline have them, as of a process that was started with them."""
    start, end = (int(field) for field in Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    shown = b"\0".join(each.encode() for each in command)[: end - start - 1]
    ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)


@contextmanager
def _adopting() -> Iterator[None]:
    """Be the parent of processes whose own one ends meanwhile (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a line; a message is whole or not there."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_REQUEST)
    return ours, its
