import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.factors.backup_code import codes as backup_code

codes = st.binary(min_size=15, max_size=15).map(backup_code.from_bytes)


def test_the_alphabet_is_crockfords_without_the_letters_that_look_alike() -> None:
    assert len(set(backup_code.ALPHABET)) == len(backup_code.ALPHABET) == 32
    assert not set("ILOU") & set(backup_code.ALPHABET)


def test_a_code_is_made_of_as_many_random_bytes_as_it_has_room_for() -> None:
    assert backup_code.BYTES * 8 == backup_code.LENGTH * 5 == 120


@given(codes)
def test_a_code_has_24_characters_of_the_alphabet(code: str) -> None:
    assert len(code) == 24
    assert set(code) <= set(backup_code.ALPHABET)


@pytest.mark.parametrize(
    ("random", "code"),
    [
        (bytes(15), "0" * 24),
        (b"\xff" * 15, "Z" * 24),
        (bytes(14) + b"\x01", "0" * 23 + "1"),
        (b"\x08" + bytes(14), "1" + "0" * 23),
    ],
)
def test_every_bit_counts(random: bytes, code: str) -> None:
    assert backup_code.from_bytes(random) == code


@given(st.binary(min_size=15, max_size=15), st.binary(min_size=15, max_size=15))
def test_different_bytes_make_different_codes(one: bytes, other: bytes) -> None:
    assert (backup_code.from_bytes(one) == backup_code.from_bytes(other)) == (one == other)


@given(codes)
def test_it_is_shown_in_six_groups_of_four(code: str) -> None:
    groups = backup_code.shown(code).split("-")
    assert [len(group) for group in groups] == [4] * 6
    assert "".join(groups) == code


@given(codes, st.data())
def test_case_and_lookalikes_do_not_matter(code: str, data: st.DataObject) -> None:
    alike = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(data.draw(st.sampled_from(alike.get(letter, letter + letter.lower()))) for letter in code)
    assert backup_code.parse(typed) == code


@pytest.mark.parametrize("typed", ["", "0" * 23, "0" * 25, "U" * 24, "0" * 23 + "U", "0" * 23 + "!", "0" * 23 + "é"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert backup_code.parse(typed) is None
