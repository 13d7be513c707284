import asyncio
import functools
import os
import threading

import pytest

from tests.harness.processes import LONGEST
from twofold.kit.http.pools import Overloaded, ThreadPool, ThreadPools
from twofold.kit.threads import GIVES_WAY, LEAST_PRIORITY


class Gate:
    """Holds up the threads that come to it until it is opened."""

    def __init__(self) -> None:
        self._came, self._opened = threading.Semaphore(0), threading.Event()

    def __call__(self) -> None:
        self._came.release()
        assert self._opened.wait(LONGEST)

    async def held_up(self, threads: int) -> None:
        """Wait until so many more threads stand before it."""
        for _ in range(threads):
            assert await asyncio.to_thread(self._came.acquire, timeout=LONGEST)

    def open(self) -> None:
        self._opened.set()


def test_a_thread_pool_runs_as_many_as_it_has_threads_and_lets_the_others_wait() -> None:
    inside, most = 0, 0
    mutex, gate = threading.Lock(), Gate()

    def work() -> None:
        nonlocal inside, most
        with mutex:
            inside += 1
            most = max(most, inside)
        gate()
        with mutex:
            inside -= 1

    async def run() -> None:
        pool = ThreadPool("test", 2, 10)
        waiting = [asyncio.create_task(pool.run(work)) for _ in range(6)]
        await gate.held_up(2)
        assert pool.inside == 6
        gate.open()
        await asyncio.gather(*waiting)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)
    assert most == 2


def test_a_full_thread_pool_refuses_at_once_and_takes_more_when_it_has_room_again() -> None:
    gate = Gate()

    async def run() -> None:
        pool = ThreadPool("test", 1, 2)
        waiting = [asyncio.create_task(pool.run(gate)) for _ in range(3)]
        await gate.held_up(1)
        with pytest.raises(Overloaded):
            await pool.run(lambda: None)
        gate.open()
        await asyncio.gather(*waiting)
        assert await pool.run(lambda: "done") == "done"
        pool.close()

    in_a_thread(run)


def test_work_that_runs_out_of_an_iterator_keeps_nobody_waiting() -> None:
    async def run() -> None:
        pool = ThreadPool("test", 1, 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(pool.run(lambda: next(iter(()))), LONGEST)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)


def test_what_is_raised_in_a_thread_pool_comes_out_and_leaves_its_place() -> None:
    def fail() -> None:
        raise LookupError

    async def run() -> None:
        pool = ThreadPool("test", 1, 0)
        for _ in range(3):
            with pytest.raises(LookupError):
                await pool.run(fail)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)


def test_the_threads_of_a_pool_that_gives_way_come_after_others_and_no_others_do() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def run() -> None:
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())  # whoever runs the tests may have lowered it
        both = ThreadPools(quick_threads=1, password_threads=1)
        assert await both.quick.run(priority) == priority()
        assert await both.password.run(priority) == min(usual + GIVES_WAY, LEAST_PRIORITY)
        both.close()

    in_a_thread(run)


def test_a_thread_pool_that_is_closed_has_done_what_waited() -> None:
    done: list[int] = []

    async def run() -> None:
        pool = ThreadPool("test", 1, 10)
        waiting = [asyncio.create_task(pool.run(functools.partial(done.append, n))) for n in range(5)]
        await asyncio.sleep(0)
        pool.close()
        await asyncio.gather(*waiting)

    in_a_thread(run)
    assert done == [0, 1, 2, 3, 4]


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    gate, done = Gate(), list[str]()

    async def run() -> None:
        pool = ThreadPool("test", 1, 10)
        first = asyncio.create_task(pool.run(gate))
        given_up = asyncio.create_task(pool.run(lambda: done.append("given up")))
        last = asyncio.create_task(pool.run(lambda: done.append("last")))
        await gate.held_up(1)
        given_up.cancel()
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, last)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)
    assert done == ["last"]


def test_who_comes_first_is_begun_before_all_that_waits() -> None:
    gate, done = Gate(), list[str]()

    async def run() -> None:
        pool = ThreadPool("test", 1, 10)
        begun = asyncio.create_task(pool.run(gate))
        await gate.held_up(1)
        others = [asyncio.create_task(pool.run(functools.partial(done.append, f"other {n}"))) for n in range(3)]
        await asyncio.sleep(0)
        known = [asyncio.create_task(pool.run(functools.partial(done.append, f"{n}"), first=True)) for n in range(2)]
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(begun, *others, *known)
        pool.close()

    in_a_thread(run)
    assert done == ["0", "1", "other 0", "other 1", "other 2"]


def test_others_cannot_fill_up_the_room_of_those_who_come_first() -> None:
    gate = Gate()

    async def run() -> None:
        pool = ThreadPool("test", 1, 2)
        others = [asyncio.create_task(pool.run(gate)) for _ in range(3)]
        await gate.held_up(1)
        assert pool.is_full()
        assert not pool.is_full(first=True)
        known = [asyncio.create_task(pool.run(lambda: "in", first=True)) for _ in range(3)]
        await asyncio.sleep(0)
        assert pool.is_full(first=True), "they have a bound as well"
        with pytest.raises(Overloaded):
            await pool.run(lambda: None, first=True)
        gate.open()
        assert await asyncio.gather(*known) == ["in"] * 3
        await asyncio.gather(*others)
        assert pool.inside == 0
        assert not pool.is_full()
        pool.close()

    in_a_thread(run)


def in_a_thread(run: object) -> None:
    """Playwright may hold this thread's event loop."""
    failures: list[BaseException] = []

    def go() -> None:
        try:
            asyncio.run(run())  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - handed on to the test
            failures.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join(2 * LONGEST)
    assert not thread.is_alive(), "it has not come to its end"
    if failures:
        raise failures[0]
