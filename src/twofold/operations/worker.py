"""The work behind the pages, in threads of a server or of `twofold worker`: letters, reminders, sealing, cleaning up.

Each job has a thread, so that a mail server that does not answer holds up nothing else. A job that fails is logged and
comes again; the thread goes on. A job that must run on one node at a time holds a lease.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from twofold.kit import clock, leases
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import random_bytes
from twofold.kit.sql.away import DATABASE_AWAY, what_it_says

AFTER_FAILURE = timedelta(seconds=5)
LEASE = timedelta(minutes=2)
STOPS_WITHIN = 15.0  # seconds for whatever runs to come to its end

log = structlog.get_logger("twofold.worker")


class Job(NamedTuple):
    """Something to do again and again; a run that answers True has more to do and comes again at once.

    One that is to run `alone` runs on one node at a time; a run of it must end within a minute, half of its lease.
    """

    name: str
    every: timedelta
    run: Callable[[AppContext, datetime], object]
    alone: bool = False


class Worker:
    """Runs jobs until it is stopped."""

    def __init__(self, context: AppContext, jobs: Sequence[Job]) -> None:
        self._context = context
        self._jobs = jobs
        self._name = random_bytes(8).hex()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(job,), name=f"job-{job.name}", daemon=True) for job in jobs
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let what runs come to its end, for 15 seconds, and give the leases up; the rest ends with the process."""
        self._stopping.set()
        deadline = clock.stopwatch() + STOPS_WITHIN
        for thread in self._threads:
            thread.join(max(0.0, deadline - clock.stopwatch()))
        self._give_leases_up()

    def run_until(self, told_to_stop: threading.Event) -> None:
        """Work until told to stop; for a process that does nothing else."""
        self.start()
        told_to_stop.wait()
        self.stop()

    def _repeat(self, job: Job) -> None:
        while not self._stopping.is_set():
            wait = timedelta(0)
            try:
                if not self._run(job, clock.now()):
                    wait = job.every
            except DATABASE_AWAY as error:
                wait = max(job.every, AFTER_FAILURE)
                log.error("job failed", job=job.name, error=type(error).__name__, says=what_it_says(error))  # noqa: TRY400
            except sa.exc.SQLAlchemyError as error:  # what a database says of a statement may hold its values
                wait = max(job.every, AFTER_FAILURE)
                log.error("job failed", job=job.name, error=type(error).__name__)  # noqa: TRY400 - see above
            except Exception:  # whatever happened, the work goes on
                wait = max(job.every, AFTER_FAILURE)
                log.exception("job failed", job=job.name)
            self._stopping.wait(wait.total_seconds())

    def _run(self, job: Job, at: datetime) -> bool:
        if job.alone and not self._has_lease(job, at):
            return False
        return job.run(self._context, at) is True

    def _has_lease(self, job: Job, at: datetime) -> bool:
        """Take or prolong the lease of a job; most times a look is enough."""
        life = max(LEASE, 2 * job.every)
        with self._context.db.read() as connection:
            held = leases.holder_of(connection, job.name)
        if held is not None and held.until > at:
            if held.holder != self._name:
                return False
            if held.until - at > life / 2:
                return True
        with self._context.db.write() as connection:
            return leases.take(connection, job.name, self._name, at, life)

    def _give_leases_up(self) -> None:
        try:
            with self._context.db.write() as connection:
                for job in self._jobs:
                    if job.alone:
                        leases.give_up(connection, job.name, self._name)
        except sa.exc.SQLAlchemyError as error:  # they run out by themselves
            log.warning("leases not given up", error=type(error).__name__)
