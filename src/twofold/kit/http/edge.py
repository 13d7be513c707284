"""The outermost layer: what address a request may come to and from, its id, and the headers of its answer."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from twofold.brand.links import origin_of
from twofold.kit import clock
from twofold.kit.client_info import ADDRESS, Proxies
from twofold.kit.crypto.tokens import random_bytes
from twofold.kit.http.addresses import OwnHost, is_canonical
from twofold.kit.http.anonymous import LIMITED_ROUTE
from twofold.kit.http.gate import Gate
from twofold.kit.http.leaving import is_leaving
from twofold.kit.http.requests import USER, is_call
from twofold.settings import Settings

log = structlog.get_logger("twofold.requests")

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action {forms}; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    # No path ever leaves, for it may hold the token of a link. no-referrer would make browsers send `Origin: null` with
    # our own forms.
    (b"referrer-policy", b"strict-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
NO_STORE = (b"cache-control", b"no-store")
CLOSE = (b"connection", b"close")  # a proxy must not send its next request into a connection that ends with us
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
PROBES = {b"/healthz", b"/readyz"}  # asked by a node's address, whatever its name; they tell nothing of anybody


class Refusal(NamedTuple):
    """An answer that is the same for everybody, made once."""

    status: int
    media_type: str
    body: bytes


class Refusals(NamedTuple):
    """What the edge itself answers with, to people and to programs, before any route is looked for."""

    foreign_form: Refusal
    blocked_page: Refusal
    blocked_call: Refusal
    not_found_page: Refusal
    not_found_call: Refusal
    misdirected_page: Refusal
    misdirected_call: Refusal


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        observe: Callable[[str, str, int, float], None],
        refusals: "Refusals",
        gate: Gate,
        from_elsewhere: frozenset[str] = frozenset(),
    ) -> None:
        """Wrap an application; blocked networks do not get past the gate.

        The paths `from_elsewhere` take what no page of ours has sent (kit.http.machine).
        """
        self._app = app
        self._refusals = refusals
        self._gate = gate
        self._from_elsewhere = from_elsewhere
        self._host = OwnHost(settings.base_url)
        self._origin = settings.base_url
        self._proxies = Proxies(settings.trusted_proxies)
        self._observe = observe
        policy = (b"content-security-policy", _policy(settings).encode())
        self._headers = [policy, *HEADERS, *([STRICT_TRANSPORT] if settings.secure else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with an id, and its answer back, with the headers."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        noted = cast("dict[str, Any]", scope)
        address, given = self._proxies.look_at(noted)
        request_id = given or random_bytes(8).hex()
        noted[ADDRESS], noted["twofold_request_id"] = address, request_id
        method = str(noted["method"])
        if method == "HEAD":  # answered like a GET, without the body
            noted["method"] = "GET"
        path, started, status = scope["path"], clock.stopwatch(), 500
        headers = self._headers if path.startswith("/static/") else [*self._headers, NO_STORE]

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                noted["method"] = method  # for the server, which would miss the body
                status = message["status"]
                own = {name.lower() for name, _value in message["headers"]}  # a page may be stricter than the rest
                rest = [header for header in headers if header[0] not in own]
                if is_leaving():
                    rest.append(CLOSE)
                message["headers"] = [*message["headers"], *rest, (b"x-request-id", request_id.encode())]
            elif method == "HEAD":
                cast("dict[str, Any]", message)["body"] = b""
            await send(message)

        refusal = self._refusal(scope, method)
        if refusal is None and method in SAFE_METHODS and self._host.leads_from(scope["headers"]):
            await self._lead_on(send_with_headers, scope)
        elif refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await _refuse(send_with_headers, refusal)
        taken = clock.stopwatch() - started
        # Only the route is named: a path may hold the token of a link.
        route = str(noted.get("path_template") or "unknown")
        self._observe(method, route, status, taken)
        if route == LIMITED_ROUTE:
            return  # a flood must not become a flood of lines: it is counted instead
        log.info(
            "request", method=method, route=route, status=status, seconds=round(taken, 4), id=request_id,
            address=address, user=noted.get(USER),
        )  # fmt: skip

    async def _lead_on(self, send: Callable[[Message], Awaitable[None]], scope: Scope) -> None:
        """Lead a browser to the same page by the name that it is to use."""
        query = scope["query_string"]
        location = self._origin.encode() + scope["raw_path"].partition(b"?")[0] + (b"?" + query if query else b"")
        headers = [(b"location", location), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _refusal(self, scope: Scope, method: str) -> Refusal | None:
        """Return why a request goes no further, whatever it asks for; None when it may."""
        refusals, path = self._refusals, scope["path"]
        api, call = path.startswith("/api/"), is_call(path)
        if self._gate.is_blocked(scope):
            return refusals.blocked_call if api else refusals.blocked_page
        raw_path = scope["raw_path"].partition(b"?")[0]  # some servers leave the query on it
        if not is_canonical(raw_path):
            return refusals.not_found_call if call else refusals.not_found_page
        if raw_path not in PROBES and not self._host.fits(scope["headers"]):
            return refusals.misdirected_call if call else refusals.misdirected_page
        if method not in SAFE_METHODS and not api and path not in self._from_elsewhere and not self._own_origin(scope):
            return refusals.foreign_form
        return None

    def _own_origin(self, scope: Scope) -> bool:
        """Tell whether an unsafe request comes from our own pages: the browser says so, or its Origin is ours."""
        headers = dict(scope["headers"])
        site = headers.get(b"sec-fetch-site")
        if site is not None:
            return site == b"same-origin"
        return headers.get(b"origin", b"").decode("latin-1") == self._origin


def _policy(settings: Settings) -> str:
    """Let forms go to us alone, and to the operator's product, to which the last form of a sign-in is led on."""
    return POLICY.format(forms=" ".join(["'self'", *([origin_of(settings.home_url)] if settings.home_url else [])]))


async def _refuse(send: Callable[[Message], Awaitable[None]], refusal: Refusal) -> None:
    headers = [
        (b"content-type", refusal.media_type.encode()),
        (b"content-length", str(len(refusal.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body, "more_body": False})
