import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.harness.clock import NOON
from tests.harness.pages import WebClient
from twofold.kit.context import AppContext
from twofold.oidc import key_flow
from twofold.oidc.provider import description

BASE = "http://127.0.0.1:8000"
PATHS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oidc/jwks.json"]


def got(client: httpx.Client, path: str, method: str = "GET") -> httpx.Response:
    """Ask as a page of another origin does."""
    return client.request(method, path, headers={"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"})


@pytest.fixture
def http(web_client: WebClient) -> httpx.Client:
    return web_client.http


def test_the_provider_is_where_it_says(http: httpx.Client) -> None:
    """OpenID Connect Discovery section 4.3: the issuer is the address that the description was found under."""
    for path in PATHS[:2]:
        told = got(http, path).json()
        assert told["issuer"] == BASE
        endpoints = {name: url for name, url in told.items() if name.endswith(("_endpoint", "_uri"))}
        assert len(endpoints) == 8
        assert all(url.startswith(f"{BASE}/oidc/") for url in endpoints.values())


def test_no_weak_way_is_announced() -> None:
    told = description(BASE)
    assert told["response_types_supported"] == ("code",)
    assert told["code_challenge_methods_supported"] == ("S256",)
    assert told["id_token_signing_alg_values_supported"] == ("RS256", "ES256")
    assert "none" not in told["introspection_endpoint_auth_methods_supported"]


def test_what_is_not_built_is_not_announced() -> None:
    """A `request_uri` counts as supported unless it is denied (OpenID Connect Discovery section 3)."""
    told = description(BASE)
    assert not told["request_uri_parameter_supported"]
    assert not told["request_parameter_supported"]
    assert "phr" in told["acr_values_supported"]


def test_the_published_keys_verify_what_is_signed(context: AppContext, http: httpx.Client) -> None:
    token = key_flow.sign(context, {"sub": "ada"}, "RS256", NOON)
    keys = KeySet.import_key_set(got(http, "/oidc/jwks.json").json())
    assert jwt.decode(token, keys, algorithms=["RS256"]).claims == {"sub": "ada"}


@pytest.mark.parametrize("path", PATHS)
def test_pages_of_any_origin_may_read_what_is_public(http: httpx.Client, path: str) -> None:
    answer = got(http, path)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["cache-control"] == "public, max-age=300"
    asked_first = got(http, path, "OPTIONS")
    assert asked_first.status_code == 204
    assert asked_first.headers["access-control-allow-origin"] == "*"
    assert asked_first.headers["access-control-allow-methods"] == "GET"
    assert "access-control-allow-credentials" not in asked_first.headers


def test_everything_else_stays_within_its_origin(http: httpx.Client) -> None:
    answer = got(http, "/sign-in")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
