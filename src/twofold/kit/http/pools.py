"""Where handlers run: plain functions in small pools of threads, so that one kind of work cannot hold up another.

Handlers that hash a password go to the password pool; everything else to the quick one if whoever asks bears a token
of ours, and to the anonymous one if not (kit.http.anonymous tells which). A storm of passwords, or of anonymous
requests, then leaves session checks and second factors answering. In the password pool those whom we know come first.
Whether this node is ready is asked in a thread pool of its own. A pool that has too many waiting refuses at once (503)
rather than letting everybody wait. Small pools are the fast ones: more threads fight for the interpreter lock.

On SQLite second factors have a thread pool of their own, which takes all that wait at once and commits them together
(docs/decisions/0027-committed-together.md).
"""

import asyncio
import contextlib
import contextvars
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, ParamSpec, TypeVar

from twofold.kit.sql.database import Undone, WriteNeeded, only_reading, serve_anonymous
from twofold.kit.sql.timeouts import mark_interactive
from twofold.kit.threads import give_way

P = ParamSpec("P")
R = TypeVar("R")


MOST_WAITING = 512
MOST_ANONYMOUS_WAITING, MOST_PASSWORDS_WAITING = 192, 192  # some seconds of work, which browsers still wait for
ANONYMOUS = "twofold_stranger"  # in the scope of a request: whoever sent it bears no token of ours
KNOWN_CLIENT = "twofold_known_client"  # the same: a stranger whose browser or program has signed somebody in before
MOST_TOGETHER = 16  # in one commit: nobody else writes meanwhile
LINGERS = 0.0005  # seconds, for those who are about to come


class Overloaded(Exception):
    """Too many requests wait in this pool: answer 503 and ask to come back."""


class ThreadPool:
    """A few threads with a bounded queue before them.

    A ThreadPoolExecutor would do, at three times the CPU: each of its hand-overs makes a second future and a lock.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        most_waiting: int,
        *,
        gives_way: bool = False,
        for_anonymous: bool = False,
        together: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        """Start the threads.

        Where the pool `gives_way`, the system runs other threads first when cores are short; where it is
        `for_strangers`, its threads keep to a share of the database. What waits is done
        `together` (Database.together), and nobody gets an answer before all of it is committed; like PostgreSQL with
        its `commit_delay`, the pool waits LINGERS seconds for more, where there is company.
        """
        self._gives_way, self._for_anonymous = gives_way, for_anonymous
        self._together, self._most_together = (nullcontext, 1) if together is None else (together, MOST_TOGETHER)
        self._had_company = False
        # Who comes first has a queue and a bound of their own, which others cannot fill up. There is a ticket for each
        # job in either queue, and one that says no more for each thread that is to end.
        self._first: SimpleQueue[_Job] = SimpleQueue()
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        self._tickets: SimpleQueue[bool] = SimpleQueue()
        self._most = threads + most_waiting
        self.inside = self._inside_first = 0
        self._threads = [Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def is_full(self, *, first: bool = False) -> bool:
        """Tell whether whoever comes now is refused."""
        return (self._inside_first if first else self.inside - self._inside_first) >= self._most

    async def run(self, work: Callable[[], R], *, first: bool = False) -> R:
        """Run a plain function in the pool; what comes `first` is begun before all else that waits.

        Raises:
            Overloaded: the queue is full.

        """
        if self.is_full(first=first):
            raise Overloaded
        self.inside += 1
        self._inside_first += first
        try:
            loop = asyncio.get_running_loop()
            result: asyncio.Future[R] = loop.create_future()
            job = _Job(functools.partial(contextvars.copy_context().run, work), loop, result)
            (self._first if first else self._queue).put(job)
            self._tickets.put(True)
            return await result
        finally:
            self.inside -= 1
            self._inside_first -= first

    def close(self) -> None:
        """Let what runs and waits finish, and stop the threads."""
        for _ in self._threads:
            self._tickets.put(False)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        mark_interactive()
        if self._gives_way:
            give_way()
        if self._for_anonymous:
            serve_anonymous()
        while self._tickets.get():
            job = self._next()
            jobs = [job] if self._most_together == 1 else [job, *self._company()]
            job.loop.call_soon_threadsafe(_settle, self._do_together(jobs))

    def _next(self) -> "_Job":
        """Take the job of a ticket."""
        with contextlib.suppress(Empty):
            return self._first.get_nowait()
        return self._queue.get()

    def _do_together(self, jobs: "list[_Job]") -> "list[_Done]":
        try:
            with self._together():
                return _do(jobs)
        except Undone:  # by one of them, which must not be the others' loss: now each alone
            return _do(jobs)
        except BaseException as error:  # noqa: BLE001 - raised where the work was asked for
            return [_Done(job.result, None, error) for job in jobs]

    def _company(self) -> "list[_Job]":
        """Take what else waits already, and what comes in a moment, if the last ones had company or this one has.

        Who comes alone is not kept waiting. Otherwise those who just got their answers would come again while the rest
        commits, and two halves would commit in turns for ever.
        """
        if (self._had_company or self.inside > 1) and self._tickets.qsize() < self._most_together - 1:
            time.sleep(LINGERS)
        jobs = self._waiting()
        self._had_company = bool(jobs)
        return jobs

    def _waiting(self) -> "list[_Job]":
        jobs: list[_Job] = []
        with contextlib.suppress(Empty):
            while len(jobs) < self._most_together - 1:
                if not self._tickets.get_nowait():
                    self._tickets.put(False)  # the end: for the next look
                    break
                jobs.append(self._next())
        return jobs


class _Job(NamedTuple):
    """Work for a thread pool, and the future in the event loop that waits for its result."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    result: "asyncio.Future[Any]"


