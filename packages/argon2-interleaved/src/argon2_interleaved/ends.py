"""What stands before and after the memory of argon2id (RFC 9106 section 3.2): its first blocks and its tag."""

import struct
from hashlib import blake2b

BLOCK_BYTES = 1024
LEAST_KIB = 8  # RFC 9106 section 3.1, for one lane
VERSION, ARGON2ID = 0x13, 2  # RFC 9106 section 3.2: the version and the type y
LEAST_SALT_BYTES = 8  # RFC 9106 section 3.1 has 16 for passwords, and the reference implementation no less than this
LEAST_TAG_BYTES, MOST_TAG_BYTES = 4, 64  # RFC 9106 section 3.1; beyond 64 the tag is another function's
MOST = 2**32 - 1

_number = struct.Struct("<I").pack


def first_blocks(secret: bytes, salt: bytes, memory_kib: int, passes: int, tag_bytes: int = 32) -> bytes:
    """Return the two blocks that the memory of a password begins with (RFC 9106 section 3.2, steps 1, 3 and 4).

    They have 2048 bytes. `memory_kib` is in KiB, from 8 on; there are neither a key nor associated data.

    Raises:
        ValueError: the salt is shorter than 8 bytes, the tag not of 4 to 64, or another number out of its range.

    """
    if len(salt) < LEAST_SALT_BYTES:
        raise ValueError(f"the salt is shorter than {LEAST_SALT_BYTES} bytes")
    _check(tag_bytes)
    blocks_of(memory_kib)
    if not 1 <= passes <= MOST:
        raise ValueError(f"there are 1 to {MOST} passes, not {passes}")
    numbers = (1, tag_bytes, memory_kib, passes, VERSION, ARGON2ID)
    texts = (secret, salt, b"", b"")  # neither a key nor associated data
    seed = blake2b(b"".join([*map(_number, numbers), *(_number(len(text)) + text for text in texts)])).digest()
    return b"".join(_long_hash(seed + _number(block) + _number(0)) for block in (0, 1))


def tag_of(last_block: bytes, tag_bytes: int = 32) -> bytes:
    """Return the tag of a memory that is full, from its last block (RFC 9106 section 3.2, step 8).

    Raises:
        ValueError: it is no block of 1024 bytes, or the tag not of 4 to 64.

    """
    if len(last_block) != BLOCK_BYTES:
        raise ValueError(f"a block has {BLOCK_BYTES} bytes, not {len(last_block)}")
    _check(tag_bytes)
    return blake2b(_number(tag_bytes) + last_block, digest_size=tag_bytes).digest()


def blocks_of(memory_kib: int) -> int:
    """Return how many blocks are filled under such a parameter: a multiple of four (RFC 9106 section 3.2, step 2).

    Raises:
        ValueError: it is less than 8 KiB, or beyond 32 bits.

    """
    if not LEAST_KIB <= memory_kib <= MOST:
        raise ValueError(f"there are {LEAST_KIB} to {MOST} KiB, not {memory_kib}")
    return memory_kib // 4 * 4


def _check(tag_bytes: int) -> None:
    if not LEAST_TAG_BYTES <= tag_bytes <= MOST_TAG_BYTES:
        raise ValueError(f"a tag has {LEAST_TAG_BYTES} to {MOST_TAG_BYTES} bytes, not {tag_bytes}")


def _long_hash(data: bytes) -> bytes:
    """H' of RFC 9106 section 3.3, for the 1024 bytes of a block."""
    value = blake2b(_number(BLOCK_BYTES) + data).digest()
    parts = [value[:32]]
    for _ in range(BLOCK_BYTES // 32 - 3):
        value = blake2b(value).digest()
        parts.append(value[:32])
    return b"".join([*parts, blake2b(value).digest()])
