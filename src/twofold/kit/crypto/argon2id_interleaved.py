"""Passwords verified two at a time on one core, by argon2-interleaved (docs/decisions/0029-two-in-turns.md).

A hash waits for memory a third of its time, and two on one core fill each other's waits. So hashing has threads of its
own, one for every two cores, and whoever wants a password verified waits for one of them; it takes two at a time where
two wait. The other cores keep in their caches what they need for everything else.
"""

import hmac
from threading import BoundedSemaphore, Condition, Lock, Thread

import argon2_interleaved
from argon2_interleaved import MOST_AT_ONCE, Memory, first_blocks, tag_of

from twofold.kit.crypto import argon2id_stored
from twofold.kit.crypto.libsodium import Libsodium
from twofold.kit.threads import give_way

MOST_THREADS = 8  # more than a process can feed: the rest of a sign-in holds the interpreter lock a millisecond
AT_REST_AFTER = 2.0  # seconds without work, after which a thread ends and its memory is given back


class Interleaved:
    """Argon2id under one set of parameters, computed by threads that are there while there is work.

    New hashes, and old ones under other parameters, are rare: libsodium computes them, as many at once as keep it busy.
    """

    name = "two interleaved"

    def __init__(self, unit: str, memory_kib: int, passes: int, cores: int) -> None:
        """Compute with one of argon2-interleaved's vector units, on one thread for every two of so many cores."""
        self.about = f"argon2-interleaved {argon2_interleaved.__version__} ({unit}), two interleaved"
        self._unit, self._memory_kib, self._passes = unit, memory_kib, passes
        self._most_threads = max(1, min(MOST_THREADS, cores // 2))
        # For each thread two that it computes and two that come next, and some who have not come that far.
        self.callers = 2 * MOST_AT_ONCE * self._most_threads + 4
        self._changed = Condition()
        self._waiting: list[_Password] = []
        self._threads = self._idle = 0
        self._libsodium = Libsodium()
        self._rare = BoundedSemaphore(self._libsodium.callers)

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        with self._rare:
            return self._libsodium.hash(secret, memory_kib, passes)

    def verify(self, stored: str, secret: bytes) -> bool:
        parameters = self._memory_kib, self._passes
        known = argon2id_stored.read(stored)
        if known is None or (known.memory_kib, known.passes) != parameters:
            with self._rare:
                return self._libsodium.verify(stored, secret)
        password = _Password(first_blocks(secret, known.salt, *parameters))
        self._line_up(password)
        password.wait()
        return hmac.compare_digest(tag_of(password.last_block), known.tag)

    def _line_up(self, password: "_Password") -> None:
        with self._changed:
            if len(self._waiting) >= self._idle and self._threads < self._most_threads:
                Thread(target=self._work, name="argon2id", daemon=True).start()
                self._threads += 1
            self._waiting.append(password)
            self._changed.notify()

    def _work(self) -> None:
        give_way()
        try:
            with Memory(self._memory_kib, self._unit) as memory:
                while passwords := self._next():
                    self._compute(memory, passwords)
        except BaseException as error:  # noqa: BLE001 - raised in those who wait, each of whom would wait for ever
            with self._changed:
                self._threads -= 1
                left = [] if self._threads else self._waiting  # while there are other threads, they wait for those
                self._waiting = self._waiting if self._threads else []
            for password in left:
                password.failed(error)

    def _compute(self, memory: Memory, passwords: "list[_Password]") -> None:
        try:
            lasts = memory.last_blocks([password.first_blocks for password in passwords], self._passes)
        except BaseException as error:  # noqa: BLE001 - the same
            for password in passwords:
                password.failed(error)
            return
        for password, last in zip(passwords, lasts, strict=True):
            password.computed(last)
        if not self._waiting:  # else who waits overwrites it, or another thread takes them and this one comes to rest
            memory.wipe()

    def _next(self) -> "list[_Password]":
        """Wait for passwords, and take as many as can be computed together; none, and this thread is to end."""
        with self._changed:
            if not self._waiting:
                self._idle += 1
                self._changed.wait_for(lambda: self._waiting, AT_REST_AFTER)
                self._idle -= 1
            taken, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not taken:
                self._threads -= 1
            return taken


class _Password:
    """The first blocks of a password that somebody waits for, and then the last one."""

    def __init__(self, first_blocks: bytes) -> None:
        self.first_blocks = first_blocks
        self.last_block = b""
        self._error: BaseException | None = None
        self._done = Lock()
        self._done.acquire()

    def computed(self, last_block: bytes) -> None:
        self.last_block = last_block
        self._done.release()

    def failed(self, error: BaseException) -> None:
        self._error = error
        self._done.release()

    def wait(self) -> None:
        self._done.acquire()
        if self._error is not None:
            raise self._error
