import asyncio
import functools
import os
import threading

import pytest

from twofold.kit.web import lanes
from twofold.kit.web.lanes import Lane, Lanes, Overloaded


def test_a_lane_runs_as_many_as_it_has_threads_and_lets_the_others_wait() -> None:
    inside, most = 0, 0
    mutex, gate = threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal inside, most
        with mutex:
            inside += 1
            most = max(most, inside)
        gate.wait(5)
        with mutex:
            inside -= 1

    async def run() -> None:
        lane = Lane("test", 2, 10)
        waiting = [asyncio.create_task(lane.run(work)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert lane.inside == 6
        gate.set()
        await asyncio.gather(*waiting)
        assert lane.inside == 0
        lane.close()

    in_a_thread(run)
    assert most == 2


def test_a_full_lane_refuses_at_once_and_takes_more_when_it_has_room_again() -> None:
    gate = threading.Event()

    async def run() -> None:
        lane = Lane("test", 1, 2)
        waiting = [asyncio.create_task(lane.run(lambda: gate.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await lane.run(lambda: None)
        gate.set()
        await asyncio.gather(*waiting)
        assert await lane.run(lambda: "done") == "done"
        lane.close()

    in_a_thread(run)


def test_work_that_runs_out_of_an_iterator_keeps_nobody_waiting() -> None:
    async def run() -> None:
        lane = Lane("test", 1, 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(lane.run(lambda: next(iter(()))), 5)
        assert lane.inside == 0
        lane.close()

    in_a_thread(run)


def test_what_is_raised_in_a_lane_comes_out_and_leaves_its_place() -> None:
    def fail() -> None:
        raise LookupError

    async def run() -> None:
        lane = Lane("test", 1, 0)
        for _ in range(3):
            with pytest.raises(LookupError):
                await lane.run(fail)
        assert lane.inside == 0
        lane.close()

    in_a_thread(run)


def test_the_threads_of_a_lane_that_gives_way_come_after_others_and_nobody_else_does() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def run() -> None:
        usual = priority()
        both = Lanes(quick_threads=1, password_threads=1)
        assert await both.quick.run(priority) == usual
        assert await both.password.run(priority) > usual
        assert priority() == usual
        both.close()

    in_a_thread(run)


def test_a_lane_says_once_that_it_is_at_rest_and_not_while_work_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "AT_REST_AFTER", 0.05)
    gate, rested = threading.Event(), threading.Semaphore(0)

    async def run() -> None:
        lane = Lane("test", 2, 10, at_rest=rested.release)
        for _ in range(2):  # each thread for itself: both have nothing to do
            assert await asyncio.to_thread(rested.acquire, timeout=5)
        working = asyncio.create_task(lane.run(lambda: gate.wait(5)))
        assert await lane.run(lambda: "done") == "done"
        assert not await asyncio.to_thread(rested.acquire, timeout=0.3)
        gate.set()
        await working
        assert await asyncio.to_thread(rested.acquire, timeout=5)
        assert not await asyncio.to_thread(rested.acquire, timeout=0.3)
        lane.close()

    in_a_thread(run)


def test_a_lane_that_is_closed_has_done_what_waited() -> None:
    done: list[int] = []

    async def run() -> None:
        lane = Lane("test", 1, 10)
        waiting = [asyncio.create_task(lane.run(functools.partial(done.append, n))) for n in range(5)]
        await asyncio.sleep(0)
        lane.close()
        await asyncio.gather(*waiting)

    in_a_thread(run)
    assert done == [0, 1, 2, 3, 4]


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    gate, done = threading.Event(), list[str]()

    async def run() -> None:
        lane = Lane("test", 1, 10)
        first = asyncio.create_task(lane.run(lambda: gate.wait(5)))
        given_up = asyncio.create_task(lane.run(lambda: done.append("given up")))
        last = asyncio.create_task(lane.run(lambda: done.append("last")))
        await asyncio.sleep(0.05)
        given_up.cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, last)
        assert lane.inside == 0
        lane.close()

    in_a_thread(run)
    assert done == ["last"]


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
    thread.join(30)
    if failures:
        raise failures[0]
