"""What pages of other origins may read: what is public, and what a token in a header opens; never by a cookie."""

from litestar.enums import HttpMethod

from twofold.kit.http import machine
from twofold.kit.http.requests import AnyRequest, AnyResponse

# The methods of a route that a browser asks about first, for it answers that itself: Litestar's own answer lacks CORS.
READ = [HttpMethod.GET, HttpMethod.OPTIONS]


def preflight(request: AnyRequest, methods: str) -> AnyResponse | None:
    """Answer a browser that asks which methods it may send; None for any other request."""
    return machine.preflight(methods) if request.method == HttpMethod.OPTIONS else None
