"""An application that others wrote signs somebody in: Authlib, at a server as an operator runs it."""

import json
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.conftest import Serve
from tests.harness.contexts import context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.wire import client_to
from tests.oidc.applications import CALLBACK, register
from tests.oidc.relying_party import led_to

VERIFIER = "what-an-application-keeps-to-itself-until-it-exchanges"
SCOPE = "openid email offline_access"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = json.dumps(KeySet([KEY]).as_dict(private=False))


class FiveMinutes(PrivateKeyJWT):  # type: ignore[misc]
    """Authlib's assertions live an hour unless told otherwise."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        signed: str = private_key_jwt_sign(
            KEY, client_id=auth.client_id, token_endpoint=token_endpoint, header={"kid": KEY.kid}, expires_in=300
        )
        return signed


@pytest.mark.slow
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_authlib_signs_somebody_in_refreshes_asks_and_revokes(serve: Serve, database_url: str, method: str) -> None:
    is_keyed = method == "private_key_jwt"
    with context_on(database_url) as context:
        People(context).user(ADA)
        said = {"jwks": KEYS} if is_keyed else {}
        made = register(context, jwt_access_tokens=is_keyed, **said)
    server = serve(database_url)
    provider = httpx.get(f"{server.url}/.well-known/openid-configuration").json()
    assert method in provider["token_endpoint_auth_methods_supported"]
    with OAuth2Session(
        str(made.application.id), KEY.as_pem(private=True) if is_keyed else made.secret, scope=SCOPE,
        redirect_uri=CALLBACK, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
        code_challenge_method="S256", token_endpoint=provider["token_endpoint"],
    ) as app:  # fmt: skip
        if is_keyed:
            app.register_client_auth_method(FiveMinutes(provider["token_endpoint"]))
        address, state = app.create_authorization_url(
            provider["authorization_endpoint"], code_verifier=VERIFIER, nonce="n"
        )
        token = app.fetch_token(authorization_response=_signed_in(server.url, address), state=state,
                                code_verifier=VERIFIER)  # fmt: skip
        _verify(provider, token["id_token"], client_id=app.client_id, access_token=token["access_token"])
        assert app.get(provider["userinfo_endpoint"]).json()["email"] == ADA
        assert app.introspect_token(provider["introspection_endpoint"], token["access_token"]).json()["active"]
        again = app.refresh_token(provider["token_endpoint"], token["refresh_token"])
        assert again["refresh_token"] != token["refresh_token"]
        revoked = app.revoke_token(provider["revocation_endpoint"], again["refresh_token"])
        assert revoked.status_code == 200, revoked.text
        told = app.introspect_token(provider["introspection_endpoint"], again["access_token"]).json()
        assert told == {"active": False}


def _signed_in(url: str, address: str) -> str:
    """Sign Ada in where an application sends her; return where she is led back."""
    with client_to(url) as http:
        browser = WebClient(http)
        page = browser.submit(browser.get(address), "Sign in", email=ADA, password=PASSWORD)
        return led_to(page)


def _verify(provider: dict[str, str], id_token: str, **expected: str) -> None:
    """Hold an ID token against what Authlib asks of one (OpenID Connect Core section 3.1.3.7)."""
    keys = KeySet.import_key_set(httpx.get(provider["jwks_uri"]).json())
    read = jwt.decode(id_token, keys)
    options = {"iss": {"value": provider["issuer"]}, "aud": {"value": expected["client_id"]}}
    token = CodeIDToken(read.claims, read.header, options, {"nonce": "n", **expected})
    token.validate()
