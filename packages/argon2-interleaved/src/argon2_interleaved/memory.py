"""Room for two passwords, and the work done in it."""

import contextlib
import ctypes
import mmap
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from argon2_interleaved import _native
from argon2_interleaved.ends import BLOCK_BYTES, blocks_of

MOST_AT_ONCE = 2
HUGE_PAGE = 2 * 2**20


class Memory:
    """Room for two passwords, in pages of 2 MiB where the system has them; for one thread at a time.

    Through pages of 4 KiB a hash of 19 MiB is 4,864 of them, more than a processor remembers the places of, so that
    everything else has to find its own again after each.
    """

    def __init__(self, memory_kib: int, unit: str | None = None) -> None:
        """Map twice so many KiB, which cost nothing until they are used.

        `unit` is one of `units()`, without it the widest.

        Raises:
            ValueError: it is less than 8 KiB, or this processor has no such unit.
            RuntimeError: this processor has no unit that the package knows.
            OSError: the system has no memory left.

        """
        self._unit = _known(unit)
        self._room_bytes = blocks_of(memory_kib) * BLOCK_BYTES
        self._map = mmap.mmap(-1, MOST_AT_ONCE * self._room_bytes + HUGE_PAGE)
        held = ctypes.c_char.from_buffer(self._map)
        self._skipped = -ctypes.addressof(held) % HUGE_PAGE
        del held
        self._view = memoryview(self._map)
        self._used = 0
        with contextlib.suppress(AttributeError, OSError):  # a system that has none, or whose Python knows of none
            self._map.madvise(mmap.MADV_HUGEPAGE, self._skipped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        return self._map.closed

    def last_blocks(self, starts: Sequence[bytes], passes: int) -> list[bytes]:
        """Fill for one password or two interleaved, given the `first_blocks` of each; return the last block of each.

        It takes milliseconds, without the interpreter lock. What was computed with stays until `wipe` or `close`; a
        later call overwrites it, but for the second password's where it is given one alone.

        Raises:
            ValueError: there are neither one nor two starts of 2048 bytes, there is no pass, or it is closed.

        """
        if not 1 <= len(starts) <= MOST_AT_ONCE:
            raise ValueError(f"1 or {MOST_AT_ONCE} passwords at once, not {len(starts)}")
        if any(len(start) != 2 * BLOCK_BYTES for start in starts):
            raise ValueError(f"a start has {2 * BLOCK_BYTES} bytes")
        self._used = max(self._used, len(starts))
        # Released even where an error is kept, and this frame with it: else `close` could not close.
        with contextlib.ExitStack() as held:
            rooms = [held.enter_context(self._room(own)) for own in range(len(starts))]
            for room, start in zip(rooms, starts, strict=True):
                room[: len(start)] = start
            _native.fill(rooms[0], rooms[1] if len(rooms) == MOST_AT_ONCE else None, passes, self._unit)
            return [bytes(room[-BLOCK_BYTES:]) for room in rooms]

    def wipe(self) -> None:
        """Overwrite with zeros the room of every password since the last `wipe`, without the interpreter lock.

        Not what Python and the stack hold of them: the starts, the last blocks.
        """
        for own in range(self._used):
            with self._room(own) as room:
                _native.wipe(room)
        self._used = 0

    def close(self) -> None:
        """Give it back to the system as it is, which overwrites it before it hands it on; twice does nothing more."""
        self._view.release()
        self._map.close()

    def _room(self, own: int) -> memoryview:
        """Return the room of the first password or of the second."""
        begin = self._skipped + own * self._room_bytes
        return self._view[begin : begin + self._room_bytes]


def _known(unit: str | None) -> str:
    known = _native.units()
    if not known:
        raise RuntimeError("this processor has neither AVX-512 nor AVX2")
    if unit is not None and unit not in known:
        raise ValueError(f"this processor has no vector unit {unit}, but {', '.join(known)}")
    return unit or known[0]
