"""Names that can be somebody's, in every script, and names that would put a link or a line into a letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.directory.person_name import is_company_name, is_label, is_person_name
from twofold.kit.plain_text import unlinked

# ruff: noqa: RUF001 - that letters of one script look like those of another is the point
REAL = (
    "Ada Lovelace", "Dr. J. R. Smith Jr.", "O'Brien-Çelik", "J.R.R. Tolkien",
    "Dipl.-Ing. Jörg Groß", "Ph.D. Candidate", "Nguyễn Thị Minh Khai", "Ngũgĩ wa Thiong’o", "李小龍",
    "葛\U000e0100城", "山田・太郎", "김철수", "محمد بن سلمان", "علی\u200cرضا", "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "क्\u200dष अमित", "ശ്രീകുമാര്\u200d", "সুমন", "ฐิติมา", "Şükrü Ağaoğlu", "Ѐлена Петровић",
    "Ἀριστοτέλης", "שָׂרָה", "ამირანი", "Հայկ", "ኃይሌ", "X Æ A-12", "Anne-Marie d'Aumale",
    "María José (Pepa) Ruiz", "Li 3rd",
)  # fmt: skip
TRICKS = (
    "Pay now: http://evil.example/x", "evil.example", "www evil", "see www.evil.example",
    "HTTPS evil", "a@evil.example", "a\uff20evil", "evil\uff0eexample",
    "evil\u3002example", "http\uff1a\uff0f\uff0fevil",
    "mailto:eve", "at 192.0.2.7", "Eve\nPay now", "Eve\u2028Pay", "Eve\x85Pay", "Eve\u2029Pay",
    "Eve\u202egnp", "\u202aEve", "\u2066Eve\u2069", "Eve\u200b", "E\u200dve", "Eve\u200c Moore",
    "\ufeffEve", "Eve\u00ad", "\u3164", "Eve\u2800\u2800Pay", "Eve\tPay", "Eve\x00", "Eve\x1b[1m",
    "n" * 121, "", "  ", "Dr.med Eve", "co.uk",
)  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_the_names_of_people_pass_and_letters_show_them_as_they_are(name: str) -> None:
    assert is_person_name(name)
    assert unlinked(name) == name


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_with_an_address_or_a_trick_is_none(name: str) -> None:
    assert not is_person_name(name)


@pytest.mark.parametrize("name", ["Booking.com", "Amazon.com, Inc.", "A. B. & Co. KG", "3M", "Yahoo!"])
def test_an_organisation_may_be_called_like_its_domain(name: str) -> None:
    assert is_company_name(name)
    assert not is_company_name(f"{name} http://evil.example")


@given(st.text())
def test_what_passes_as_a_name_is_shown_as_it_is(name: str) -> None:
    if is_person_name(name):
        assert unlinked(name).split() == name.split()
        assert is_label(name)
