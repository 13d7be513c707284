import hashlib
import re
import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.crypto import tokens


def test_a_token_names_its_kind_and_has_256_random_bits() -> None:
    token = tokens.new_token("session")
    assert re.fullmatch(r"tf_session_[A-Za-z0-9_-]{43}", token)


def test_no_two_tokens_and_ids_are_alike() -> None:
    assert len({tokens.new_token("reset") for _ in range(1000)}) == 1000
    assert len({tokens.new_id() for _ in range(1000)}) == 1000


def test_an_id_begins_with_its_moment_and_is_random_from_there_on() -> None:
    before = time.time_ns() // 1_000_000
    made = [tokens.new_id() for _ in range(200)]
    after = time.time_ns() // 1_000_000
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert all(before <= one.int >> 80 <= after for one in made)
    for bit in (*range(62), *range(64, 76)):  # the two between are the variant's
        assert len({one.int >> bit & 1 for one in made}) == 2


@given(st.text(max_size=100))
def test_what_is_stored_is_the_sha_256_of_a_secret(secret: str) -> None:
    assert tokens.digest(secret) == hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def test_even_half_a_surrogate_pair_can_be_looked_up() -> None:
    assert len(tokens.digest("\ud800")) == 32


def test_digits_are_all_ten_and_as_many_as_asked_for() -> None:
    drawn = [tokens.random_digits(6) for _ in range(1000)]
    assert {len(digits) for digits in drawn} == {6}
    assert set("".join(drawn)) == set("0123456789")


def test_random_bytes_are_as_many_as_asked_for() -> None:
    assert len(tokens.random_bytes(20)) == 20
    assert tokens.random_bytes(20) != tokens.random_bytes(20)
