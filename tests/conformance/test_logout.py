"""Modules of the plans for signing out that no other test holds."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.harness.clock import NOON
from tests.harness.people import People
from tests.oidc.relying_party import ISSUER, RelyingParty, browser_of
from twofold.kit.context import AppContext
from twofold.oidc.provider import description

AFTER = "https://crm.example/signed-out"


@pytest.fixture
def app(context: AppContext, http: httpx.Client) -> RelyingParty:
    """Be an application to which people are led after signing out."""
    return RelyingParty.of(context, http, post_logout_redirect_uris=[AFTER])


def signed_out(app: RelyingParty, session: str, **said: str) -> httpx.Response:
    return app.send("GET", f"/oidc/end-session?{urlencode(said)}", session)


@pytest.mark.parametrize(
    "said", [{}, {"state": "s"}], ids=["oidcc-rp-initiated-logout-no-params", "oidcc-rp-initiated-logout-only-state"]
)
def test_whoever_says_nothing_of_an_application_is_asked(
    people: People, http: httpx.Client, session: str, said: dict[str, str]
) -> None:
    browser = browser_of(http, session)
    page = browser.submit(browser.get(f"/oidc/end-session?{urlencode(said)}"), "Sign out")
    assert "signed out" in page.text
    assert people.find_session(session, at=NOON) is None


def test_without_an_address_the_end_is_a_page_of_ours(app: RelyingParty, session: str) -> None:
    """oidcc-rp-initiated-logout-no-post-logout-redirect-uri."""
    answer = signed_out(app, session, id_token_hint=app.tokens(session)["id_token"], state="s")
    assert answer.headers["location"] == "/sign-in?signed_out=1"


def test_without_a_state_none_is_handed_back(app: RelyingParty, session: str) -> None:
    """oidcc-rp-initiated-logout-no-state."""
    hint = app.tokens(session)["id_token"]
    assert signed_out(app, session, id_token_hint=hint, post_logout_redirect_uri=AFTER).headers["location"] == AFTER


def test_an_address_with_a_query_of_somebody_s_leads_nowhere(app: RelyingParty, people: People, session: str) -> None:
    """oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri."""
    hint = app.tokens(session)["id_token"]
    answer = signed_out(app, session, id_token_hint=hint, post_logout_redirect_uri=f"{AFTER}?foo=bar", state="s")
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert people.find_session(session, at=NOON) is not None


def test_back_channel_logout_is_announced_with_its_sessions() -> None:
    """oidcc-backchannel-logout-discovery-endpoint-verification."""
    told = description(ISSUER)
    assert told["backchannel_logout_supported"]
    assert told["backchannel_logout_session_supported"]
