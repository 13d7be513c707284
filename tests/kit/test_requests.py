from urllib.parse import urljoin, urlsplit
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twofold.kit.http.requests import cookies_of, local_path, row_id, set_cookie
from twofold.settings import load

NO_REQUEST = "https://login.example.com"

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/%2f..",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "\x00//evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "http:\\\\evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "mailto:a@evil.example",
    "evil.example",
    "evil.example/profile",
    "@evil.example",
    ".evil.example",
    "?next=//evil.example",
    "#//evil.example",
    "",
    "profile",
    "./profile",
    "../profile",
    "/profile\r\nSet-Cookie: twofold_session=x",
    "/profile\r\n\r\n<script>",
    "/prof\u2028ile",
    "/\u2215evil.example",
    "/\uff0fevil.example",
    "/profile\\..\\..\\evil",
    "/" + "a" * 8192,
]


@pytest.mark.parametrize("payload", ELSEWHERE)
def test_nothing_but_a_path_of_this_site_is_gone_on_to(payload: str) -> None:
    assert local_path(payload) == ""


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/profile",
        "/people?page=2&q=a%20b#row-3",
        "/profile/two-factor/configure",
        "/a//b",
        "/%2F%2Fevil.example",
        "/%5Cevil.example",
        "/@evil.example",
        "/https://evil.example",
        "/.//evil.example",
        "/" + "a" * 8191,
    ],
)
def test_a_path_of_this_site_is_kept_as_it_is(path: str) -> None:
    assert local_path(path) == path
    assert urlsplit(urljoin(NO_REQUEST, path)).netloc == "login.example.com"


@given(st.text(st.sampled_from("/\\.@:?#%a \t\r\n\x00\u2215"), max_size=12) | st.text(max_size=20))
@example("//")
def test_whatever_is_kept_stays_on_this_site(text: str) -> None:
    kept = local_path(text)
    assert kept in ("", text)
    if kept:
        assert urljoin(NO_REQUEST + "/sign-in", kept).startswith(NO_REQUEST + "/")
        assert not set(kept) & set("\\\r\n\t ")


def test_an_id_is_a_uuid_in_its_one_form() -> None:
    text = "0b5c1c6e-7d8f-4a53-9b6e-2f6d5f0c1a2b"
    assert row_id(text) == row_id(text.upper()) == UUID(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "not-a-uuid",
        "0b5c1c6e7d8f4a539b6e2f6d5f0c1a2b",
        "{0b5c1c6e-7d8f-4a53-9b6e-2f6d5f0c1a2b}",
        "urn:uuid:0b5c1c6e-7d8f-4a53-9b6e-2f6d5f0c1a2b",
        "0b5c1c6e-7d8f-4a53-9b6e-2f6d5f0c1a2",
        "0b5c1c6e-7d8f-4a53-9b6e-2f6d5f0c1a2g",
        "' OR 1=1 --------------------------- ",
    ],
)
def test_a_malformed_id_is_a_missing_one(text: str) -> None:
    assert row_id(text) is None


def test_cookies_belong_to_the_whole_host_behind_https() -> None:
    settings = load({"TWOFOLD_BASE_URL": NO_REQUEST})
    assert cookies_of(settings) == (
        "__Host-twofold_session",
        "__Host-twofold_sign_in",
        "__Host-twofold_browser",
        "__Host-twofold_destinations",
    )
    cookie = set_cookie(settings, "session", "tf_session_x")
    assert (cookie.key, cookie.secure, cookie.httponly, cookie.samesite) == (
        "__Host-twofold_session", True, True, "lax",
    )  # fmt: skip
    assert (cookie.path, cookie.domain) == ("/", None)


def test_cookies_have_plain_names_on_a_loopback_address() -> None:
    settings = load({})
    assert cookies_of(settings) == (
        "twofold_session",
        "twofold_sign_in",
        "twofold_browser",
        "twofold_destinations",
    )
    assert not set_cookie(settings, "session", "tf_session_x").secure
