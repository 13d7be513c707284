from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.clock import NOON
from tests.oidc.applications import CALLBACK, registration
from twofold.oidc.application import Application, allows_redirect, fault_of, tidied

APP = "com.example.app:/callback"


def application(**said: Any) -> Application:
    return Application(uuid4(), *registration(**said), created_at=NOON)


@pytest.mark.parametrize(
    "address",
    [
        f"{CALLBACK}/", f"{CALLBACK}?a=b", f"{CALLBACK}#a", "https://crm.example/Callback", "https://CRM.example/callback",
        "https://crm.example:443/callback", "https://crm.example/a/../callback", "https://crm.example/..;/callback",
        "https://crm.example/%63allback", "https://crm.example/callback ", "http://crm.example/callback",
        "https://crm.example.evil.example/callback", "https://crm.example@evil.example/callback", "", "/callback",
    ],
)  # fmt: skip
@pytest.mark.parametrize("public", [False, True])
def test_a_redirect_address_is_compared_letter_by_letter(address: str, *, public: bool) -> None:
    """Stops: a code sent to an address that only looks like the registered one (CVE-2026-3872)."""
    assert allows_redirect(application(public=public), CALLBACK)
    assert not allows_redirect(application(public=public), address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_program_on_a_computer_may_listen_on_any_port(host: str) -> None:
    """RFC 8252 section 7.3, RFC 9700 section 4.1.3."""
    program = application(public=True, redirect_uris=[f"http://{host}/back?x=1"])
    assert all(allows_redirect(program, f"http://{host}{port}/back?x=1") for port in ("", ":1", ":51004", ":65535"))
    elsewhere = (
        f"http://{host}:51004/back", f"http://{host}:51004/back?x=1&y", f"https://{host}:51004/back?x=1",
        f"http://{host}:1@evil.example/back?x=1", f"http://{host}.evil.example/back?x=1", f"http://{host}:x/back?x=1",
        "http://127.0.0.2/back?x=1", f"http://{host}:51004/back?x=1#y", f"http://{host}:51004/back?x=1\n",
    )  # fmt: skip
    assert [address for address in elsewhere if allows_redirect(program, address)] == []


def test_one_loopback_address_is_not_another() -> None:
    program = application(public=True, redirect_uris=["http://127.0.0.1/back"])
    assert not allows_redirect(program, "http://localhost:51004/back")
    assert not allows_redirect(program, "http://[::1]:51004/back")


def test_an_application_with_a_secret_has_the_port_that_it_registered() -> None:
    server = application(redirect_uris=["http://localhost:3000/back"])
    assert allows_redirect(server, "http://localhost:3000/back")
    assert not allows_redirect(server, "http://localhost:3001/back")


@given(st.text(max_size=60))
def test_nothing_but_a_registered_address_is_allowed(address: str) -> None:
    assert allows_redirect(application(), address) is (address == CALLBACK)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "data:text/html,x", "http://crm.example/back", "https:///back", "https://", "ftp://a.example",
        "https://user@crm.example/", "https://user:secret@crm.example/", f"{CALLBACK}#x", "https://crm.example/a b",
        "https://crm.example/\n", "https://crm.example/ü", "https://crm.example\\@evil.example/", "//crm.example/back",
        'https://crm.example/">', "crm.example/back", "", "HTTPS://crm.example/", "app:/callback", "https://a.example:x/",
        "http://localhost.evil.example/", "http://127.0.0.1@evil.example/", f"https://crm.example/{'x' * 1000}",
        "https://[::1", "https://crm.example:0/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("public", [False, True])
def test_what_no_browser_should_be_sent_to_cannot_be_registered(address: str, *, public: bool) -> None:
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        said: dict[str, Any] = {"public": public, field: [address]}
        fault = fault_of(registration(**said))
        assert fault is not None
        assert fault.field == field
    home = fault_of(registration(public=public, home_url=address))
    assert home is not None
    assert home.field == "home_url"


def test_a_scheme_of_its_own_is_for_programs_alone() -> None:
    """RFC 8252 section 7.1: a domain read backwards, so that nobody else has it by chance."""
    assert fault_of(registration(public=True, redirect_uris=[APP])) is None
    assert fault_of(registration(redirect_uris=[APP])) is not None


def test_http_is_for_this_machine_and_for_logout_tokens_between_servers() -> None:
    """OpenID Connect Back-Channel Logout section 2.2."""
    assert fault_of(registration(redirect_uris=["http://localhost:3000/back"])) is None
    assert fault_of(registration(backchannel_logout_uri="http://crm:8080/logout")) is None
    assert fault_of(registration(backchannel_logout_uri="https://crm.example/logout#x")) is not None
    public = fault_of(registration(public=True, backchannel_logout_uri="http://crm:8080/logout"))
    assert public is not None
    assert public.field == "backchannel_logout_uri"


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "See https://evil.example"}),
        ("redirect_uris", {"redirect_uris": []}),
        ("redirect_uris", {"redirect_uris": [f"{CALLBACK}{n}" for n in range(51)]}),
        ("algorithm", {"algorithm": "HS256"}),
        ("algorithm", {"algorithm": "none"}),
        ("acr", {"acr": "2fa"}),
        ("second_factor_age", {"second_factor_age": timedelta(seconds=59)}),
        ("second_factor_age", {"second_factor_age": timedelta(days=31)}),
        ("pkce", {"public": True, "pkce": False}),
        ("accounts", {"accounts": frozenset(uuid4() for _ in range(1001))}),
    ],
)
def test_a_fault_names_its_field(field: str, said: dict[str, Any]) -> None:
    fault = fault_of(registration(**said))
    assert fault is not None
    assert fault.field == field
    assert fault.why.endswith(".")


def test_the_usual_and_the_most_are_in_order() -> None:
    assert fault_of(registration()) is None
    most = registration(
        redirect_uris=[f"{CALLBACK}{n}" for n in range(50)],
        accounts=frozenset(uuid4() for _ in range(1000)),
        second_factor_age=timedelta(days=30),
        acr="phr",
        pkce=False,
        algorithm="ES256",
    )
    assert fault_of(most) is None


def test_an_address_that_is_given_twice_stands_once() -> None:
    tidy = tidied(registration(name=" CRM ", redirect_uris=[CALLBACK, APP, CALLBACK]))
    assert tidy.name == "CRM"
    assert tidy.redirect_uris == (CALLBACK, APP)
