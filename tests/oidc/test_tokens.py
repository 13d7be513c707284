"""Codes and tokens: what they are exchanged for, once, by whom; and that everything ends with the session."""

from typing import Any

import httpx
import pytest
from litestar import Request, get

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, client_of
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, Ada, People
from tests.oidc.applications import CALLBACK
from tests.oidc.relying_party import CHALLENGE, ISSUER, VERIFIER, RelyingParty, refused
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.http.pools import ANONYMOUS
from twofold.oidc import grant_flow, registration_flow, token_flow
from twofold.oidc.grant_tables import access_tokens, authorization_codes, grants, refresh_tokens
from twofold.oidc.token_flow import Code, Tokens
from twofold.operations import jobs
from twofold.sessions import flow as sessions
from twofold.sessions.methods import TWO_FACTORS

MOMENT = Origin(NOON, CLIENT_INFO)


# --- codes


def test_a_code_is_exchanged_for_tokens(ada: Ada, people: People, crm: RelyingParty, session: str) -> None:
    answer = crm.exchange(crm.code(session, scope="openid email offline_access unheard_of"))
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "openid email offline_access")
    claims = crm.claims(body["id_token"])
    found = people.session(session)
    assert claims.pop("at_hash")
    assert claims == {
        "iss": ISSUER, "sub": str(ada[0].id), "aud": crm.client_id, "azp": crm.client_id, "nonce": "n-1",
        "iat": int(NOON.timestamp()), "exp": int(later(minutes=10).timestamp()), "sid": str(found.id),
        "auth_time": int(later(minutes=-1).timestamp()), "acr": TWO_FACTORS, "amr": ["pwd", "otp", "mfa"],
    }  # fmt: skip
    [event] = people.events("application_signed_in")
    assert (event.account_id, event.actor_id, event.subject_id) == (ada[0].account_id, ada[0].id, ada[0].id)
    assert "CRM" in event.details


def test_without_offline_access_there_is_no_refresh_token(crm: RelyingParty, session: str) -> None:
    assert "refresh_token" not in crm.tokens(session, scope="openid")


def test_a_token_says_what_was_proved_and_no_more(people: People, crm: RelyingParty) -> None:
    alone = people.token(people.user("grace@acme.example"))
    claims = crm.claims(crm.tokens(alone)["id_token"])
    assert (claims["acr"], claims["amr"]) == ("urn:twofold:1fa", ["pwd"])


@pytest.mark.parametrize(
    "said",
    [
        {"code": "tf_code_" + "x" * 43}, {"redirect_uri": f"{CALLBACK}/"}, {"code_verifier": None},
        {"code_verifier": "x" * 43}, {"code_verifier": CHALLENGE},
    ],
    ids=str,
)  # fmt: skip
def test_a_code_with_anything_else_than_it_was_made_for_is_refused(
    crm: RelyingParty, session: str, said: dict[str, Any]
) -> None:
    """RFC 6749 section 5.2, RFC 7636 section 4.6: invalid_grant; and the code is still good for its own."""
    code = crm.code(session)
    given = {"code": code, **said}
    assert refused(crm.exchange(given.pop("code"), **given)) == (400, "invalid_grant")
    assert crm.exchange(code).status_code == 200


def test_a_verifier_for_a_code_without_a_challenge_is_refused(
    context: AppContext, http: httpx.Client, session: str
) -> None:
    """RFC 9700 section 4.8.2. Stops: a request whose challenge was taken out on the way."""
    crm = RelyingParty.of(context, http, pkce=False)
    code = crm.code(session, code_challenge=None, code_challenge_method=None)
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert crm.exchange(code, code_verifier=None).status_code == 200


