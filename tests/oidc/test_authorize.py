"""The authorization endpoint: a code at once; errors as OpenID Connect Core 3.1.2.6 has them."""

from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest

from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import People
from tests.oidc.applications import CALLBACK
from tests.oidc.relying_party import ISSUER, RelyingParty, answer_of, browser_of, parameters_of
from twofold.kit.context import AppContext
from twofold.oidc import authorize_flow
from twofold.oidc.grant_tables import authorizations

# --- at once


def test_whoever_is_signed_in_is_led_back_at_once_with_a_code(crm: RelyingParty, session: str) -> None:
    answer = answer_of(crm.authorize(session))
    assert answer.keys() == {"code", "state", "iss"}
    assert answer["state"] == "st&te=1", "as it came"
    assert answer["iss"] == ISSUER, "RFC 9207"


def test_a_redirect_address_keeps_its_own_query(context: AppContext, http: httpx.Client, session: str) -> None:
    """RFC 6749 section 3.1.2."""
    address = f"{CALLBACK}?tenant=7"
    crm = RelyingParty.of(context, http, redirect_uris=[address])
    location = crm.authorize(session, redirect_uri=address).headers["location"]
    assert parameters_of(location)["tenant"] == "7"


def test_an_answer_by_form_is_a_page_that_posts_it(crm: RelyingParty, http: httpx.Client, session: str) -> None:
    """OAuth 2.0 Form Post Response Mode."""
    page = browser_of(http, session).get(crm.address(response_mode="form_post"))
    form = page.form("Go on")
    assert form.action == CALLBACK
    assert form.fields.keys() == {"code", "state", "iss"}
    assert "form-action *" in page.headers["content-security-policy"]


def test_a_request_may_come_as_a_form_of_another_site(crm: RelyingParty, http: httpx.Client, session: str) -> None:
    """OpenID Connect Core 3.1.2.1. Browsers send no cookie with it, so it is asked for again as a query."""
    form = crm.address().partition("?")[2]
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://crm.example",
            "Sec-Fetch-Site": "cross-site"}  # fmt: skip
    again = http.post("/oidc/authorize", content=form, headers=sent)
    assert again.status_code == 303
    assert "code" in answer_of(crm.send("GET", again.headers["location"], session))


# --- requests that are not in order


@pytest.mark.parametrize(
    "said", [{"client_id": None}, {"client_id": "crm"}, {"client_id": "01a2204f-6ca7-71ef-afea-91646aec0aef"}], ids=str
)
def test_an_unknown_application_is_told_on_a_page(crm: RelyingParty, session: str, said: dict[str, str | None]) -> None:
    """Stops: an open redirect. RFC 6749 section 4.1.2.1."""
    answer = crm.authorize(session, **said)
    assert (answer.status_code, "client_id" in answer.text) == (400, True)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "address",
    [
        None, "", "https://evil.example/callback", f"{CALLBACK}/", f"{CALLBACK}?a=b", f"{CALLBACK}#",
        f"{CALLBACK}/..;/", CALLBACK.upper(), "https://crm.example:443/callback", "https://crm.example/x/../callback",
    ],
)  # fmt: skip
def test_another_redirect_address_is_told_on_a_page(crm: RelyingParty, session: str, address: str | None) -> None:
    """Stops: a code for whoever gets an address past a comparison that normalises (CVE-2026-3872)."""
    answer = crm.authorize(session, redirect_uri=address)
    assert (answer.status_code, "redirect_uri" in answer.text) == (400, True)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://crm.example/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"nonce": "n" * 2049}, "invalid_request"),
        ({"id_token_hint": "a.b.c"}, "invalid_request"),
    ],
    ids=str,
)
def test_what_is_not_in_order_goes_back_as_the_error(
    crm: RelyingParty, session: str, said: dict[str, str | None], error: str
) -> None:
    answer = answer_of(crm.authorize(session, **said))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st&te=1", ISSUER)
    assert "code" not in answer


@pytest.mark.parametrize("twice", ["scope=openid", "state=other", "nonce=n-2", "unheard_of=1&unheard_of=2"])
def test_a_parameter_that_comes_twice_is_refused(crm: RelyingParty, session: str, twice: str) -> None:
    """RFC 6749 section 3.1. Stops: two readers of one request who each take another one of them."""
    answer = answer_of(crm.send("GET", f"{crm.address()}&{twice}", session))
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize("twice", ["client_id=x", f"redirect_uri={CALLBACK}"])
def test_a_doubled_application_or_address_leads_nowhere(crm: RelyingParty, session: str, twice: str) -> None:
    assert crm.send("GET", f"{crm.address()}&{twice}", session).status_code == 400


def test_without_pkce_an_application_may_leave_it_out(context: AppContext, http: httpx.Client, session: str) -> None:
    crm = RelyingParty.of(context, http, pkce=False)
    assert "code" in answer_of(crm.authorize(session, code_challenge=None, code_challenge_method=None))


# --- prompt=none


def test_nobody_is_asked_anything_where_nothing_may_be_shown(
    people: People, crm: RelyingParty, http: httpx.Client, context: AppContext, session: str
) -> None:
    assert answer_of(crm.authorize(None, prompt="none"))["error"] == "login_required"
    assert answer_of(crm.authorize(session, prompt="none", max_age="30"))["error"] == "login_required"
    assert answer_of(crm.authorize(session, prompt="none", max_age="0"))["error"] == "login_required"
    assert "code" in answer_of(crm.authorize(session, prompt="none", max_age="60"))
    aged = RelyingParty.of(context, http, second_factor_age=timedelta(minutes=1))
    assert "code" in answer_of(aged.authorize(session, prompt="none"))
    grace = people.token(people.user("grace@acme.example"))
    assert answer_of(aged.authorize(grace, prompt="none"))["error"] == "interaction_required"
    assert people.count(authorizations) == 0


def test_the_user_that_an_id_token_names_has_to_be_signed_in(people: People, crm: RelyingParty, session: str) -> None:
    hint = crm.tokens(session)["id_token"]
    assert "code" in answer_of(crm.authorize(session, prompt="none", id_token_hint=hint))
    grace = people.token(people.user("grace@acme.example"))
    assert answer_of(crm.authorize(grace, id_token_hint=hint))["error"] == "login_required"


# --- bounds


def test_a_network_begins_no_more_than_its_share(
    crm: RelyingParty, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorize_flow, "MOST_OF_A_NETWORK", 1)
    assert crm.authorize().status_code == 303
    assert crm.authorize().status_code == 503


def test_what_was_asked_rests_sealed(people: People, crm: RelyingParty) -> None:
    crm.authorize(nonce="a-nonce-to-find")
    with people.context.db.read() as connection:
        [row] = connection.execute(authorizations.select())
    assert b"a-nonce" not in row.sealed


def test_a_request_waits_for_an_hour(
    crm: RelyingParty, web_client: WebClient, session: str, frozen_clock: FrozenClock
) -> None:
    web_client.get(crm.address())
    [path] = [path for _status, path in web_client.trail if path.startswith("/oidc/authorize/")]
    frozen_clock.forward(minutes=60)
    web_client.cookies.set("twofold_session", session)
    assert web_client.get(path).status == 410


def test_a_form_that_is_none_is_refused(http: httpx.Client) -> None:
    assert http.post("/oidc/authorize", json={"client_id": "x"}).status_code == 400
    long = urlencode({"state": "x" * 9000}).encode()
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post("/oidc/authorize", content=long, headers=sent).status_code == 400
