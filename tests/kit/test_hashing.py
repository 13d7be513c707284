import unicodedata

import pytest

from twofold.kit.crypto.hashing import Hasher

CHEAP = Hasher(7168, 1)


def test_a_hash_is_argon2id_in_the_standard_form_with_its_parameters() -> None:
    stored = CHEAP.hash("orchard kettle lantern")
    assert stored.startswith("$argon2id$v=19$m=7168,t=1,p=1$")
    assert "orchard" not in stored


def test_the_defaults_of_the_settings_are_those_that_owasp_names() -> None:
    assert Hasher(19456, 2).hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("password", ["orchard kettle lantern", "漢字", "a" * 256, "\ud800 half a pair", "p\0q"])
def test_a_password_fits_its_own_hash_and_no_other(password: str) -> None:
    stored = CHEAP.hash(password)
    assert CHEAP.verify(stored, password)
    for other in ("", password + " ", password[:-1], password.swapcase() + "x"):
        assert not CHEAP.verify(stored, other)


def test_nothing_of_a_long_password_is_cut_off() -> None:
    stored = CHEAP.hash("a" * 255 + "b")
    assert not CHEAP.verify(stored, "a" * 255 + "c")
    assert not CHEAP.verify(stored, "a" * 255)


def test_two_hashes_of_one_password_differ() -> None:
    assert CHEAP.hash("orchard") != CHEAP.hash("orchard")


@pytest.mark.parametrize("password", ["", "orchard", "nobody"])
def test_nobody_has_a_password(password: str) -> None:
    assert not CHEAP.verify(None, password)


def test_a_hash_made_under_other_parameters_still_verifies_and_is_outdated() -> None:
    old, new = CHEAP, Hasher(8192, 2)
    stored = old.hash("orchard")
    assert new.verify(stored, "orchard")
    assert (old.outdated(stored), new.outdated(stored)) == (False, True)
    assert not new.outdated(new.hash("orchard"))


def test_the_bytes_that_are_hashed_are_utf_8() -> None:
    """The same letter in another normal form is another string here: normalising is the directory's part."""
    composed = unicodedata.normalize("NFC", "é")
    assert not CHEAP.verify(CHEAP.hash(composed), unicodedata.normalize("NFD", "é"))