def test_another_application_cannot_use_a_code(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    """Stops: CVE-2026-16089."""
    other, code = RelyingParty.of(context, http, name="Other"), crm.code(session)
    assert refused(other.exchange(code)) == (400, "invalid_grant")
    assert crm.exchange(code).status_code == 200
    assert refused(other.exchange(code)) == (400, "invalid_grant")
    assert crm.userinfo(crm.tokens(session)["access_token"]).status_code == 200


def test_a_code_lives_for_a_minute(crm: RelyingParty, session: str, frozen_clock: FrozenClock) -> None:
    code = crm.code(session)
    frozen_clock.forward(seconds=60)
    assert refused(crm.exchange(code)) == (400, "invalid_grant")


def test_a_second_use_of_a_code_ends_what_the_first_gave(people: People, crm: RelyingParty, session: str) -> None:
    """RFC 6749 section 4.1.2. Stops: a stolen code that was used before or after its owner used it."""
    code = crm.code(session, scope="openid offline_access")
    body = crm.exchange(code).json()
    assert crm.userinfo(body["access_token"]).status_code == 200
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    [event] = people.events("application_grant_ended")
    assert "code_reused" in event.details


def test_a_code_that_is_used_twenty_times_at_once_is_used_once(people: People, crm: RelyingParty, session: str) -> None:
    """Stops: fosite #778."""
    code = Code(crm.code(session), CALLBACK, VERIFIER)
    application = crm.registered.application

    def use() -> object:
        return token_flow.exchange(people.context, application, code, origin=MOMENT)

    outcomes = at_once(*[use] * 20)
    assert sum(isinstance(outcome, Tokens) for outcome in outcomes) == 1
    assert people.count(grants) == 1
    assert people.count(grants, grants.c.revoked_at.is_(None)) == 0


def test_a_code_of_a_session_that_has_ended_is_refused(people: People, crm: RelyingParty, session: str) -> None:
    code = crm.code(session)
    sessions.sign_out(people.context.db, people.session(session), origin=MOMENT)
    assert refused(crm.exchange(code)) == (400, "invalid_grant")


def test_a_code_for_an_account_that_was_taken_out_since_is_refused(
    people: People, crm: RelyingParty, context: AppContext, session: str
) -> None:
    code, body = crm.code(session), crm.tokens(session)
    other = frozenset({people.account("Other")})
    by_console = MOMENT.by(acting.CONSOLE)
    changed = registration_flow.change(
        context.db, crm.registered.application.id, {"accounts": other}, origin=by_console
    )
    assert changed is not None
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")


# --- refresh tokens


def test_a_refresh_token_gives_the_next_one(crm: RelyingParty, session: str) -> None:
    first = crm.tokens(session)
    answer = crm.refresh(first["refresh_token"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["refresh_token"] != first["refresh_token"]
    assert crm.userinfo(body["access_token"]).status_code == 200
    claims = crm.claims(body["id_token"])
    assert "nonce" not in claims
    assert claims["auth_time"] == crm.claims(first["id_token"])["auth_time"], "Core section 12.2"


def test_two_tabs_that_refresh_get_the_same_next_one(
    crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    """Stops: people who lose their session because two tabs refresh (league/oauth2-server #1506)."""
    token = crm.tokens(session)["refresh_token"]
    one = crm.refresh(token).json()
    frozen_clock.forward(seconds=10)
    other = crm.refresh(token).json()
    assert other["refresh_token"] == one["refresh_token"]
    assert crm.refresh(one["refresh_token"]).status_code == 200


def test_a_refresh_token_that_was_replaced_ends_its_family(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    """RFC 9700 section 4.14.2. Stops: a stolen refresh token, whoever uses it first."""
    token = crm.tokens(session)["refresh_token"]
    body = crm.refresh(token).json()
    frozen_clock.forward(seconds=11)
    assert refused(crm.refresh(token)) == (400, "invalid_grant")
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert crm.userinfo(body["access_token"]).status_code == 401
    [event] = people.events("application_grant_ended")
    assert "refresh_token_reused" in event.details


def test_twenty_refreshes_at_once_replace_a_token_once(people: People, crm: RelyingParty, session: str) -> None:
    """Stops: CVE-2026-1035, where the detection of reuse raced."""
    token = crm.tokens(session)["refresh_token"]
    application = crm.registered.application

    def use() -> object:
        return token_flow.refresh(people.context, application, token, None, origin=MOMENT)

    outcomes = [outcome for outcome in at_once(*[use] * 20) if isinstance(outcome, Tokens)]
    assert len(outcomes) == 20
    assert len({outcome.issued.refresh_token for outcome in outcomes}) == 1
    assert people.count(refresh_tokens) == 2
    assert people.count(grants, grants.c.revoked_at.is_(None)) == 1


def test_another_application_cannot_refresh(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    token = crm.tokens(session)["refresh_token"]
    assert refused(RelyingParty.of(context, http, name="Other").refresh(token)) == (400, "invalid_grant")
    assert crm.refresh(token).status_code == 200


def test_less_may_be_asked_for_and_never_more(crm: RelyingParty, session: str) -> None:
    """RFC 6749 section 6."""
    token = crm.tokens(session, scope="openid email offline_access")["refresh_token"]
    assert refused(crm.refresh(token, scope="openid profile")) == (400, "invalid_scope")
    less = crm.refresh(token, scope="openid").json()
    assert less["scope"] == "openid"
    assert crm.userinfo(less["access_token"]).json().keys() == {"sub"}
    none = crm.refresh(less["refresh_token"], scope="email").json()
    assert crm.userinfo(none["access_token"]).status_code == 403
    again = crm.refresh(none["refresh_token"]).json()
    assert again["scope"] == "openid email offline_access"


def test_who_works_in_an_application_is_not_idle(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    token = crm.tokens(session)["refresh_token"]
    for _ in range(3):
        frozen_clock.forward(minutes=45)
        answer = crm.refresh(token)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]
    assert people.find_session(session, at=frozen_clock.at) is not None
    frozen_clock.forward(minutes=60)
    assert refused(crm.refresh(token)) == (400, "invalid_grant"), "idle for an hour"


def test_a_token_never_outlives_its_session(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    token = crm.tokens(session)["refresh_token"]
    while frozen_clock.at < later(hours=23, minutes=20):
        frozen_clock.forward(minutes=40)
        token = crm.refresh(token).json()["refresh_token"]
    frozen_clock.forward(minutes=29)
    body = crm.refresh(token).json()
    assert body["expires_in"] == 600, "the session ends in ten minutes"
    frozen_clock.forward(minutes=10)
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    with people.context.db.write() as connection:
        grant_flow.forget_over(connection, later(at=frozen_clock.at, days=1))
    for table in (authorization_codes, grants, access_tokens, refresh_tokens):
        assert people.count(table) == 0, table.name


# --- everything ends together


def sign_out(people: People, _ada: Ada, token: str) -> None:
    sessions.sign_out(people.context.db, people.session(token), origin=MOMENT)


def frozen(people: People, ada: Ada, _token: str) -> None:
    people.set_user(ada[0], frozen_at=NOON)


def deactivated(people: People, ada: Ada, _token: str) -> None:
    people.set_user(ada[0], active=False)


def outdated(people: People, ada: Ada, _token: str) -> None:
    people.set_user(ada[0], security_version=99)


def deleted(people: People, _ada: Ada, _token: str) -> None:
    with people.context.db.read() as connection:
        [application] = {row.application_id for row in connection.execute(grants.select())}
    assert registration_flow.delete(people.context.db, application, origin=MOMENT.by(acting.CONSOLE))


@pytest.mark.parametrize("end", [sign_out, frozen, deactivated, outdated, deleted])
def test_what_ends_the_session_ends_every_token(
    ada: Ada, people: People, crm: RelyingParty, session: str, end: Any
) -> None:
    body = crm.tokens(session)
    assert crm.userinfo(body["access_token"]).status_code == 200
    end(people, ada, session)
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert crm.refresh(body["refresh_token"]).status_code in (400, 401)


def test_who_must_set_a_second_factor_up_first_has_no_token_until_then(people: People, crm: RelyingParty) -> None:
    """Stops: an application in which a policy that stops somebody everywhere else does not."""
    user = people.user("grace@acme.example")
    alone = people.token(user)
    body, code = crm.tokens(alone, scope="openid offline_access"), crm.code(alone)
    people.set_account(user.account_id, policy="required")
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert crm.call("/oidc/introspect", {"token": body["access_token"]}).json() == {"active": False}
    people.set_account(user.account_id, policy="optional")
    assert crm.userinfo(body["access_token"]).status_code == 200


def test_the_clean_up_deletes_what_is_over() -> None:
    assert grant_flow.forget_over in jobs.FORGET


# --- who calls


def test_a_secret_may_be_in_the_form(crm: RelyingParty, session: str) -> None:
    """RFC 6749 section 2.3.1, client_secret_post."""
    code, secret = crm.code(session), crm.registered.secret
    assert crm.exchange(code, auth=None, client_id=crm.client_id, client_secret=secret).status_code == 200


def test_a_public_application_has_its_name_alone(context: AppContext, http: httpx.Client, session: str) -> None:
    app = RelyingParty.of(context, http, public=True)
    assert refused(app.exchange(app.code(session), client_secret="x")) == (401, "invalid_client")
    assert app.exchange(app.code(session)).status_code == 200


@pytest.mark.parametrize("path", ["/oidc/token", "/oidc/introspect", "/oidc/revoke"])
def test_who_does_not_prove_to_be_an_application_is_refused(crm: RelyingParty, session: str, path: str) -> None:
    """RFC 6749 section 5.2: invalid_client, with a challenge where the header was used."""
    secret = crm.registered.secret
    assert secret is not None
    wrong: list[Any] = [(crm.client_id, "wrong"), ("crm", secret), (crm.client_id, "")]
    form = {"grant_type": "authorization_code", "code": crm.code(session), "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER, "token": "x"}  # fmt: skip
    for auth in wrong:
        answer = crm.call(path, form, auth=auth)
        assert refused(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    for named in ({}, {"client_id": crm.client_id}, {"client_id": crm.client_id, "client_secret": "wrong"}):
        assert refused(crm.call(path, {**form, **named}, auth=None)) == (401, "invalid_client")
    assert refused(crm.call(path, form, auth=None, Authorization="Basic ?")) == (401, "invalid_client")
    both = {**form, "client_id": crm.client_id, "client_secret": secret}
    assert refused(crm.call(path, both)) == (400, "invalid_request")
    assert refused(crm.call(path, {**form, "client_id": "other"})) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": ["refresh_token", "authorization_code"]}, "invalid_request"),
    ],
    ids=str,
)
def test_a_call_that_is_not_in_order_is_refused(crm: RelyingParty, form: dict[str, Any], error: str) -> None:
    assert refused(crm.call("/oidc/token", form)) == (400, error)


def test_a_call_in_json_is_refused(crm: RelyingParty, http: httpx.Client) -> None:
    assert refused(http.post("/oidc/token", json={"grant_type": "refresh_token"})) == (400, "invalid_request")


def test_a_session_opens_nothing_at_the_token_endpoint(crm: RelyingParty, session: str) -> None:
    """Stops: a page of another site that uses somebody's cookie there."""
    body = f"grant_type=authorization_code&code={crm.code(session)}&redirect_uri={CALLBACK}"
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = crm.send("POST", "/oidc/token", session, content=body, headers=sent)
    assert refused(answer) == (401, "invalid_client")


@get("/who", sync_to_thread=False)
def who(request: Request[Any, Any, Any]) -> dict[str, bool]:
    """Tell whether whoever asks counts as anonymous."""
    return {"anonymous": bool(request.scope.get(ANONYMOUS))}


def test_an_application_with_its_secret_is_not_anonymous(context: AppContext, crm: RelyingParty) -> None:
    """Stops: a flood of strangers behind whom applications wait."""
    with client_of(context, who) as http:
        assert http.get("/who", auth=(crm.client_id, crm.registered.secret or "")).json() == {"anonymous": False}
        assert http.get("/who", auth=(crm.client_id, "tf_app_" + "x" * 65)).json() == {"anonymous": True}
        assert http.get("/who", auth=(crm.client_id, "wrong")).json() == {"anonymous": True}
        assert http.get("/who", headers={"Authorization": "Basic ?"}).json() == {"anonymous": True}


# --- userinfo


def test_userinfo_says_what_the_scopes_allow(ada: Ada, crm: RelyingParty, session: str) -> None:
    """Core section 5.4."""
    user = ada[0]
    body = crm.tokens(session, scope="openid profile email account")
    answer = crm.userinfo(body["access_token"])
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == {
        "sub": str(user.id), "name": "Ada", "email": user.email, "email_verified": True,
        "account_id": str(user.account_id), "account_name": "Acme", "edition": "enterprise", "role": "member",
        "licensed": True,
    }  # fmt: skip
    assert crm.userinfo(crm.tokens(session, scope="openid")["access_token"]).json() == {"sub": str(user.id)}


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
