"""An application signs somebody in at a server as an operator runs it, knowing the issuer and its own secret alone."""

import json
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.conftest import Serve
from tests.harness.contexts import context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.processes import wait_until
from tests.harness.wire import client_to
from tests.oidc.applications import CALLBACK, register
from tests.oidc.receiver import Receiver
from tests.oidc.relying_party import CHALLENGE, VERIFIER, led_to, parameters_of
from twofold.sessions.methods import ONE_FACTOR


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_an_application_signs_somebody_in_and_is_told_of_the_sign_out(
    serve: Serve, database_url: str, algorithm: str
) -> None:
    with Receiver() as receiver, context_on(database_url) as context:
        People(context).user(ADA)
        made = register(context, algorithm=algorithm, backchannel_logout_uri=receiver.url)
        server = serve(database_url, logout_networks="127.0.0.0/8")
        with client_to(server.url) as http:
            provider = http.get("/.well-known/openid-configuration").json()
            browser = WebClient(http)
            page = browser.get(authorization(provider, str(made.application.id)))
            page = browser.submit(page, "Sign in", email=ADA, password=PASSWORD)
            answer = parameters_of(led_to(page))
            assert (answer["state"], answer["iss"]) == ("s", provider["issuer"])
            credentials = (str(made.application.id), made.secret or "")
            form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": CALLBACK,
                    "code_verifier": VERIFIER}  # fmt: skip
            tokens = post(http, provider["token_endpoint"], form, credentials)
            keys = KeySet.import_key_set(http.get(provider["jwks_uri"]).json())
            claims = jwt.decode(tokens["id_token"], keys, algorithms=[algorithm]).claims
            assert (claims["iss"], claims["aud"], claims["nonce"]) == (provider["issuer"], credentials[0], "n")
            assert (claims["acr"], claims["amr"]) == (ONE_FACTOR, ["pwd"])
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            told = http.get(provider["userinfo_endpoint"], headers=bearer).json()
            assert told == {"sub": claims["sub"], "email": ADA, "email_verified": True}
            again = post(http, provider["token_endpoint"], refresh(tokens["refresh_token"]), credentials)
            assert again["refresh_token"] != tokens["refresh_token"]
            browser.get(f"/oidc/end-session?{urlencode({'id_token_hint': tokens['id_token']})}")
            assert http.get(provider["userinfo_endpoint"], headers=bearer).status_code == 401
            wait_until(lambda: bool(receiver.got), what="told of the sign-out")
            logout = jwt.decode(receiver.got[0]["logout_token"][0], keys, algorithms=[algorithm]).claims
            assert (logout["sid"], logout["sub"]) == (claims["sid"], claims["sub"])


def authorization(provider: dict[str, str], client_id: str) -> str:
    parameters = {
        "client_id": client_id, "redirect_uri": CALLBACK, "response_type": "code", "state": "s", "nonce": "n",
        "scope": "openid email offline_access", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{provider['authorization_endpoint']}?{urlencode(parameters)}"


def refresh(token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token}


def post(http: httpx.Client, url: str, form: dict[str, str], credentials: tuple[str, str]) -> dict[str, str]:
    answer = http.post(url, data=form, auth=credentials)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = json.loads(answer.content)
    return tokens
