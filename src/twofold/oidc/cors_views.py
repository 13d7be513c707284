"""What pages of other origins may read: what is public, and what a token in a header opens; never by a cookie."""

from litestar import Response
from litestar.enums import HttpMethod

from twofold.kit.http.requests import AnyRequest, AnyResponse

# Without Access-Control-Allow-Credentials no browser sends cookies along, or shows the answer where it did.
CORS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}

# The methods of a route that a browser asks about first, for it answers that itself: Litestar's own answer lacks CORS.
READ = [HttpMethod.GET, HttpMethod.OPTIONS]

PREFLIGHT_LIFE = 3600  # seconds


def preflight(request: AnyRequest, methods: str) -> AnyResponse | None:
    """Answer a browser that asks which methods it may send (Fetch section 4.8); None for any other request."""
    if request.method != HttpMethod.OPTIONS:
        return None
    headers = {
        **CORS,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": str(PREFLIGHT_LIFE),
    }
    return Response(None, status_code=204, headers=headers)
