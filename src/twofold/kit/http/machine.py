"""Routes that are called from elsewhere: by programs without an Origin, by pages of other origins.

What such a route does it does by a token or a secret in the request, never by a cookie: or it only leads on.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Litestar, Response
from litestar.routes import HTTPRoute

from twofold.kit.http.requests import AnyRequest, AnyResponse

# What a route says of itself, in `opt`: whoever sends to it need not be a page of ours; its answers are for programs.
ELSEWHERE, PROGRAMS = "from_elsewhere", "for_programs"
FROM_ELSEWHERE = {ELSEWHERE: True}
FOR_PROGRAMS = {ELSEWHERE: True, PROGRAMS: True}

# A page of any origin may read the answer; no cookie goes along (Fetch standard, CORS protocol and credentials).
CORS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
PREFLIGHT_LIFE = 3600  # seconds


def paths_with(app: Litestar, said: str) -> frozenset[str]:
    """List the paths of the routes that say something of themselves."""
    return frozenset(
        route.path
        for route in app.routes
        if isinstance(route, HTTPRoute) and any(said in handler.opt for handler in route.route_handlers)
    )


def is_for_programs(request: AnyRequest) -> bool:
    """Tell whether a request came to a route whose answers are for programs."""
    handler: Any = request.scope.get("route_handler")  # none yet where no route was found
    return handler is not None and PROGRAMS in handler.opt


def oauth_error(status: int, error: str, why: str, headers: Mapping[str, str] | None = None) -> AnyResponse:
    """Answer a program with an error as RFC 6749 section 5.2 has it."""
    return told({"error": error, "error_description": why}, status, headers)


def told(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> AnyResponse:
    """Answer a program with JSON that nobody keeps, and that pages of any origin may read."""
    return Response(dict(body), status_code=status, headers={**CORS, "Cache-Control": "no-store", **(headers or {})})


def preflight(methods: str) -> AnyResponse:
    """Answer a browser that asks which methods a page may send (Fetch standard, section 4.8)."""
    headers = {
        **CORS,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": str(PREFLIGHT_LIFE),
    }
    return Response(None, status_code=204, headers=headers)
