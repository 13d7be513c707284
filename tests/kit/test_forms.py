import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.http.forms import BadForm, parse_form

FORM = "application/x-www-form-urlencoded"


def test_fields_are_read_and_a_missing_one_is_empty() -> None:
    form = parse_form(b"email=ada%40acme.example&code=123+456&empty=", FORM)
    assert (form["email"], form["code"], form["empty"], form["missing"]) == ("ada@acme.example", "123 456", "", "")
    assert ("empty" in form, "missing" in form) == (True, False)
    assert (len(form), list(form)) == (3, ["email", "code", "empty"])


def test_a_form_without_fields_is_a_form() -> None:
    assert len(parse_form(b"", "")) == 0
    assert len(parse_form(b"", "text/plain")) == 0


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", "Application/X-WWW-Form-Urlencoded"])
def test_the_content_type_may_be_spelled_in_any_way(content_type: str) -> None:
    assert parse_form(b"a=1", content_type)["a"] == "1"


def test_text_beyond_ascii_is_utf_8() -> None:
    assert parse_form(b"name=%C3%89va&kanji=%E6%BC%A2", FORM)["name"] == "Éva"


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"a=1", "", "expects a form"),
        (b'{"a": 1}', "application/json", "expects a form"),
        (b"--x\r\n", "multipart/form-data; boundary=x", "expects a form"),
        (b"a=1&a=2", FORM, "came twice"),
        (b"code=111111&code=123456", FORM, "came twice"),
        (b"a=1&%61=2", FORM, "came twice"),
        (b"a=" + b"x" * 4097, FORM, "too long"),
        (b"a=1%002", FORM, "cannot be used"),
        (b"a=%FF%FE", FORM, "could not be read"),
        (b"a=\xff", FORM, "could not be read"),
        (b"&".join(b"f%d=1" % number for number in range(101)), FORM, "could not be read"),
    ],
)
def test_what_is_no_form_is_refused_with_a_sentence(body: bytes, content_type: str, said: str) -> None:
    with pytest.raises(BadForm, match=said):
        parse_form(body, content_type)


def test_a_hundred_fields_are_the_most() -> None:
    assert len(parse_form(b"&".join(b"f%d=1" % number for number in range(100)), FORM)) == 100


def test_a_field_of_4096_characters_is_the_longest() -> None:
    assert len(parse_form(b"a=" + b"x" * 4096, FORM)["a"]) == 4096


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_a_bad_form(body: bytes) -> None:
    try:
        form = parse_form(body, FORM)
    except BadForm:
        return
    assert all(isinstance(form[name], str) for name in form)
