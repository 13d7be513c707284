"""Access tokens that are JWTs, by the sections of RFC 9068; they end as opaque ones do."""

from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.people import CLIENT_INFO, Ada, People
from tests.oidc.relying_party import ISSUER, RelyingParty, answer_of, refused
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import key_flow
from twofold.oidc.grant_tables import access_tokens
from twofold.sessions import flow as sessions
from twofold.sessions.methods import TWO_FACTORS


@pytest.fixture(params=["RS256", "ES256"])
def app(request: pytest.FixtureRequest, context: AppContext, http: httpx.Client) -> RelyingParty:
    """Be an application that asks for JWTs."""
    return RelyingParty.of(context, http, jwt_access_tokens=True, algorithm=request.param)


def read(context: AppContext, token: str) -> Any:
    """Verify a token with the published keys, as a resource server does."""
    keys = KeySet.import_key_set({"keys": key_flow.published(context, NOON)})
    return jwt.decode(token, keys, algorithms=["RS256", "ES256"])


def active(app: RelyingParty, token: str) -> bool:
    answer: bool = app.call("/oidc/introspect", {"token": token}).json()["active"]
    return answer


def test_a_token_says_what_a_resource_server_needs(
    ada: Ada, people: People, context: AppContext, app: RelyingParty, session: str
) -> None:
    """Sections 2.1 and 2.2."""
    body = app.tokens(session, scope="openid email")
    token = read(context, body["access_token"])
    assert token.header["typ"] == "at+jwt"
    assert token.header["alg"] == app.registered.application.algorithm
    assert body["expires_in"] == 300
    assert token.claims.pop("jti")
    assert token.claims == {
        "iss": ISSUER, "sub": str(ada[0].id), "aud": app.client_id, "client_id": app.client_id,
        "iat": int(NOON.timestamp()), "exp": int(later(minutes=5).timestamp()), "scope": "openid email",
        "sid": str(people.session(session).id), "auth_time": int(later(minutes=-1).timestamp()),
        "acr": TWO_FACTORS, "amr": ["pwd", "otp", "mfa"],
    }  # fmt: skip


def test_userinfo_and_introspection_take_it(app: RelyingParty, session: str) -> None:
    token = app.tokens(session, scope="openid email")["access_token"]
    assert app.userinfo(token).json()["email"] == "ada@acme.example"
    assert app.http.post("/oidc/userinfo", data={"access_token": token}).status_code == 200
    told = app.call("/oidc/introspect", {"token": token}).json()
    assert (told["active"], told["scope"], told["client_id"]) == (True, "openid email", app.client_id)


def test_it_is_over_after_five_minutes(app: RelyingParty, session: str, frozen_clock: FrozenClock) -> None:
    token = app.tokens(session)["access_token"]
    frozen_clock.forward(minutes=5)
    assert app.userinfo(token).status_code == 401
    assert not active(app, token)


def test_it_ends_with_its_session(people: People, app: RelyingParty, session: str) -> None:
    """Stops: a token that those who ask us believe after its session was ended."""
    token = app.tokens(session)["access_token"]
    sessions.sign_out(people.context.db, people.session(session), origin=Origin(NOON, CLIENT_INFO))
    assert app.userinfo(token).status_code == 401
    assert not active(app, token)


def test_it_can_be_revoked(people: People, app: RelyingParty, session: str) -> None:
    """RFC 7009 section 2.1."""
    token = app.tokens(session)["access_token"]
    assert app.call("/oidc/revoke", {"token": token}).status_code == 200
    assert not active(app, token)
    assert people.count(access_tokens) == 0


def test_a_refreshed_token_is_one_again(context: AppContext, app: RelyingParty, session: str) -> None:
    body = app.tokens(session)
    again = app.refresh(body["refresh_token"], scope="openid").json()
    assert (again["scope"], again["expires_in"]) == ("openid", 300)
    assert read(context, again["access_token"]).claims["scope"] == "openid"
    assert active(app, again["access_token"])


def test_the_name_of_a_token_opens_nothing(context: AppContext, app: RelyingParty, session: str) -> None:
    """Stops: whoever reads a `jti` in a log of a resource server."""
    token = app.tokens(session)["access_token"]
    for text in (read(context, token).claims["jti"], f"jti:{read(context, token).claims['jti']}"):
        assert not active(app, text)
        assert app.userinfo(text).status_code == 401


def test_what_we_did_not_sign_as_one_is_none(context: AppContext, app: RelyingParty, session: str) -> None:
    """Section 4: typ. Stops: an ID token that is taken for an access token, and what somebody else has signed."""
    body = app.tokens(session)
    head, claims, signature = body["access_token"].split(".")
    retyped = key_flow.sign(context, read(context, body["access_token"]).claims, "ES256", NOON)
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    forged = (body["id_token"], retyped, f"{none}.{claims}.{signature}", f"{none}.{claims}.", f"{head}.{claims}.AAAA")
    for text in forged:
        assert app.userinfo(text).status_code == 401
        assert not active(app, text)


def test_it_is_no_id_token(app: RelyingParty, session: str) -> None:
    """Section 5. Stops: an access token that is given back as a hint of who is signed in."""
    token = app.tokens(session)["access_token"]
    assert answer_of(app.authorize(session, id_token_hint=token))["error"] == "invalid_request"


def test_whoever_asks_for_none_gets_opaque_ones(crm: RelyingParty, session: str) -> None:
    body = crm.tokens(session)
    assert body["access_token"].startswith("tf_access_")
    assert body["expires_in"] == 900


def test_a_replaced_refresh_token_still_ends_its_family(
    app: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    body = app.tokens(session)
    token = app.refresh(body["refresh_token"]).json()["access_token"]
    frozen_clock.forward(seconds=11)
    assert refused(app.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert not active(app, token)
