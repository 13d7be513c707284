"""What tokens are good for: userinfo, and being asked about and taken back."""

import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.people import CLIENT_INFO, Ada, People
from tests.oidc.relying_party import RelyingParty, refused
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.sessions import flow as sessions
from twofold.sessions.methods import TWO_FACTORS

MOMENT = Origin(NOON, CLIENT_INFO)


# --- userinfo


def test_userinfo_says_what_the_scopes_allow(ada: Ada, crm: RelyingParty, session: str) -> None:
    """Core section 5.4."""
    user = ada[0]
    body = crm.tokens(session, scope="openid profile email account")
    answer = crm.userinfo(body["access_token"])
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == {
        "sub": str(user.id), "name": "Ada", "zoneinfo": "UTC", "email": user.email, "email_verified": True,
        "account_id": str(user.account_id), "account_name": "Acme", "edition": "enterprise", "role": "member",
        "licensed": True,
    }  # fmt: skip
    assert crm.userinfo(crm.tokens(session, scope="openid")["access_token"]).json() == {"sub": str(user.id)}


def test_userinfo_says_the_language_and_time_zone_that_somebody_chose(
    ada: Ada, crm: RelyingParty, people: People, session: str
) -> None:
    user, token = ada[0], crm.tokens(session, scope="openid profile")["access_token"]
    people.set_account(user.account_id, time_zone="Europe/Berlin")
    assert crm.userinfo(token).json() == {"sub": str(user.id), "name": "Ada", "zoneinfo": "Europe/Berlin"}
    people.choose(user, "en-US", "America/New_York")
    told = crm.userinfo(token).json()
    assert (told["locale"], told["zoneinfo"]) == ("en-US", "America/New_York")


def test_userinfo_takes_the_token_in_a_form_as_well(crm: RelyingParty, http: httpx.Client, session: str) -> None:
    """RFC 6750 section 2.2; in two ways it is refused, and in a query it is none."""
    token = crm.tokens(session)["access_token"]
    assert http.post("/oidc/userinfo", data={"access_token": token}).status_code == 200
    bearer = {"Authorization": f"Bearer {token}"}
    assert http.post("/oidc/userinfo", headers=bearer).status_code == 200
    assert refused(http.post("/oidc/userinfo", data={"access_token": token}, headers=bearer))[0] == 400
    assert http.get(f"/oidc/userinfo?access_token={token}").status_code == 401


def test_what_is_no_access_token_gets_no_userinfo(
    crm: RelyingParty, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    """RFC 6750 section 3.1."""
    body = crm.tokens(session)
    assert http.get("/oidc/userinfo").headers["www-authenticate"] == "Bearer"
    for token in (session, body["refresh_token"], crm.code(session), "tf_access_" + "x" * 43):
        answer = crm.userinfo(token)
        assert refused(answer) == (401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    frozen_clock.forward(minutes=15)
    assert refused(crm.userinfo(body["access_token"])) == (401, "invalid_token")


def test_an_access_token_opens_no_page_and_no_call(crm: RelyingParty, http: httpx.Client, session: str) -> None:
    """Stops: an application that acts as its user at the service itself."""
    token = crm.tokens(session)["access_token"]
    assert http.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert crm.send("GET", "/profile", token).headers["location"] == "/sign-in"


@pytest.mark.parametrize("path", ["/oidc/token", "/oidc/userinfo"])
def test_pages_of_any_origin_may_call(http: httpx.Client, path: str) -> None:
    """CORS, with preflight and without cookies: a public application is a page."""
    asked = {"Origin": "https://spa.example", "Access-Control-Request-Method": "POST"}
    answer = http.options(path, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    answer = http.post(path, data={}, headers={"Origin": "https://spa.example", "Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")


# --- introspection, revocation


def test_an_application_is_told_what_a_token_is_worth(
    ada: Ada, crm: RelyingParty, context: AppContext, http: httpx.Client, session: str, people: People
) -> None:
    """RFC 7662: an access token to whoever was shown it, a refresh token to its own application."""
    body, api = crm.tokens(session), RelyingParty.of(context, http, name="API")
    told = api.call("/oidc/introspect", {"token": body["access_token"]}).json()
    expected = {"active": True, "sub": str(ada[0].id), "client_id": crm.client_id, "acr": TWO_FACTORS}
    assert expected.items() <= told.items()
    assert told["exp"] == int(later(minutes=15).timestamp())
    assert crm.call("/oidc/introspect", {"token": body["refresh_token"]}).json()["active"] is True
    assert api.call("/oidc/introspect", {"token": body["refresh_token"]}).json() == {"active": False}
    crm.refresh(body["refresh_token"])
    assert crm.call("/oidc/introspect", {"token": body["refresh_token"]}).json() == {"active": False}
    assert crm.call("/oidc/introspect", {"token": session}).json() == {"active": False}
    assert refused(crm.call("/oidc/introspect", {})) == (400, "invalid_request")
    public = RelyingParty.of(context, http, public=True)
    assert refused(public.call("/oidc/introspect", {"token": body["access_token"]})) == (401, "invalid_client")
    sessions.sign_out(people.context.db, people.session(session), origin=MOMENT)
    assert api.call("/oidc/introspect", {"token": body["access_token"]}).json() == {"active": False}


def test_an_application_takes_its_own_tokens_back(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    """RFC 7009: an access token alone, a refresh token with all that came of it; nobody else's."""
    body, other = crm.tokens(session), RelyingParty.of(context, http, name="Other")
    for name in ("access_token", "refresh_token"):
        assert other.call("/oidc/revoke", {"token": body[name]}).status_code == 200
    assert crm.userinfo(body["access_token"]).status_code == 200
    assert crm.call("/oidc/revoke", {"token": body["access_token"]}).status_code == 200
    assert crm.userinfo(body["access_token"]).status_code == 401
    body = crm.refresh(body["refresh_token"]).json()
    assert crm.call("/oidc/revoke", {"token": body["refresh_token"], "token_type_hint": "x"}).status_code == 200
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert crm.call("/oidc/revoke", {"token": "nonsense"}).status_code == 200
    assert refused(crm.call("/oidc/revoke", {})) == (400, "invalid_request")
