"""Two libraries that compute argon2id, and which of them is the quicker one on this machine.

libsodium finds the widest vector unit at run time, but asks the system for fresh memory at every hash: of some 16 ms,
8 are the kernel's, handing out and clearing pages. The reference library keeps its memory from one hash to the next,
and its wheel is built for the oldest processors: 20 ms; built for the processor at hand, 10 ms
(docs/decisions/0025-two-argon2id.md). Both write and read the same standard strings.
"""

import ctypes
import functools
import sys
import time
from typing import Protocol

import argon2.exceptions
import argon2.low_level
import nacl.exceptions
from nacl.pwhash import argon2id

from twofold.kit.tokens import random_bytes

SALT_BYTES, HASH_BYTES = 16, 32  # as libsodium has them
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # mallopt(3)


class Argon2id(Protocol):
    """A library that computes argon2id with one lane."""

    name: str

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        """Return the standard `$argon2id$…` string, under a new salt."""

    def verify(self, stored: str, secret: bytes) -> bool:
        """Tell whether a secret fits such a string; one that cannot be read fits nothing."""


class Libsodium:
    """libsodium, through PyNaCl."""

    name = "libsodium"

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        return argon2id.str(secret, opslimit=passes, memlimit=memory_kib * 1024).decode("ascii")

    def verify(self, stored: str, secret: bytes) -> bool:
        try:
            return argon2id.verify(stored.encode("ascii"), secret)
        except nacl.exceptions.InvalidkeyError:
            return False


class Reference:
    """The reference library of RFC 9106's authors, through argon2-cffi; it wipes its memory after each hash."""

    name = "argon2-cffi"

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        salt = random_bytes(SALT_BYTES)
        return argon2.low_level.hash_secret(
            secret, salt, passes, memory_kib, 1, HASH_BYTES, argon2.low_level.Type.ID
        ).decode("ascii")

    def verify(self, stored: str, secret: bytes) -> bool:
        try:
            return argon2.low_level.verify_secret(stored.encode("ascii"), secret, argon2.low_level.Type.ID)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def cpu_of(library: Argon2id, memory_kib: int, passes: int, times: int) -> float:
    """Return the CPU seconds of a verify: the least of so many, after one that only warms up."""
    secret = b"measured"
    stored = library.hash(secret, memory_kib, passes)
    took = []
    for _ in range(times):
        began = time.thread_time()
        library.verify(stored, secret)
        took.append(time.thread_time() - began)
    return min(took)


@functools.cache
def quickest(memory_kib: int, passes: int) -> Argon2id:
    """Return the library that is quicker here under these parameters, found out once in a process."""
    libraries: tuple[Argon2id, ...] = (Libsodium(), Reference())
    return min(libraries, key=lambda library: cpu_of(library, memory_kib, passes, times=2))


def keep_memory() -> None:
    """Let freed memory stay in this process until it is given back, for all threads together.

    By itself glibc would give each thread an arena of its own, of which the upper end is never given back, and one that
    serves for an hour would hold the memory of every hash that ever ran beside another. Threads that are there already
    keep their arenas (`server.serve` sees to those of uvicorn).
    """
    if _glibc is not None:
        _glibc.mallopt(M_ARENA_MAX, 1)
        _glibc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the most it takes
        _glibc.mallopt(M_TRIM_THRESHOLD, 2**30)


def give_memory_back() -> None:
    """Hand freed memory back to the system; the next hash asks for it again."""
    if _glibc is not None:
        _glibc.malloc_trim(0)


def _load_glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


_glibc = _load_glibc()
