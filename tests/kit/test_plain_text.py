"""What letters show of words that somebody else wrote."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twofold.kit.plain_text import DOT, is_one_visible_line, looks_like_domain, unlinked

TRICKY = st.text(
    st.sampled_from("aZ9é中 .:/@-\u3002\uff0e\u2028\n\t\u202e\u2066\u200b\u200c\u200d\u0915\u094d\u0633\u3164")
)


@given(st.text() | TRICKY)
@example("evil\u200b.example")
@example("evile\u0301.example")
@example("Pay now: http://evil.example/x")
@example("1.2.3.4.example")
def test_nothing_in_them_becomes_a_line_or_a_link(text: str) -> None:
    shown = unlinked(text)
    assert is_one_visible_line(shown)
    assert "://" not in shown
    assert not any(looks_like_domain(word.replace("\uff1a", ":")) for word in shown.split() if word.isascii())
    assert unlinked(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://evil.example/x,", "http: //evil. example/x,"),
        ("evil\u3002example", "evil\u3002 example"),
        ("www.evil.example", "www. evil. example"),
        ("see 192.0.2.7 now", "see 192. 0. 2. 7 now"),
        ("Lost phone on 12.03.2026, version 1.2", "Lost phone on 12.03.2026, version 1.2"),
        ("one\n\n--\r\ntwo\u2028three\x85four", "one -- two three four"),
        ("\u202eelpmaxe\u202c", "elpmaxe"),
        ("Booking.com", "Booking. com"),
    ],
)
def test_an_address_comes_apart_and_lines_become_one(text: str, shown: str) -> None:
    assert unlinked(text) == shown


@pytest.mark.parametrize("dot", list(DOT.strip("[]")))
def test_every_sign_that_browsers_take_for_a_dot_is_one(dot: str) -> None:
    assert looks_like_domain(f"evil{dot}example")
    assert not looks_like_domain(unlinked(f"evil{dot}example"))
