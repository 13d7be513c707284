import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2_interleaved import Memory, first_blocks, units

from twofold.kit.crypto import argon2id_interleaved
from twofold.kit.crypto.argon2id_interleaved import Interleaved
from twofold.kit.crypto.libsodium import Libsodium
from twofold.kit.threads import GIVES_WAY, LEAST_PRIORITY

MEMORY_KIB, PASSES = 1024, 1
SECRETS = [b"orchard %d" % n for n in range(9)]
STORED = [Libsodium().hash(secret, MEMORY_KIB, PASSES) for secret in SECRETS]


class Watched:
    """What the memories of a test did: how many passwords at once, by which threads; and a gate before each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.together = list[int]()
        self.memories = list[Memory]()
        self.priorities = set[int]()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        real = Memory.last_blocks

        def last_blocks(memory: Memory, starts: Sequence[bytes], passes: int) -> list[bytes]:
            self.together.append(len(starts))
            self.memories.append(memory)
            self.priorities.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            self.begun.release()
            assert self.gate.wait(20)
            return real(memory, starts, passes)

        monkeypatch.setattr(Memory, "last_blocks", last_blocks)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


@pytest.fixture
def many() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def interleaved(monkeypatch: pytest.MonkeyPatch, *, cores: int = 2, rest: float = 30.0) -> Interleaved:
    monkeypatch.setattr(argon2id_interleaved, "AT_REST_AFTER", rest)
    return Interleaved(units()[0], MEMORY_KIB, PASSES, cores)


def soon(so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not so() and time.monotonic() < until:
        time.sleep(0.005)
    return so()


def test_two_that_wait_are_computed_together_and_each_gets_its_own_answer(
    monkeypatch: pytest.MonkeyPatch, watched: Watched, many: ThreadPoolExecutor
) -> None:
    way = interleaved(monkeypatch)
    watched.gate.clear()
    answers = [many.submit(way.verify, STORED[n], SECRETS[n]) for n in range(8)]
    wrong = many.submit(way.verify, STORED[8], b"kettle")
    assert watched.begun.acquire(timeout=10)
    assert soon(lambda: len(way._waiting) + watched.together[0] == 9)
    watched.gate.set()
    assert [answer.result(10) for answer in answers] == [True] * 8
    assert wrong.result(10) is False
    assert watched.together in ([1, 2, 2, 2, 2], [2, 2, 2, 2, 1])
    assert len(set(watched.memories)) == 1


def test_one_alone_does_not_wait_for_company(monkeypatch: pytest.MonkeyPatch, watched: Watched) -> None:
    way = interleaved(monkeypatch)
    assert way.verify(STORED[0], SECRETS[0])
    assert not way.verify(STORED[1], SECRETS[0])
    assert watched.together == [1, 1]
    assert watched.priorities == {min(os.getpriority(os.PRIO_PROCESS, 0) + GIVES_WAY, LEAST_PRIORITY)}
    assert threading.get_native_id() not in watched.priorities


@pytest.mark.parametrize(("cores", "threads", "callers"), [(1, 1, 8), (2, 1, 8), (3, 1, 8), (4, 2, 12), (64, 8, 36)])
def test_there_is_a_thread_for_every_two_cores_and_enough_callers_to_feed_them(
    monkeypatch: pytest.MonkeyPatch, watched: Watched, cores: int, threads: int, callers: int
) -> None:
    way = interleaved(monkeypatch, cores=cores)
    assert way.callers == callers
    watched.gate.clear()
    with ThreadPoolExecutor(40) as many:
        answers = [many.submit(way.verify, STORED[n % 9], SECRETS[n % 9]) for n in range(40)]
        assert soon(lambda: len(way._waiting) + sum(watched.together) == 40)
        assert len(watched.memories) == threads
        watched.gate.set()
        assert all(answer.result(20) for answer in answers)
    assert len(set(watched.memories)) == threads


def test_two_that_come_while_one_thread_rests_and_another_may_start_are_computed_side_by_side(
    monkeypatch: pytest.MonkeyPatch, watched: Watched
) -> None:
    way = interleaved(monkeypatch, cores=4)
    assert way.verify(STORED[0], SECRETS[0])
    assert soon(lambda: way._idle == 1)
    start = first_blocks(SECRETS[0], bytes(16), MEMORY_KIB, PASSES)
    both = [argon2id_interleaved._Password(start) for _ in range(2)]
    with way._changed:  # the thread that rests cannot wake up between the two
        for password in both:
            way._line_up(password)
        assert way._threads == 2
    for password in both:
        password.wait()
    assert both[0].last_block == both[1].last_block != b""


def test_a_thread_that_has_nothing_to_do_ends_and_gives_its_memory_back_and_another_comes(
    monkeypatch: pytest.MonkeyPatch, watched: Watched
) -> None:
    way = interleaved(monkeypatch, rest=0.05)
    for _ in range(2):
        assert way.verify(STORED[0], SECRETS[0])
        assert soon(lambda: way._threads == 0 and watched.memories[-1].closed)
    assert len(set(watched.memories)) == 2


def test_the_memory_of_the_last_password_is_gone_from_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def resident_mib() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) / 256

    way = interleaved(monkeypatch, rest=0.3)
    big = Interleaved(way._unit, 65536, 1, cores=2)
    stored = big.hash(b"x", 65536, 1)
    before = resident_mib()
    assert big.verify(stored, b"x")
    assert resident_mib() - before > 40
    assert soon(lambda: resident_mib() - before < 16)


def test_what_a_password_leaves_is_wiped_unless_the_next_overwrites_it(
    monkeypatch: pytest.MonkeyPatch, watched: Watched, many: ThreadPoolExecutor
) -> None:
    way = interleaved(monkeypatch)
    wiped = list[int]()
    real = Memory.wipe

    def wipe(memory: Memory) -> None:
        wiped.append(len(watched.together))
        real(memory)

    monkeypatch.setattr(Memory, "wipe", wipe)
    watched.gate.clear()
    answers = [many.submit(way.verify, STORED[n], SECRETS[n]) for n in range(6)]
    assert soon(lambda: len(way._waiting) + sum(watched.together) == 6)
    watched.gate.set()
    assert all(answer.result(10) for answer in answers)
    (memory,) = set(watched.memories)
    assert soon(lambda: not any(memory._room(0)) and not any(memory._room(1)))
    assert wiped == [len(watched.together)]  # once, when nobody waited any more


def test_an_error_while_two_are_computed_is_raised_in_both_and_the_next_is_computed(
    monkeypatch: pytest.MonkeyPatch, watched: Watched, many: ThreadPoolExecutor
) -> None:
    way, usual = interleaved(monkeypatch), Memory.last_blocks

    def not_two(memory: Memory, starts: Sequence[bytes], passes: int) -> list[bytes]:
        if len(starts) > 1:
            raise MemoryError("none left")
        return usual(memory, starts, passes)

    monkeypatch.setattr(Memory, "last_blocks", not_two)
    watched.gate.clear()
    first = many.submit(way.verify, STORED[0], SECRETS[0])
    assert watched.begun.acquire(timeout=10)
    both = [many.submit(way.verify, STORED[n], SECRETS[n]) for n in (1, 2)]
    assert soon(lambda: len(way._waiting) == 2)
    watched.gate.set()
    assert first.result(10)
    for answer in both:
        with pytest.raises(MemoryError, match="none left"):
            answer.result(10)
    assert way.verify(STORED[0], SECRETS[0])


def test_where_there_is_no_memory_those_who_wait_are_told_and_the_next_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way, real = interleaved(monkeypatch), Memory.__init__

    def refuse(*_arguments: object) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(Memory, "__init__", refuse)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        way.verify(STORED[0], SECRETS[0])
    assert way._threads == 0
    monkeypatch.setattr(Memory, "__init__", real)
    assert way.verify(STORED[0], SECRETS[0])


def test_where_one_of_two_threads_finds_no_memory_the_other_computes_what_waits(
    monkeypatch: pytest.MonkeyPatch, watched: Watched, many: ThreadPoolExecutor
) -> None:
    way, real, refused = interleaved(monkeypatch, cores=4), Memory.__init__, threading.Event()

    def refuse_the_second(memory: Memory, *arguments: int | str) -> None:
        if watched.memories:
            refused.set()
            raise OSError("Cannot allocate memory")
        real(memory, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "__init__", refuse_the_second)
    watched.gate.clear()
    first = many.submit(way.verify, STORED[0], SECRETS[0])
    assert watched.begun.acquire(timeout=10)
    second = many.submit(way.verify, STORED[1], SECRETS[1])
    assert refused.wait(10)
    watched.gate.set()
    assert first.result(10)
    assert second.result(10)


def test_where_no_thread_can_be_started_whoever_asks_is_told_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way, real = interleaved(monkeypatch), threading.Thread.start

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        way.verify(STORED[0], SECRETS[0])
    monkeypatch.setattr(threading.Thread, "start", real)
    assert (way._threads, way._waiting) == (0, [])
    assert way.verify(STORED[0], SECRETS[0])


def test_new_hashes_are_libsodiums_and_as_few_at_once_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, many: ThreadPoolExecutor
) -> None:
    way = interleaved(monkeypatch)
    real, inside, most = Libsodium.hash, [0], [0]

    def slowly(library: Libsodium, secret: bytes, memory_kib: int, passes: int) -> str:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        try:
            return real(library, secret, memory_kib, passes)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(Libsodium, "hash", slowly)
    made = list(many.map(lambda secret: way.hash(secret, MEMORY_KIB, PASSES), SECRETS))
    assert most == [2]
    assert all(Libsodium().verify(stored, secret) for stored, secret in zip(made, SECRETS, strict=True))


def test_a_hash_under_other_parameters_is_libsodiums_to_verify(
    monkeypatch: pytest.MonkeyPatch, watched: Watched
) -> None:
    way = interleaved(monkeypatch)
    for parameters in ((MEMORY_KIB * 2, PASSES), (MEMORY_KIB, PASSES + 1)):
        stored = Libsodium().hash(b"x", *parameters)
        assert way.verify(stored, b"x")
        assert not way.verify(stored, b"y")
    assert watched.together == []
