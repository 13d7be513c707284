"""Whether argon2-interleaved, where it is installed, computes on this processor what libsodium computes.

Its code is ours and young, so that each process looks before it hashes with it (docs/decisions/0029-two-in-turns.md).
"""

from typing import NamedTuple

import argon2_interleaved
from argon2_interleaved import Memory, first_blocks, tag_of
from nacl.pwhash import argon2id

from twofold.kit.crypto.argon2id_stored import SALT_BYTES, TAG_BYTES

NEEDED = "0.1.0"  # as in requirements/fast.in


class Unfit(NamedTuple):
    why: str  # it does not hash here, in words for an operator


def unit() -> str | Unfit:
    """Return the widest vector unit by which it computes what libsodium computes; else why it does not hash here."""
    if argon2_interleaved.__version__ != NEEDED:
        return Unfit(f"argon2-interleaved {argon2_interleaved.__version__} is installed, where {NEEDED} is needed")
    if not (here := argon2_interleaved.units()):
        return Unfit("this processor has neither AVX-512 nor AVX2, which argon2-interleaved needs")
    for one in here:
        if is_right(one):
            return one
    return Unfit("argon2-interleaved computes something else than libsodium")


def is_right(unit: str) -> bool:
    """Tell whether a vector unit computes what libsodium computes, for one password and for two interleaved.

    1 MiB is the least in which a segment needs more than one block of drawn references, as real parameters do.
    """
    memory_kib, passes, salt = 1024, 2, bytes(range(SALT_BYTES))
    secrets = [b"orchard", b"kettle", b"lantern"]
    expected = [
        argon2id.kdf(TAG_BYTES, secret, salt, opslimit=passes, memlimit=memory_kib * 1024) for secret in secrets
    ]
    starts = [first_blocks(secret, salt, memory_kib, passes) for secret in secrets]
    with Memory(memory_kib, unit) as memory:
        lasts = memory.last_blocks(starts[:1], passes) + memory.last_blocks(starts[1:], passes)
    return [tag_of(last) for last in lasts] == expected
