"""Calls the extension with arguments of every kind, drawn at random, for so many seconds.

    python tools/fuzz.py [--seconds 10] [--seed N]

Whatever is refused must be refused with TypeError, ValueError or BufferError, and leave the memory as it was. Whatever
is taken must come out the same by every vector unit, alone and interleaved, and touch nothing beside the memory. With
tools/sanitized the compiler watches as well. The seed is printed, to draw the same again.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from argon2_interleaved import _native

REFUSALS = (TypeError, ValueError, BufferError)
ALIGNMENT, MARK = 64, b"\xa5" * 64
ALL_ARGUMENTS, AREA_BYTES = 4, 8192
NO_BUFFERS: list[object] = [None, 0, 1.5, "text", b"read only", [], object(), memoryview(bytes(8192))]
NUMBERS: list[object] = [0, -1, 2**32 - 1 + 1, 2**63, -(2**63) - 1, 2**200, None, "1", 1.0, b"1", True]
NAMES: list[object] = ["", "sse2", "avx2\0", "\ud800", 7, b"avx2", "x" * 5000, None]


class Area:
    """A memory with a mark on either side of it, at a place that it is told."""

    def __init__(self, draw: random.Random, size: int, skew: int = 0) -> None:
        self._kept = bytearray(len(MARK) + ALIGNMENT + size + ALIGNMENT + len(MARK))
        first = -_address(self._kept, len(MARK)) % ALIGNMENT + len(MARK)
        self._begin, self._size = first + skew, size
        self._kept[self._begin - len(MARK) : self._begin] = MARK
        self._kept[self._begin + size : self._begin + size + len(MARK)] = MARK
        self.view = memoryview(self._kept)[self._begin : self._begin + size]
        self.view[:2048] = draw.randbytes(min(2048, size))

    def intact(self) -> bool:
        end = self._begin + self._size
        return self._kept[self._begin - len(MARK) : self._begin] == MARK == self._kept[end : end + len(MARK)]


def _address(kept: bytearray, offset: int) -> int:
    """Return where a byte lies, modulo the alignment, as far as the extension itself tells: it refuses the others."""
    for skew in range(ALIGNMENT):
        try:
            _native.fill(memoryview(kept)[offset + skew : offset + skew + 8192], None, 0)
        except ValueError as error:
            if "multiple of 64" not in str(error):
                return -skew % ALIGNMENT
    raise AssertionError("no place is aligned")


def taken(draw: random.Random) -> None:
    """Arguments as they should be: each unit, alone and interleaved, must compute the same and nothing beside it."""
    # From 129 on, a quarter of the memory needs more than one block of drawn references, as real parameters do.
    fours = draw.choice([draw.randint(2, 40), draw.randint(129, 200)])
    size, passes, seed = 4096 * fours, draw.randint(1, 3), draw.random()
    results = set()
    for unit in [*_native.units(), None]:
        for alone in (True, False):
            one, other = Area(random.Random(seed), size), Area(draw, size)
            _native.fill(one.view, None if alone else other.view, passes, unit)
            assert one.intact()
            assert other.intact()
            results.add(bytes(one.view[-1024:]))
    assert len(results) == 1, f"{size} bytes, {passes} passes: the units differ"
    assert results != {bytes(1024)}


def refused(draw: random.Random) -> None:
    """Arguments of which at least one is wrong."""
    size = 4096 * draw.randint(2, 6)
    one, other = Area(draw, size), Area(draw, size)
    arguments: list[Any] = [one.view, draw.choice([None, other.view]), 1, draw.choice([None, *_native.units()])]
    for _ in range(draw.randint(1, 3)):
        spoil: Callable[[], None] = draw.choice(
            [
                lambda: arguments.__setitem__(0, draw.choice(NO_BUFFERS)),
                lambda: arguments.__setitem__(1, draw.choice(NO_BUFFERS[1:])),
                lambda: arguments.__setitem__(2, draw.choice(NUMBERS[:-1])),
                lambda: arguments.__setitem__(3, draw.choice(NAMES[:-1])),
                lambda: arguments.__setitem__(draw.randint(0, 1), Area(draw, size, draw.randint(1, 63)).view),
                lambda: arguments.__setitem__(draw.randint(0, 1), Area(draw, draw.choice(_WRONG_SIZES)).view),
                lambda: arguments.__setitem__(draw.randint(0, 1), one.view[:: draw.choice([2, -1])]),
                lambda: arguments.__setitem__(slice(0, 2), [one.view, one.view]),
                lambda: arguments.__setitem__(slice(0, 2), _overlapping(draw)),
                lambda: arguments.append(draw.choice(NUMBERS)) if len(arguments) == ALL_ARGUMENTS else None,
                lambda: arguments.__delitem__(slice(2, None)),
            ]
        )
        spoil()
        if len(arguments) < ALL_ARGUMENTS:
            break  # nothing is left to spoil
    before = bytes(one.view), bytes(other.view)
    try:
        _native.fill(*arguments)
    except REFUSALS:
        assert (bytes(one.view), bytes(other.view)) == before
    else:
        raise AssertionError(f"was taken: {arguments!r:.500}")


_WRONG_SIZES = (0, 1, 1023, 1024, 4096, 8191, 8193, 8192 + 1024)


def _overlapping(draw: random.Random) -> list[memoryview]:
    whole = Area(draw, 4096 * 5).view
    begin = ALIGNMENT * draw.randint(0, AREA_BYTES // ALIGNMENT)
    one = whole[:AREA_BYTES]
    return draw.sample([one, whole[begin : begin + AREA_BYTES]], 2) if begin < AREA_BYTES else [one, one]


def wiped(draw: random.Random) -> None:
    area = Area(draw, draw.randint(0, 9000))
    argument: Any = draw.choice([area.view, *NO_BUFFERS])
    try:
        _native.wipe(argument)
    except REFUSALS:
        assert argument is not area.view
    else:
        assert argument is area.view
        assert not any(area.view)
    assert area.intact()


def main() -> int:
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--seconds", type=float, default=10)
    said.add_argument("--seed", type=int, default=time.time_ns())
    options = said.parse_args()
    print(f"seed {options.seed}, {options.seconds:g} s, {', '.join(_native.units()) or 'no vector unit'}", flush=True)
    draw, calls = random.Random(options.seed), Counter[str]()
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        kind = draw.choice([taken, refused, refused, refused, wiped])
        kind(draw)
        calls[kind.__name__] += 1
    print(", ".join(f"{count} {kind}" for kind, count in calls.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
