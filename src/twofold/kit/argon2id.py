"""Two libraries that compute argon2id, and which of them is the quicker one on this machine.

libsodium finds the widest vector unit at run time, but asks the system for fresh memory at every hash: of some 16 ms,
8 are the kernel's, handing out and clearing pages. The reference library keeps its memory from one hash to the next,
and its wheel is built for the oldest processors: 20 ms; built for the processor at hand, 10 ms
(docs/decisions/0025-two-argon2id.md). Both write and read the same standard strings.
"""

import ctypes
import functools
import mmap
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
LARGEST_KEPT = 32 * 2**20  # the most that M_MMAP_THRESHOLD takes
HUGE_PAGE = 2 * 2**20


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


def keep_memory(hashes: int) -> None:
    """Let freed memory stay in this process until it is given back, for all threads together.

    So many `hashes` run at once; their memory is asked for in huge pages.

    By itself glibc would give each thread an arena of its own, of which the upper end is never given back, and one that
    serves for an hour would hold the memory of every hash that ever ran beside another. Threads that are there already
    keep their arenas (`server.serve` sees to those of uvicorn).
    """
    if _glibc is not None:
        _glibc.mallopt(M_ARENA_MAX, 1)
        _glibc.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        _glibc.mallopt(M_TRIM_THRESHOLD, 2**30)
        _ask_for_huge_pages(_glibc, hashes)


def give_memory_back() -> None:
    """Hand freed memory back to the system; the next hash asks for it again."""
    if _glibc is not None:
        _glibc.malloc_trim(0)


def _ask_for_huge_pages(glibc: ctypes.CDLL, hashes: int) -> None:
    """Ask Linux for pages of 2 MiB where the memory of so many hashes will lie; none of it is used yet.

    A hash goes through 4,864 pages of 4 KiB, more than a processor remembers the places of, so that everything else
    has to find its own again after each.
    """
    blocks = [block for _ in range(hashes) if (block := glibc.malloc(LARGEST_KEPT - HUGE_PAGE))]
    for block in blocks:
        begin = -(-block // HUGE_PAGE) * HUGE_PAGE
        end = (block + LARGEST_KEPT - HUGE_PAGE) // HUGE_PAGE * HUGE_PAGE
        glibc.madvise(begin, end - begin, mmap.MADV_HUGEPAGE)  # a system that has none says no, and all is as it was
    for block in blocks:
        glibc.free(block)


def _load_glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        return None
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return library


_glibc = _load_glibc()
