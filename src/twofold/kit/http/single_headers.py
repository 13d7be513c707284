"""Headers that may stand in a request once: of two, we would believe one and a proxy before us the other.

RFC 9110 section 5.3 lets only lists come in several lines, and RFC 9112 section 3.2 demands 400 for two of `Host`. Two
of `Content-Length` the server refuses; `X-Forwarded-For` is a list, and all its lines are read.
"""

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from twofold.kit.http.problems import MEDIA_TYPE, TITLES, Problem

ONCE = frozenset({
    b"host", b"origin", b"sec-fetch-site", b"authorization", b"cookie", b"twofold-client", b"content-type",
    b"content-length",
})  # fmt: skip


class SingleHeaders:
    """ASGI middleware that refuses requests in which one of them comes again."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        twice = doubled([name for name, _value in scope["headers"]]) if scope["type"] == ScopeType.HTTP else None
        if twice is None:
            await self._app(scope, receive, send)
            return
        said = f"The header {twice.decode()} came more than once."
        code = "invalid_request"
        refusal = Problem(type=f"/api/docs#{code}", title=TITLES[code], status=400, code=code, detail=said)
        body, media_type = said.encode(), b"text/plain; charset=utf-8"
        if scope["path"].startswith("/api/"):
            body, media_type = msgspec.json.encode(refusal), MEDIA_TYPE.encode()
        headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def doubled(names: list[bytes]) -> bytes | None:
    """Return the name of a header that came more often than it may."""
    if len(set(names)) == len(names):
        return None
    return next((name for name in names if name in ONCE and names.count(name) > 1), None)
