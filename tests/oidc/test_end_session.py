"""Signing out at the wish of an application: OpenID Connect RP-Initiated Logout 1.0."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import Ada, People
from tests.oidc.relying_party import RelyingParty
from twofold.kit.context import AppContext

AFTER = "https://crm.example/bye"


@pytest.fixture
def crm(context: AppContext, http: httpx.Client) -> RelyingParty:
    """Be an application that has said where people go after they sign out."""
    return RelyingParty.of(context, http, post_logout_redirect_uris=(AFTER,))


@pytest.fixture
def browser(http: httpx.Client, session: str) -> WebClient:
    """Be the browser in which Ada is signed in."""
    browser = WebClient(http)
    browser.cookies.set("twofold_session", session)
    return browser


def wish(**said: str) -> str:
    return f"/oidc/end-session?{urlencode(said)}"


def ended(people: People, session: str) -> bool:
    return people.find_session(session, at=NOON) is None


def test_the_id_token_of_a_session_ends_it_at_once(people: People, crm: RelyingParty, session: str) -> None:
    hint = crm.tokens(session)["id_token"]
    answer = crm.send("GET", wish(id_token_hint=hint, post_logout_redirect_uri=AFTER, state="a b"), session)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{AFTER}?state=a+b")
    assert "twofold_session=" in answer.headers["set-cookie"]
    assert ended(people, session)
    assert people.events("signed_out")


def test_an_id_token_that_has_expired_is_as_good(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    hint = crm.tokens(session)["id_token"]
    frozen_clock.forward(minutes=50)
    assert crm.send("GET", wish(id_token_hint=hint), session).headers["location"] == "/sign-in?signed_out=1"
    assert ended(people, session)


def test_without_an_id_token_the_person_is_asked(
    people: People, crm: RelyingParty, browser: WebClient, session: str
) -> None:
    """Section 2. Stops: a link of anybody's that signs people out."""
    page = browser.get(wish(client_id=crm.client_id, post_logout_redirect_uri=AFTER, state="s"))
    assert (page.heading, "CRM" in page.text) == ("Sign out?", True)
    assert not ended(people, session)
    page = browser.submit(page, "Sign out")
    assert page.heading == "You are signed out"
    assert page.link("Back to CRM") == f"{AFTER}?state=s"
    assert ended(people, session)
    assert browser.cookie("twofold_session") is None


def test_the_id_token_of_another_session_ends_nothing_by_itself(
    ada: Ada, people: People, crm: RelyingParty, browser: WebClient, session: str
) -> None:
    grace = people.token(people.user("grace@acme.example"))
    page = browser.get(wish(id_token_hint=crm.tokens(grace)["id_token"]))
    assert page.heading == "Sign out?"
    assert not ended(people, session)
    assert not ended(people, grace)


@pytest.mark.parametrize("uri", [f"{AFTER}/", "https://evil.example/", "https://crm.example/callback", AFTER.upper()])
def test_another_address_leads_nowhere_and_ends_nothing(
    people: People, crm: RelyingParty, session: str, uri: str
) -> None:
    """Section 3: an exact comparison."""
    hint = crm.tokens(session)["id_token"]
    answer = crm.send("GET", wish(id_token_hint=hint, post_logout_redirect_uri=uri), session)
    assert (answer.status_code, "post_logout_redirect_uri" in answer.text) == (400, True)
    assert not ended(people, session)


def test_an_address_without_an_application_leads_nowhere(crm: RelyingParty, session: str) -> None:
    assert crm.send("GET", wish(post_logout_redirect_uri=AFTER), session).status_code == 400


def test_what_is_not_in_order_ends_nothing(
    people: People, crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    hint, other = crm.tokens(session)["id_token"], RelyingParty.of(context, http, name="Other")
    head, claims, signature = hint.split(".")
    for said in (
        {"id_token_hint": "a.b.c"},
        {"id_token_hint": f"{head}.{claims}.{signature[::-1]}"},
        {"client_id": "crm"},
        {"client_id": other.client_id, "id_token_hint": hint},
        {"client_id": crm.client_id, "state": "s" * 2049},
    ):
        assert crm.send("GET", wish(**said), session).status_code == 400, said
    assert crm.send("GET", f"{wish(id_token_hint=hint)}&id_token_hint={hint}", session).status_code == 400
    assert not ended(people, session)


def test_whoever_is_signed_out_already_is_led_on(crm: RelyingParty) -> None:
    answer = crm.send("GET", wish(client_id=crm.client_id, post_logout_redirect_uri=AFTER))
    assert answer.headers["location"] == AFTER
    assert crm.send("GET", wish()).headers["location"] == "/sign-in?signed_out=1"


def test_a_wish_may_come_as_a_form_of_another_site(
    people: People, crm: RelyingParty, http: httpx.Client, session: str
) -> None:
    sent = {"Origin": "https://crm.example", "Sec-Fetch-Site": "cross-site"}
    answer = http.post("/oidc/end-session", data={"id_token_hint": crm.tokens(session)["id_token"]}, headers=sent)
    assert answer.status_code == 303
    crm.send("GET", answer.headers["location"], session)
    assert ended(people, session)


def test_only_our_own_page_says_yes(people: People, crm: RelyingParty, session: str) -> None:
    """Stops: a form of another site that signs people out."""
    sent = {"Origin": "https://crm.example", "Sec-Fetch-Site": "cross-site"}
    assert crm.send("POST", "/oidc/end-session/confirm", session, data={}, headers=sent).status_code == 403
    assert not ended(people, session)
