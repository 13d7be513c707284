import pytest
from argon2_interleaved import Memory, first_blocks, tag_of
from argon2_interleaved.ends import blocks_of
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as OpenSslArgon2id

SALT = b"0123456789abcdef"


@pytest.mark.parametrize("tag_bytes", [4, 16, 33, 64])
def test_a_tag_has_the_length_that_it_is_asked_for(tag_bytes: int) -> None:
    with Memory(64) as memory:
        (last,) = memory.last_blocks([first_blocks(b"x", SALT, 64, 2, tag_bytes)], 2)
    expected = OpenSslArgon2id(salt=SALT, length=tag_bytes, iterations=2, lanes=1, memory_cost=64).derive(b"x")
    assert tag_of(last, tag_bytes) == expected


@pytest.mark.parametrize(("memory_kib", "blocks"), [(8, 8), (11, 8), (12, 12), (19456, 19456)])
def test_memory_is_filled_in_fours(memory_kib: int, blocks: int) -> None:
    assert blocks_of(memory_kib) == blocks


@pytest.mark.parametrize(
    ("salt", "memory_kib", "passes", "tag_bytes", "said"),
    [
        (b"1234567", 8, 1, 32, "salt is shorter than 8 bytes"),
        (SALT, 7, 1, 32, "KiB, not 7"),
        (SALT, 2**32, 1, 32, "KiB, not"),
        (SALT, 8, 0, 32, "passes, not 0"),
        (SALT, 8, 2**32, 32, "passes, not"),
        (SALT, 8, 1, 3, "4 to 64 bytes, not 3"),
        (SALT, 8, 1, 65, "4 to 64 bytes, not 65"),
    ],
)
def test_numbers_that_argon2id_does_not_have_are_refused(
    salt: bytes, memory_kib: int, passes: int, tag_bytes: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        first_blocks(b"x", salt, memory_kib, passes, tag_bytes)


@pytest.mark.parametrize(("block", "tag_bytes"), [(bytes(1023), 32), (bytes(1025), 32), (bytes(1024), 65)])
def test_what_is_no_last_block_has_no_tag(block: bytes, tag_bytes: int) -> None:
    with pytest.raises(ValueError, match="bytes, not"):
        tag_of(block, tag_bytes)
