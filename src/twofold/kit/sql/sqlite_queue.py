"""The line in which the writers of one SQLite file wait for its write lock, across processes."""

import contextlib
import fcntl
import threading
from pathlib import Path

import sqlalchemy as sa
import structlog

from twofold.kit import clock
from twofold.kit.sql import timeouts
from twofold.kit.sql.waits import noted

log = structlog.get_logger()


class WriterQueue:
    """Lines the writers of one SQLite file up, in this process and across processes.

    SQLite's own busy handler polls and is not fair: two processes starve each other for seconds. A lock on a file
    beside the database is handed over at once, so `BEGIN IMMEDIATE` never has to wait for another Twofold.

    Whoever holds that lock may be frozen. Nothing in the kernel waits for it with a limit, so where it is not free
    another thread blocks on it, and goes on doing so when the time-out of this one is over.
    """

    def __init__(self, url: str, timeout: float) -> None:
        path = sa.make_url(url).database or ""
        self._timeout = timeout
        self._threads = threading.Lock()
        self._file = Path(f"{path}.lock").open("a")  # noqa: SIM115 - lives as long as the database
        self._line = threading.Condition()  # guards the three below
        # Since when a thread blocks on the lock, if one does. Only that one may ask for it: its lock would be ours.
        self._standing_since: float | None = None
        self._wanted = False
        self._taken = False

    def take(self, until: float | None) -> None:
        """Take the write lock, in this process and on the file.

        `until` is what `limit` said when the caller began to wait.

        Raises:
            sqlalchemy.exc.TimeoutError: others held it until then.

        """
        if not self._threads.acquire(blocking=False):
            with noted("turn"):
                if not self._threads.acquire(timeout=-1 if until is None else max(0.0, until - clock.stopwatch())):
                    raise sa.exc.TimeoutError("another writer holds the database")
        try:
            self._lock_file(until)
        except BaseException:
            self._threads.release()
            raise

    def give(self) -> None:
        """Release the write lock; any thread may, for the one that took it."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        self._file.close()

    def limit(self) -> float | None:
        """Return when this thread gives up, in seconds of `clock.stopwatch`; None for never.

        That is at once where another thread has blocked on the file for the whole time-out already.
        """
        if not timeouts.is_interactive():
            return None
        since, now = self._standing_since, clock.stopwatch()
        return (now if since is None else since) + self._timeout

    def _lock_file(self, until: float | None) -> None:
        with self._line:
            if self._standing_since is None:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                threading.Thread(target=self._stand_in_line, name="writers-queue", daemon=True).start()
                self._standing_since = clock.stopwatch()  # only now: where no thread starts, the next tries again
            self._wanted = True
            with noted("turn"):
                seconds = None if until is None else max(0.0, until - clock.stopwatch())
                self._line.wait_for(lambda: self._standing_since is None, seconds)
            taken = self._taken
            self._wanted = self._taken = False
        if not taken:
            raise sa.exc.TimeoutError("another process holds the database")

    def _stand_in_line(self) -> None:
        locked = False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            locked = True
        except ValueError:
            pass  # the database was closed meanwhile, and the lock with it
        except OSError as error:
            log.warning("the lock of the database's file cannot be had", error=error.strerror)
        with self._line:
            self._standing_since, self._taken = None, locked and self._wanted
            self._line.notify()
            if locked and not self._wanted:
                with contextlib.suppress(ValueError):  # closed
                    fcntl.flock(self._file, fcntl.LOCK_UN)
