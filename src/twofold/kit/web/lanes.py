"""Where handlers run: plain functions in small pools of threads, so that one kind of work cannot hold up another.

Handlers that hash a password go to the password lane; everything else to the quick one. A storm of passwords then
leaves session checks and second factors answering. A lane that has too many waiting refuses at once (503) rather than
letting everybody wait. Small pools are the fast ones: more threads fight for the interpreter lock.
"""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from twofold.kit.patience import hurry

P = ParamSpec("P")
R = TypeVar("R")


class Overloaded(Exception):
    """Too many requests wait in this lane: answer 503 and ask to come back."""


class Lane:
    """A pool of threads with a bounded queue before it."""

    def __init__(self, name: str, threads: int, most_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=hurry)
        self._most = threads + most_waiting
        self.inside = 0

    async def run(self, work: Callable[[], R]) -> R:
        """Run a plain function in the lane.

        Raises:
            Overloaded: the queue is full.

        """
        if self.inside >= self._most:
            raise Overloaded
        self.inside += 1
        try:
            context = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)
        finally:
            self.inside -= 1

    def close(self) -> None:
        """Let what runs finish, and stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Lanes:
    """The lanes of one server process; `app.state.lanes`."""

    def __init__(self, *, quick_threads: int, password_threads: int) -> None:
        self.quick = Lane("quick", quick_threads, 512)
        self.password = Lane("password", password_threads, 192)

    def close(self) -> None:
        """Stop both."""
        self.quick.close()
        self.password.close()


def quick(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler in the quick lane."""
    return _in_lane(handler, "quick")


def takes_password(handler: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a handler that hashes a password in the password lane."""
    return _in_lane(handler, "password")


def _in_lane(handler: Callable[P, R], lane: str) -> Callable[P, Awaitable[R]]:
    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        request: Any = kwargs["request"]
        chosen: Lane = getattr(request.app.state.lanes, lane)
        return await chosen.run(functools.partial(handler, *args, **kwargs))

    return run
