"""How an application learns what this provider is: its description and its keys, for everybody, from any origin."""

from litestar import Response, route

from twofold.kit import clock
from twofold.kit.http.machine import CORS
from twofold.kit.http.pools import quick
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of
from twofold.oidc import key_flow
from twofold.oidc.cors_views import READ, preflight
from twofold.oidc.provider import description

CONFIGURATION = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
CACHED = {"Cache-Control": "public, max-age=300", **CORS}  # seconds; the next key is published a day ahead


@route(CONFIGURATION, http_method=READ, status_code=200, sync_to_thread=False)
def configuration(request: AnyRequest) -> AnyResponse:
    """Describe the provider (OpenID Connect Discovery section 4, RFC 8414 section 3)."""
    told = description(context_of(request).settings.base_url)
    return preflight(request, "GET") or Response(told, headers=CACHED)


@route("/oidc/jwks.json", http_method=READ, status_code=200)
@quick
def jwks(request: AnyRequest) -> AnyResponse:
    """Return the keys that sign (RFC 7517 section 5)."""
    if answer := preflight(request, "GET"):
        return answer
    return Response({"keys": key_flow.published(context_of(request), clock.now())}, headers=CACHED)


handlers = [configuration, jwks]
