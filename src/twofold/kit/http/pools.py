"""Where handlers run: plain functions in small pools of threads, so that one kind of work cannot hold up another.

Handlers that hash a password go to the password pool; everything else to the quick one if whoever asks bears a token
of ours, and to the anonymous one if not (kit.http.anonymous tells which). A storm of passwords, or of anonymous
requests, then leaves session checks and second factors answering. In the password pool those whom we know come first.
Whether this node is ready is asked in a thread pool of its own. A pool that has too many waiting refuses at once (503)
rather than letting everybody wait. Small pools are the fast ones: more threads fight for the interpreter lock.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Awaitable, Callable, Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from twofold.kit.http.requests import tokens_in
from twofold.kit.sql.database import serve_anonymous
from twofold.kit.sql.timeouts import mark_interactive
from twofold.kit.threads import give_way

P = ParamSpec("P")
R = TypeVar("R")


MOST_WAITING = 512  # requests
MOST_ANONYMOUS_WAITING, MOST_PASSWORDS_WAITING = 192, 192  # some seconds of work, which browsers still wait for
ANONYMOUS = "twofold_anonymous"  # in the scope of a request: whoever sent it bears no token of ours
KNOWN_CLIENT = "twofold_known_client"  # the same: it is anonymous, but its browser has signed somebody in before


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
    ) -> None:
        """Start the threads.

        Where the pool `gives_way`, the system runs other threads first when cores are short; where it is
        `for_anonymous`, its threads keep to a share of the database.
        """
        self._gives_way, self._for_anonymous = gives_way, for_anonymous
        # Work that comes first has a queue and a bound of its own, which other work cannot fill up. There is a ticket
        # for each job in either queue, and one that says no more for each thread that is to end.
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
        """Run a plain function in the pool and return or raise what it does; `first` goes before all else that waits.

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
            if not job.result.cancelled():  # whoever asked has hung up
                job.loop.call_soon_threadsafe(_settle, job.result, *_do(job))

    def _next(self) -> "_Job":
        """Take the job of a ticket."""
        with contextlib.suppress(Empty):
            return self._first.get_nowait()
        return self._queue.get()


class _Job(NamedTuple):
    """Work for a thread pool, and the future in the event loop that waits for its result."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    result: "asyncio.Future[Any]"


def _do(job: _Job) -> tuple[object, BaseException | None]:
    """Do a job; return what came of it, or what it raised."""
    try:
        return job.work(), None
    except BaseException as error:  # noqa: BLE001 - raised where the work was asked for
        return None, error


def _settle(result: "asyncio.Future[Any]", value: object, error: BaseException | None) -> None:
    if result.cancelled():
        return
    if error is None:
        result.set_result(value)
    elif isinstance(error, StopIteration):  # no future takes one, and whoever waits would wait for ever
        broken = RuntimeError("the work raised StopIteration")
        broken.__cause__ = error
        result.set_exception(broken)
    else:
        result.set_exception(error)


class ThreadPools:
    """The thread pools of one server process; `app.state.pools`."""

    def __init__(
        self,
        *,
        quick_threads: int,
        password_threads: int,
        anonymous_threads: int = 1,
    ) -> None:
        """Start them."""
        self.quick = ThreadPool("quick", quick_threads, MOST_WAITING)
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
        return [
            ("quick", self.quick), ("password", self.password), ("anonymous", self.anonymous), ("health", self.health),
        ]  # fmt: skip


def quick(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler in the quick pool; for an anonymous request, in the pool for those.

    The decorated handler raises Overloaded where the queue of the pool is full.
    """
    return _in_pool(handler, "quick")


def takes_password(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that hashes a password in the password pool, where an anonymous request comes after all others.

    The decorated handler raises Overloaded where the queue of the pool is full.
    """

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        first = bool(request.scope.get(KNOWN_CLIENT)) or not _is_anonymous(kwargs)
        pool: ThreadPool = request.app.state.pools.password
        return await pool.run(functools.partial(handler, *args, **kwargs), first=first)

    return run


def takes_token(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler whose form may bear a token of ours as `quick` does where a request bears one in its head.

    The decorated handler raises Overloaded where the queue of the pool is full.
    """

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request, body = cast("Any", kwargs["request"]), cast("bytes", kwargs["body"])
        issued = request.app.state.context.vault.issued
        is_known = not _is_anonymous(kwargs) or any(issued(token) for token in tokens_in(body))
        pool: ThreadPool = getattr(request.app.state.pools, "quick" if is_known else "anonymous")
        return await pool.run(functools.partial(handler, *args, **kwargs))

    return run


def asks_for_health(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that says how this node is in a thread pool of its own, which nobody's work holds up."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        pool: ThreadPool = request.app.state.pools.health
        return await pool.run(functools.partial(handler, *args, **kwargs))

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
