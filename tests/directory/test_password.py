import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.directory.add_user_flow import weak_password
from twofold.directory.common_passwords import common_passwords
from twofold.directory.password import Weakness, normalise, weakness

COMMON = frozenset({"password", "letmein1"})


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", Weakness.TOO_SHORT),
        ("k7#mQ2x", Weakness.TOO_SHORT),
        ("k7#mQ2xz", None),
        ("漢字漢字かなカナ", None),
        ("orchard kettle lantern", None),
        ("x y" * 85, None),
        ("x y" * 85 + "z", None),
        ("x y" * 85 + "zz", Weakness.TOO_LONG),
        ("password", Weakness.COMMON),
        ("PassWord", Weakness.COMMON),
        ("letmein1", Weakness.COMMON),
        ("letmein12", None),
        ("aaaaaaaa", Weakness.COMMON),
        ("abababab", Weakness.COMMON),
        ("abcabcab", None),
        ("orchard\nkettle", Weakness.UNREADABLE),
        ("orchard\0kettle", Weakness.UNREADABLE),
        ("orchard\x7fkettle", Weakness.UNREADABLE),
        ("orchard\ud800kettle", Weakness.UNREADABLE),
        ("ada@acme.example", Weakness.PERSONAL),
        ("ADA@ACME.EXAMPLE", Weakness.PERSONAL),
        ("Ada Lovelace", Weakness.PERSONAL),
        ("ada lovelace", Weakness.PERSONAL),
        ("Ada Lovelace!", None),
    ],
)
def test_a_password_needs_length_and_nothing_that_is_guessed_first(password: str, why: Weakness | None) -> None:
    assert weakness(password, COMMON, ("ada@acme.example", "Ada Lovelace")) is why


def test_characters_are_counted_and_not_bytes() -> None:
    assert weakness("é" * 3 + "ü" * 2 + "ñ" * 2, COMMON) is Weakness.TOO_SHORT
    assert weakness("éüñç" * 64, COMMON) is None


@given(st.text(min_size=1, max_size=30))
def test_one_letter_typed_in_two_ways_is_one_password(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert normalise("e\u0301") == normalise("\u00e9") == "\u00e9"


def test_the_blocklist_is_lower_case_and_has_what_everybody_guesses() -> None:
    listed = common_passwords()
    assert len(listed) >= 1000
    assert all(len(word) >= 8 and word == word.casefold() for word in listed)
    assert {"password", "password1", "12345678", "qwertyuiop", "iloveyou", "1q2w3e4r"} <= listed


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("12345678", Weakness.COMMON),
        ("Password1", Weakness.COMMON),
        ("lovelace.ada@acme.example", Weakness.PERSONAL),
        ("Lovelace.Ada", Weakness.PERSONAL),
        ("Augusta Ada King", Weakness.PERSONAL),
        ("kettle orchard", None),
    ],
)
def test_nobody_takes_their_own_address_or_name_as_a_password(password: str, why: Weakness | None) -> None:
    assert weak_password(password, "lovelace.ada@acme.example", "Augusta Ada King") is why
