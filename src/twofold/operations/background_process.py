"""Starting the process beside a server (`operations/background.py`), watching it, and ending it with the server."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from twofold.kit import clock
from twofold.operations.worker import STOPS_WITHIN

# -P: what happens to lie in the folder in which the server was started is not imported.
COMMAND = (sys.executable, "-P", "-m", "twofold.operations.background")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until one that died is started again
STABLE_AFTER = 60.0  # one that ran for so long was well: the next pause is the first again
ENDS_WITHIN = STOPS_WITHIN + 3.0

log = structlog.get_logger()


@contextmanager
def background_process(
    environment: Mapping[str, str], command: Sequence[str] = COMMAND
) -> Iterator["BackgroundProcess"]:
    """Have the process run beside while the block does; one that dies is started again, after a pause that grows.

    The pause is 1 to 60 seconds. A process that cannot be started is logged, not raised, and tried again likewise.
    """
    beside = BackgroundProcess(environment, command)
    beside.start()
    try:
        yield beside
    finally:
        beside.stop()


class BackgroundProcess:
    """The process beside a server, and the thread that watches it."""

    def __init__(self, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        self._environment, self._command = environment, command
        self._restarting = threading.Lock()  # between starting another one and the end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, name="background-process", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and watch it from now on."""
        self._launch()
        self._thread.start()

    def stop(self) -> None:
        """Tell the process to stop, and wait until it has; one that has not within 18 seconds is killed."""
        with self._restarting:
            self._stopping.set()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # which is how it is told
        self._thread.join(ENDS_WITHIN)
        if self._thread.is_alive() and self._process is not None:
            log.error("the process beside the server does not stop; it is killed")
            self._process.kill()
            self._thread.join()

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = clock.stopwatch()
            code = self._wait()
            if self._stopping.is_set():
                return
            if clock.stopwatch() - began > STABLE_AFTER:
                pause = FIRST_PAUSE
            log.error("the process beside the server ended; it is started again", code=code, seconds=pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            with self._restarting:
                if self._stopping.is_set():
                    return
                self._launch()

    def _wait(self) -> int | None:
        if self._process is None:
            return None
        code = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def _launch(self) -> None:
        try:
            # A session of its own: Ctrl-C in a terminal tells the server alone, which tells this one at its end.
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:  # no memory, or too many processes: for now
            self._process = None
            log.error("the process beside the server could not be started", why=error.strerror)  # noqa: TRY400 - why