class _Done(NamedTuple):
    """What came of a job, for whoever waits for it."""

    result: "asyncio.Future[Any]"
    value: object
    error: BaseException | None


def _do(jobs: "list[_Job]") -> "list[_Done]":
    """Do jobs one after the other, but for those whose askers have hung up."""
    done = []
    for job in jobs:
        if job.result.cancelled():
            continue
        try:
            done.append(_Done(job.result, job.work(), None))
        except BaseException as error:  # noqa: BLE001 - raised where the work was asked for
            done.append(_Done(job.result, None, error))
    return done


def _settle(done: "list[_Done]") -> None:
    for result, value, error in done:
        if result.cancelled():
            continue
        if error is None:
            result.set_result(value)
        elif isinstance(error, StopIteration):  # no future takes one, and whoever waits would wait for ever
            broken = RuntimeError("the work raised StopIteration")
            broken.__cause__ = error
            result.set_exception(broken)
        else:
            result.set_exception(error)


class ThreadPools:
    """The thread pools of one server process; `app.state.thread pools`."""

    def __init__(
        self,
        *,
        quick_threads: int,
        password_threads: int,
        anonymous_threads: int = 1,
        together: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        """Start them; second factors are in the quick pool, unless there is a way to do several `together`."""
        self.quick = ThreadPool("quick", quick_threads, MOST_WAITING)
        self.second_factor = (
            self.quick if together is None else ThreadPool("second-factor", 1, MOST_WAITING, together=together)
        )
        self.password = ThreadPool(
            "password", password_threads, MOST_PASSWORDS_WAITING, gives_way=True, for_anonymous=True
        )
        self.anonymous = ThreadPool("anonymous", anonymous_threads, MOST_ANONYMOUS_WAITING, for_anonymous=True)
        self.health = ThreadPool("health", 1, MOST_WAITING)

    @property
    def inside(self) -> dict[str, int]:
        """How many requests wait or run in each pool, by its name."""
        return {name: pool.inside for name, pool in self._each()}

    def close(self) -> None:
        """Stop them."""
        for _name, pool in self._each():
            pool.close()

    def _each(self) -> "list[tuple[str, ThreadPool]]":
        pools = [
            ("quick", self.quick), ("password", self.password), ("anonymous", self.anonymous), ("health", self.health),
        ]  # fmt: skip
        return pools if self.second_factor is self.quick else [*pools, ("second_factor", self.second_factor)]


def quick(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler in the quick pool; for a stranger, in theirs."""
    return _in_pool(handler, "quick")


def proves_second_factor(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that proves a second factor, where several of them may commit together; a stranger's in theirs.

    What it has written may be undone after it has returned: it tells nobody of it but by its answer, which waits.
    """
    return _in_pool(handler, "second_factor")


def takes_password(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that hashes a password in the password pool, where a stranger comes after everybody else."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        first = bool(request.scope.get(KNOWN_CLIENT)) or not _is_anonymous(kwargs)
        pool: ThreadPool = request.app.state.pools.password
        return await pool.run(functools.partial(handler, *args, **kwargs), first=first)

    return run


def asks_for_health(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that says how this node is in a thread pool of its own, which nobody's work holds up."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        pool: ThreadPool = request.app.state.pools.health
        return await pool.run(functools.partial(handler, *args, **kwargs))

    return run


def at_a_glance(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that reads a row by its key where it stands, on the event loop: the hop to a thread costs more.

    That is so on SQLite, where reading waits for nobody. On PostgreSQL, when it comes to write, and for a stranger, the
    pool runs it, from its beginning.
    """
    in_pool = quick(handler)

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        if not request.app.state.context.db.on_sqlite or _is_anonymous(kwargs):
            return await in_pool(*args, **kwargs)
        mark = only_reading.set(True)
        try:
            return handler(*args, **kwargs)
        except WriteNeeded:
            pass
        finally:
            only_reading.reset(mark)
        return await in_pool(*args, **kwargs)

    return run


def _in_pool(handler: Callable[P, R], pool: str) -> Callable[P, Awaitable[R]]:
    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        chosen: ThreadPool = getattr(request.app.state.pools, "anonymous" if _is_anonymous(kwargs) else pool)
        return await chosen.run(functools.partial(handler, *args, **kwargs))

    return run


def _is_anonymous(kwargs: Mapping[str, Any]) -> bool:
    """Tell whether whoever asks bears no token of ours; a program has that of its sign-in in the body."""
    request: Any = kwargs["request"]
    if not request.scope.get(ANONYMOUS):
        return False
    sign_in = getattr(kwargs.get("data"), "sign_in", None)
    return not (isinstance(sign_in, str) and request.app.state.context.vault.issued(sign_in))
