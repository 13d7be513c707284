"""The memory of argon2id (RFC 9106, one lane), filled by argon2id_fill.c, and the hashes before and after it.

`tools/native-argon2` compiles that file for the vector units that processors have, into the environment. What was
compiled is used once it has computed, in this process, what libsodium computes.
"""

import base64
import contextlib
import ctypes
import mmap
import re
import struct
import sysconfig
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from nacl.pwhash import argon2id

INTERFACE = 1  # of argon2id_fill.c
UNITS = ("avx512f", "avx2")  # as Linux calls them, the widest first
BLOCK_BYTES = 1024
MOST_AT_ONCE = 2
VERSION, ARGON2ID = 0x13, 2  # RFC 9106 section 3.2: the version and the type y
SALT_BYTES, TAG_BYTES = 16, 32  # as libsodium has them
HUGE_PAGE = 2 * 2**20

_STANDARD = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory_kib>\d{1,9}),t=(?P<passes>\d{1,9}),p=1"
    r"\$(?P<salt>[A-Za-z0-9+/]{22})\$(?P<tag>[A-Za-z0-9+/]{43})"
)

_number = struct.Struct("<I").pack


class Stored(NamedTuple):
    """What a standard `$argon2id$…` string with one lane says."""

    memory_kib: int
    passes: int
    salt: bytes
    tag: bytes


def read(stored: str) -> Stored | None:
    """Read a string with a salt and a tag as long as ours; None where it is another, or none at all."""
    if (found := _STANDARD.fullmatch(stored)) is None:
        return None
    return Stored(int(found["memory_kib"]), int(found["passes"]), _decoded(found["salt"]), _decoded(found["tag"]))


def first_blocks(secret: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
    """Return the two blocks that a memory begins with (RFC 9106 section 3.2, steps 1, 3 and 4)."""
    numbers = (1, TAG_BYTES, memory_kib, passes, VERSION, ARGON2ID)
    texts = (secret, salt, b"", b"")  # neither a key nor associated data
    seed = blake2b(b"".join([*map(_number, numbers), *(_number(len(text)) + text for text in texts)])).digest()
    return b"".join(_long_hash(seed + _number(block) + _number(0)) for block in (0, 1))


def tag_of(last_block: bytes) -> bytes:
    """Return the tag of a memory that is full (RFC 9106 section 3.2, step 8)."""
    return blake2b(_number(TAG_BYTES) + last_block, digest_size=TAG_BYTES).digest()


def blocks_of(memory_kib: int) -> int:
    """Return how many blocks are filled under such a parameter: a multiple of four (RFC 9106 section 3.2, step 2)."""
    return memory_kib // 4 * 4


class Fill:
    """The compiled C."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            OSError: it cannot be loaded, or is of another version than this file.

        """
        library = ctypes.CDLL(str(path))
        try:
            if library.twofold_argon2id_interface() != INTERFACE:
                raise OSError(f"{path} is of another version")
            self._fill: Any = library.twofold_argon2id_fill
        except AttributeError as error:
            raise OSError(f"{path} holds something else") from error
        self._fill.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]

    def __call__(self, one: int, other: int | None, blocks: int, passes: int) -> None:
        """Fill the memory at one address, or at two in turns, without the interpreter lock."""
        if self._fill(one, other, blocks, passes) != 0:
            raise ValueError(f"no memory of argon2id: {blocks} blocks, {passes} passes")


class Memory:
    """Room for two passwords, in pages of 2 MiB where the system has them; for one thread at a time.

    Through pages of 4 KiB a hash is 4,864 of them, more than a processor remembers the places of, so that everything
    else has to find its own again after each.
    """

    def __init__(self, fill: Fill, memory_kib: int) -> None:
        self._fill = fill
        self._blocks = blocks_of(memory_kib)
        self._room = self._blocks * BLOCK_BYTES
        self._map = mmap.mmap(-1, MOST_AT_ONCE * self._room + HUGE_PAGE)
        self._held = ctypes.c_char.from_buffer(self._map)
        begin = ctypes.addressof(self._held)
        self._skipped = -begin % HUGE_PAGE
        self._address = begin + self._skipped
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

    def last_blocks(self, starts: Sequence[bytes], passes: int) -> list[bytes]:
        """Fill for one password or for two, given the first blocks of each, and return the last block of each."""
        begins = [self._skipped + own * self._room for own in range(len(starts))]
        for begin, start in zip(begins, starts, strict=True):
            self._view[begin : begin + len(start)] = start
        self._used = max(self._used, len(starts))
        other = self._address + self._room if len(starts) == MOST_AT_ONCE else None
        self._fill(self._address, other, self._blocks, passes)
        return [bytes(self._view[begin + self._room - BLOCK_BYTES : begin + self._room]) for begin in begins]

    def wipe(self) -> None:
        """Overwrite what passwords have left."""
        ctypes.memset(self._address, 0, self._used * self._room)
        self._used = 0

    def close(self) -> None:
        """Give it back to the system, which hands it to nobody before it is overwritten."""
        self._view.release()
        del self._held
        self._map.close()


def load() -> Fill | None:
    """Return what was compiled for this processor, if it computes what libsodium computes; else None."""
    here = _units_here()
    for unit in UNITS:
        if unit in here:
            try:
                fill = Fill(built(unit))
            except OSError:
                continue
            if is_right(fill):
                return fill
    return None


def built(unit: str) -> Path:
    """Return where `tools/native-argon2` puts what it compiles for a vector unit."""
    return Path(sysconfig.get_path("platlib")) / f"twofold_argon2id_{unit}.so"


def is_right(fill: Fill) -> bool:
    """Tell whether it computes what libsodium computes, for one password and for two in turns.

    1 MiB is the least in which a segment needs more than one block of drawn references, as real parameters do.
    """
    memory_kib, passes, salt = 1024, 2, bytes(range(SALT_BYTES))
    secrets = [b"orchard", b"kettle", b"lantern"]
    expected = [
        argon2id.kdf(TAG_BYTES, secret, salt, opslimit=passes, memlimit=memory_kib * 1024) for secret in secrets
    ]
    starts = [first_blocks(secret, salt, memory_kib, passes) for secret in secrets]
    with Memory(fill, memory_kib) as memory:
        lasts = memory.last_blocks(starts[:1], passes) + memory.last_blocks(starts[1:], passes)
    return [tag_of(last) for last in lasts] == expected


def _units_here() -> frozenset[str]:
    """Return the vector units of this processor, by Linux's names; none where it is another system."""
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    flags = re.search(r"^flags\s*:(.*)$", about, re.MULTILINE)
    return frozenset(flags[1].split()) if flags else frozenset()


def _long_hash(data: bytes) -> bytes:
    """H' of RFC 9106 section 3.3, for the 1024 bytes of a block."""
    value = blake2b(_number(BLOCK_BYTES) + data).digest()
    parts = [value[:32]]
    for _ in range(BLOCK_BYTES // 32 - 3):
        value = blake2b(value).digest()
        parts.append(value[:32])
    return b"".join([*parts, blake2b(value).digest()])


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
