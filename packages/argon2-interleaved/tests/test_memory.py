import threading
import time

import pytest
from argon2_interleaved import Memory, _native, first_blocks, tag_of, units
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as OpenSslArgon2id
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.pwhash import argon2id as libsodium

SALT = b"0123456789abcdef"
each_unit = pytest.mark.parametrize("unit", units())


def openssl(secret: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
    return OpenSslArgon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory_kib).derive(secret)


def tags(unit: str, secrets: list[bytes], salt: bytes, memory_kib: int, passes: int) -> list[bytes]:
    starts = [first_blocks(secret, salt, memory_kib, passes) for secret in secrets]
    with Memory(memory_kib, unit) as memory:
        return [tag_of(last) for last in memory.last_blocks(starts, passes)]


def held(memory: Memory) -> bytes:
    return bytes(memory._room(0)) + bytes(memory._room(1))


def test_this_processor_has_a_unit_without_which_nothing_else_here_is_tested() -> None:
    assert units()
    assert set(units()) <= {"avx512f", "avx2"}
    assert sorted(units(), reverse=True) == list(units()), "the widest comes first"


@each_unit
def test_the_known_answer_of_the_reference_implementation(unit: str) -> None:
    """phc-winner-argon2, its test for version 0x13: 64 MiB, two passes, "password", "somesalt".

    The vector of RFC 9106 section 5.3 has four lanes, a key and associated data, none of which there is here.
    """
    known = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert [tag.hex() for tag in tags(unit, [b"password"], b"somesalt", 65536, 2)] == [known]


@each_unit
@given(
    secrets=st.lists(st.binary(max_size=300), min_size=1, max_size=2),
    salt=st.binary(min_size=8, max_size=32),
    memory_kib=st.one_of(st.integers(8, 64), st.integers(500, 1300), st.sampled_from([4096, 7168])),
    passes=st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_one_and_two_in_turns_are_what_openssl_computes(
    unit: str, secrets: list[bytes], salt: bytes, memory_kib: int, passes: int
) -> None:
    expected = [openssl(secret, salt, memory_kib, passes) for secret in secrets]
    assert tags(unit, secrets, salt, memory_kib, passes) == expected


@each_unit
def test_two_in_turns_under_the_least_that_owasp_names_are_what_libsodium_computes(unit: str) -> None:
    secrets = [b"orchard kettle lantern", b"hunter2"]
    expected = [libsodium.kdf(32, secret, SALT, opslimit=2, memlimit=19456 * 1024) for secret in secrets]
    assert tags(unit, secrets, SALT, 19456, 2) == expected


def test_the_widest_unit_is_taken_where_none_is_named() -> None:
    with Memory(8) as memory:
        assert memory._unit == units()[0]


@each_unit
def test_a_memory_serves_one_password_after_the_other_and_leaves_nothing_when_it_is_wiped(unit: str) -> None:
    with Memory(64, unit) as memory:
        for secrets in ([b"a", b"b"], [b"c"], [b"d", b"e"]):
            starts = [first_blocks(secret, SALT, 64, 2) for secret in secrets]
            found = [tag_of(last) for last in memory.last_blocks(starts, 2)]
            assert found == [openssl(secret, SALT, 64, 2) for secret in secrets]
        memory.last_blocks([first_blocks(b"alone", SALT, 64, 2)], 2)  # the other room still holds b"e"
        assert all(any(half) for half in (held(memory)[:65536], held(memory)[65536:]))
        memory.wipe()
        assert not any(held(memory))


def test_what_was_begun_is_wiped_even_where_it_was_not_computed() -> None:
    with Memory(64) as memory:
        with pytest.raises(ValueError, match="passes"):
            memory.last_blocks([first_blocks(b"a", SALT, 64, 2)] * 2, 0)
        assert any(held(memory))
        memory.wipe()
        assert not any(held(memory))


def test_a_memory_can_be_closed_while_an_error_of_it_is_kept() -> None:
    kept = Memory(64)
    with pytest.raises(ValueError, match="passes") as error:
        kept.last_blocks([first_blocks(b"a", SALT, 64, 2)], 0)
    kept.close()
    kept.close()
    assert kept.closed
    assert error.tb is not None
    with pytest.raises(ValueError, match="released"):
        kept.last_blocks([bytes(2048)], 1)


def test_others_go_on_while_a_memory_is_filled() -> None:
    """Stops: a sign-in that holds the interpreter lock for the milliseconds of a hash."""
    begun, done, turns = threading.Event(), threading.Event(), 0

    def fill() -> None:
        with Memory(262144) as memory:
            start = first_blocks(b"x", SALT, 262144, 2)
            begun.set()
            memory.last_blocks([start], 2)
            done.set()

    thread = threading.Thread(target=fill)
    thread.start()
    assert begun.wait(20)
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    thread.join()
    assert turns > 20


# --- what is refused


@pytest.mark.parametrize("memory_kib", [-8, 0, 7, 2**32])
def test_memory_that_argon2id_does_not_have_is_refused(memory_kib: int) -> None:
    with pytest.raises(ValueError, match="KiB, not"):
        Memory(memory_kib)


def test_a_unit_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no vector unit sse9, but"):
        Memory(8, "sse9")


def test_a_processor_with_neither_unit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "units", tuple)
    with pytest.raises(RuntimeError, match="neither AVX-512 nor AVX2"):
        Memory(8)


@pytest.mark.parametrize(
    ("starts", "passes", "said"),
    [
        ([], 1, "1 or 2 passwords at once, not 0"),
        ([bytes(2048)] * 3, 1, "1 or 2 passwords at once, not 3"),
        ([bytes(2047)], 1, "a start has 2048 bytes"),
        ([bytes(2048), bytes(2049)], 1, "a start has 2048 bytes"),
        ([bytes(2048)], 0, "1 to 4294967295 passes"),
        ([bytes(2048)], -1, "1 to 4294967295 passes"),
        ([bytes(2048)], 2**32, "1 to 4294967295 passes"),
        ([bytes(2048)], 2**70, "1 to 4294967295 passes"),
    ],
)
def test_what_is_no_work_for_a_memory_is_refused(starts: list[bytes], passes: int, said: str) -> None:
    with Memory(8) as memory, pytest.raises(ValueError, match=said):
        memory.last_blocks(starts, passes)
