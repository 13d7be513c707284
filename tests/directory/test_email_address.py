import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.directory.email_address import (
    domain_key,
    domain_of,
    email_key,
    is_placeholder_key,
    masked,
    placeholder_key,
    usable,
)


@pytest.mark.parametrize(
    "typed",
    ["ada@acme.example", "ADA@ACME.EXAMPLE", " Ada@Acme.Example ", "\tada@acme.example\n", "\u00a0ada@acme.example"],
)
def test_one_address_typed_in_many_ways_is_one_address(typed: str) -> None:
    assert email_key(typed) == "ada@acme.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("é@acme.example", "e\u0301@acme.example"),
        ("STRASSE@acme.example", "straße@acme.example"),
        ("İ@a.example", "i̇@a.example"),
    ],
)
def test_letters_beyond_ascii_are_compared_as_people_see_them(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@given(st.text(max_size=40))
def test_the_compared_form_of_the_compared_form_is_itself(text: str) -> None:
    assert email_key(email_key(text)) == email_key(text)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("ada@acme.example", "acme.example"),
        ("Ada@ACME.Example ", "acme.example"),
        ("a@b@acme.example", "acme.example"),
        ("acme", "acme"),
    ],
)
def test_the_domain_is_what_stands_behind_the_last_at(address: str, domain: str) -> None:
    assert domain_of(address) == domain


def test_a_domain_by_itself_is_compared_like_those_of_addresses() -> None:
    assert domain_key(" ACME.Example\n") == domain_of("ada@acme.example")


def test_a_placeholder_begins_like_its_address_and_is_none() -> None:
    key = placeholder_key(" Ada@ACME.example", "7f3a")
    assert key == "ada@acme.example 7f3a"
    assert is_placeholder_key(key)
    assert not usable(key)
    assert not is_placeholder_key(email_key("ada@acme.example"))


@pytest.mark.parametrize(
    "address",
    ["ada@acme.example", "ada.lovelace+tag@mail.acme.example", "o'neill@acme.example", "漢@acme.example", " a@b.c "],
)
def test_an_address_that_mail_could_be_sent_to_is_usable(address: str) -> None:
    assert usable(address)


@pytest.mark.parametrize(
    "address",
    [
        "", " ", "ada", "@acme.example", "ada@", "ada@acme", "a@b@acme.example", "ada lovelace@acme.example",
        "ada@acme.example\nbcc: x@y.example", "ada@acme.example,b@acme.example", "<ada@acme.example>", "ada@.example",
        "ada@-acme.example", "ada@acme.example.", "ada@acme..example", "ada..l@acme.example", "ada\0@acme.example",
        "ada\u200b@acme.example", "ada\u202e@acme.example", 'ada"@acme.example', "a" * 251 + "@b.c",
    ],
)  # fmt: skip
def test_what_is_no_single_plain_address_is_not_usable(address: str) -> None:
    assert not usable(address)


@pytest.mark.parametrize(("length", "may"), [(253, True), (254, True), (255, False)])
def test_an_address_has_the_254_characters_of_rfc_5321_at_most(length: int, *, may: bool) -> None:
    assert usable("a" * (length - len("@b.c")) + "@b.c") == may


def test_a_masked_address_reminds_its_owner_and_tells_a_stranger_little() -> None:
    assert masked("ada.lovelace@acme.example") == "a•••@acme.example"
