"""What applications call: who they are, and what is refused, by RFC 6749 section 5.2."""

from typing import Any

import httpx
import pytest
from litestar import Request, get

from tests.harness.clock import NOON
from tests.harness.contexts import client_of
from tests.harness.people import CLIENT_INFO
from tests.oidc.applications import CALLBACK
from tests.oidc.relying_party import VERIFIER, RelyingParty, refused
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.http.pools import ANONYMOUS

MOMENT = Origin(NOON, CLIENT_INFO)


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
