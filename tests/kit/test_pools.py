import asyncio
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from twofold.kit.http import pools
from twofold.kit.http.pools import Overloaded, ThreadPool, ThreadPools
from twofold.kit.sql.database import Undone
from twofold.kit.threads import GIVES_WAY, LEAST_PRIORITY


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
        pool = ThreadPool("test", 2, 10)
        waiting = [asyncio.create_task(pool.run(work)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert pool.inside == 6
        gate.set()
        await asyncio.gather(*waiting)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)
    assert most == 2


def test_a_full_lane_refuses_at_once_and_takes_more_when_it_has_room_again() -> None:
    gate = threading.Event()

    async def run() -> None:
        pool = ThreadPool("test", 1, 2)
        waiting = [asyncio.create_task(pool.run(lambda: gate.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await pool.run(lambda: None)
        gate.set()
        await asyncio.gather(*waiting)
        assert await pool.run(lambda: "done") == "done"
        pool.close()

    in_a_thread(run)


def test_work_that_runs_out_of_an_iterator_keeps_nobody_waiting() -> None:
    async def run() -> None:
        pool = ThreadPool("test", 1, 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(pool.run(lambda: next(iter(()))), 5)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)


def test_what_is_raised_in_a_lane_comes_out_and_leaves_its_place() -> None:
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


def test_the_threads_of_a_lane_that_gives_way_come_after_others_and_nobody_else_does() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def run() -> None:
        usual = priority()
        both = ThreadPools(quick_threads=1, password_threads=1)
        assert await both.quick.run(priority) == usual
        assert await both.password.run(priority) == min(usual + GIVES_WAY, LEAST_PRIORITY)
        assert priority() == usual
        both.close()

    in_a_thread(run)


def test_a_lane_that_is_closed_has_done_what_waited() -> None:
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
    gate, done = threading.Event(), list[str]()

    async def run() -> None:
        pool = ThreadPool("test", 1, 10)
        first = asyncio.create_task(pool.run(lambda: gate.wait(5)))
        given_up = asyncio.create_task(pool.run(lambda: done.append("given up")))
        last = asyncio.create_task(pool.run(lambda: done.append("last")))
        await asyncio.sleep(0.05)
        given_up.cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, last)
        assert pool.inside == 0
        pool.close()

    in_a_thread(run)
    assert done == ["last"]


class Ledger:
    """Stands for a database: what was done in a block counts once the block has ended well."""

    def __init__(self) -> None:
        self.blocks: list[list[str]] = []
        self.kept: list[str] = []
        self.spoilt = False
        self.fails: Exception | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        block: list[str] = []
        self.blocks.append(block)
        self.spoilt = False
        yield
        if self.fails:
            raise self.fails
        if self.spoilt:
            raise Undone
        self.kept += block
        self.blocks.append([])  # what is done from here on is done alone

    def note(self, name: str) -> str:
        if name == "bad":
            self.spoilt = True
            raise LookupError(name)
        self.blocks[-1].append(name)
        return name


def do_at_once(ledger: Ledger, names: list[str]) -> list[object]:
    """Do some at once, and return what each of them was told."""
    told = list[object]()

    async def run() -> None:
        pool = ThreadPool("test", 1, 100, together=ledger.together)
        told.extend(await held_up(pool, [functools.partial(ledger.note, name) for name in names]))
        pool.close()
        assert pool.inside == 0

    in_a_thread(run)
    return told


async def held_up(pool: ThreadPool, works: list[Callable[[], str]]) -> list[object]:
    """Let a job hold a thread pool up until all the others wait; return what came of those."""
    gate = threading.Event()
    first = asyncio.create_task(pool.run(lambda: gate.wait(5)))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(pool.run(work)) for work in works]
    await asyncio.sleep(0.05)
    gate.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.gather(first, return_exceptions=True)
    return list(told)


def test_what_waits_is_done_together_but_not_too_much_of_it() -> None:
    ledger = Ledger()
    names = [str(n) for n in range(pools.MOST_TOGETHER + 3)]
    assert do_at_once(ledger, names) == names
    assert ledger.kept == names
    sizes = [len(block) for block in ledger.blocks if block]
    assert sizes == [pools.MOST_TOGETHER, 3]


def test_where_there_is_company_the_lane_waits_for_those_who_are_about_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, lingers, came = Ledger(), threading.Event(), threading.Event()

    def linger(_seconds: float) -> None:
        lingers.set()
        assert came.wait(5)

    monkeypatch.setattr(pools, "time", SimpleNamespace(sleep=linger))

    async def run() -> None:
        pool = ThreadPool("test", 1, 10, together=ledger.together)
        early = [asyncio.create_task(pool.run(functools.partial(ledger.note, name))) for name in ("first", "second")]
        await asyncio.to_thread(lingers.wait, 5)
        late = asyncio.create_task(pool.run(functools.partial(ledger.note, "late")))
        await asyncio.sleep(0)
        came.set()
        await asyncio.gather(*early, late)
        pool.close()

    in_a_thread(run)
    assert [block for block in ledger.blocks if block] == [["first", "second", "late"]]


def test_who_comes_alone_is_not_kept_waiting_but_for_the_first_after_company(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, lingered = Ledger(), list[str]()
    monkeypatch.setattr(pools, "time", SimpleNamespace(sleep=lambda _seconds: lingered.append("lingered")))

    async def run() -> None:
        pool = ThreadPool("test", 1, 10, together=ledger.together)
        for name in ("alone", "alone again"):
            assert await pool.run(functools.partial(ledger.note, name)) == name
        assert lingered == []
        await held_up(pool, [functools.partial(ledger.note, name) for name in ("one", "other")])
        lingered.clear()
        assert await pool.run(functools.partial(ledger.note, "after them")) == "after them"
        assert lingered == ["lingered"]
        assert await pool.run(functools.partial(ledger.note, "much later")) == "much later"
        assert lingered == ["lingered"]
        pool.close()

    in_a_thread(run)


def test_a_full_commit_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    lingered = list[str]()
    monkeypatch.setattr(pools, "time", SimpleNamespace(sleep=lambda _seconds: lingered.append("lingered")))
    do_at_once(Ledger(), [str(n) for n in range(pools.MOST_TOGETHER)])
    assert lingered == []


def test_nobody_gets_an_answer_before_all_of_it_is_committed() -> None:
    committed, answered = threading.Event(), list[bool]()

    @contextmanager
    def together() -> Iterator[None]:
        yield
        time.sleep(0.1)
        committed.set()

    async def run() -> None:
        pool = ThreadPool("test", 1, 10, together=together)
        await pool.run(lambda: None)
        answered.append(committed.is_set())
        pool.close()

    in_a_thread(run)
    assert answered == [True]


def test_one_that_raises_is_not_the_loss_of_the_others() -> None:
    ledger = Ledger()
    first, bad, last = do_at_once(ledger, ["first", "bad", "last"])
    assert (first, last) == ("first", "last")
    assert isinstance(bad, LookupError)
    assert ledger.kept == [], "they were undone together"
    assert ledger.blocks[-1] == ["first", "last", "first", "last"], "and done again, each alone"


def test_a_commit_that_fails_is_told_to_everybody() -> None:
    ledger = Ledger()
    ledger.fails = OSError("no space")
    told = do_at_once(ledger, ["first", "last"])
    assert [type(one) for one in told] == [OSError, OSError]
    assert ledger.kept == []


def test_second_factors_have_a_lane_of_their_own_where_they_commit_together_and_else_the_quick_one() -> None:
    async def run() -> None:
        alone = ThreadPools(quick_threads=1, password_threads=1)
        assert alone.second_factor is alone.quick
        assert alone.inside == {"quick": 0, "password": 0, "anonymous": 0, "health": 0}
        alone.close()
        together = ThreadPools(quick_threads=1, password_threads=1, together=nullcontext)
        assert together.second_factor is not together.quick
        assert together.inside.keys() == alone.inside.keys() | {"second_factor"}
        together.close()

    in_a_thread(run)


def test_who_comes_first_is_begun_before_all_that_waits() -> None:
    gate, done = threading.Event(), list[str]()

    async def run() -> None:
        pool = ThreadPool("test", 1, 10)
        begun = asyncio.create_task(pool.run(lambda: gate.wait(5)))
        await asyncio.sleep(0.05)
        strangers = [asyncio.create_task(pool.run(functools.partial(done.append, f"stranger {n}"))) for n in range(3)]
        await asyncio.sleep(0)
        known = [asyncio.create_task(pool.run(functools.partial(done.append, f"{n}"), first=True)) for n in range(2)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(begun, *strangers, *known)
        pool.close()

    in_a_thread(run)
    assert done == ["0", "1", "stranger 0", "stranger 1", "stranger 2"]


def test_strangers_cannot_fill_up_the_room_of_those_who_come_first() -> None:
    gate = threading.Event()

    async def run() -> None:
        pool = ThreadPool("test", 1, 2)
        strangers = [asyncio.create_task(pool.run(lambda: gate.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert pool.is_full()
        assert not pool.is_full(first=True)
        known = [asyncio.create_task(pool.run(lambda: "in", first=True)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert pool.is_full(first=True), "they have a bound as well"
        with pytest.raises(Overloaded):
            await pool.run(lambda: None, first=True)
        gate.set()
        assert await asyncio.gather(*known) == ["in"] * 3
        await asyncio.gather(*strangers)
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
    thread.join(30)
    assert not thread.is_alive(), "it has not come to its end"
    if failures:
        raise failures[0]
