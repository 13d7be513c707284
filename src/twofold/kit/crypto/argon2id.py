"""Two ways to compute argon2id with one lane, and which of them is the quicker one on this machine.

libsodium is everywhere. Where argon2-interleaved is installed (`twofold[fast]`), passwords are verified two at a time,
interleaved on one core, for half of the CPU (docs/decisions/0029-two-in-turns.md). Both read the same standard strings.
"""

import functools
import os
import threading
import time
from typing import Protocol

from twofold.kit.crypto.libsodium import Libsodium

try:
    from twofold.kit.crypto import argon2id_checked
    from twofold.kit.crypto.argon2id_interleaved import Interleaved
except ImportError as error:
    if not str(error.name).startswith("argon2_interleaved"):
        raise
    absent = isinstance(error, ModuleNotFoundError) and error.name == "argon2_interleaved"
    UNLOADED = "twofold[fast] is not installed" if absent else f"argon2-interleaved cannot be loaded ({error})"
else:
    UNLOADED = ""

SETTLES = 0.003  # seconds: threads that have something left to do do it, and Linux books what they have done


class Argon2id(Protocol):
    """A way to compute argon2id with one lane; from several threads at once."""

    name: str
    about: str  # what an operator reads of it
    callers: int  # how many threads that wait for it keep it busy

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        """Return the standard `$argon2id$…` string, under a new salt."""

    def verify(self, stored: str, secret: bytes) -> bool:
        """Tell whether a secret fits such a string; one that cannot be read fits nothing."""


def cpu_of(way: Argon2id, memory_kib: int, passes: int, times: int) -> float:
    """Return the CPU seconds of a verify: the least of so many, after one that only warms up.

    They are this process's, which does nothing else meanwhile.
    """
    secret = b"measured"
    stored = way.hash(secret, memory_kib, passes)
    way.verify(stored, secret)
    return min(_cpu_of_one(way, stored, secret) for _ in range(times))


def _cpu_of_one(way: Argon2id, stored: str, secret: bytes) -> float:
    rest = threading.Event()
    rest.wait(SETTLES)
    began = time.process_time()
    way.verify(stored, secret)
    rest.wait(SETTLES)
    return time.process_time() - began


@functools.cache
def quickest(memory_kib: int, passes: int, processes: int = 1) -> Argon2id:
    """Return the way that is quicker here under these parameters, found out once in a process.

    So many `processes` that serve share the cores of this machine.
    """
    cores = max(1, (os.cpu_count() or 1) // processes)
    ways: list[Argon2id] = [Libsodium()]
    if not UNLOADED and isinstance(unit := argon2id_checked.unit(), str):
        ways.append(Interleaved(unit, memory_kib, passes, cores))
    return min(ways, key=lambda way: cpu_of(way, memory_kib, passes, times=2))


def why_libsodium() -> str:
    """Say for an operator why argon2-interleaved does not hash here, where libsodium does."""
    if UNLOADED:
        return UNLOADED
    unit = argon2id_checked.unit()
    return "argon2-interleaved is slower here" if isinstance(unit, str) else unit.why
