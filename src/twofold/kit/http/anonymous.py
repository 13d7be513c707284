"""Anonymous requests, without a token of ours, and how many of them are served: decided before a body is read.

An anonymous request is charged to its network (kit.http.limits). What is too much is refused here, with an answer that
was rendered before: no statement, no handler, no line of the log each, and the body is never looked at. Where the pool
that a request would go to is full, it is told so here as well.

A token bears our mark (kit.crypto.vault), so a made-up cookie or bearer makes no request less anonymous. One that has
ended is found out when it is used, and remembered.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from math import ceil
from typing import Any, NamedTuple, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from twofold.kit.client_info import address_of
from twofold.kit.crypto.tokens import digest
from twofold.kit.crypto.vault import Vault
from twofold.kit.http.limits import Counts, Kind, Limits, is_limited_address
from twofold.kit.http.pools import ANONYMOUS, KNOWN_CLIENT, ThreadPools
from twofold.kit.http.requests import HELD, Cookies, basic, cookies_of, is_call, is_token
from twofold.kit.network import network_of
from twofold.settings import Settings

# What a route says of itself, in `opt`: the kind of what an anonymous request costs. Every other one is of OTHER.
LIMITED = "limited"
TAKES_PASSWORD = {LIMITED: Kind.PASSWORD}
SENDS_MAIL = {LIMITED: Kind.MAIL}

# A refusal is held back for two to four seconds, each for another time: whoever asks again as soon as they are answered
# asks that much less, and not all of them at the same moment. A person reads no faster. Beyond so many that are held,
# which takes some megabytes, the rest is answered at once.
HELD_BACK, MOST_HELD_BACK = 2.0, 2_000  # seconds, requests

MOST_REMEMBERED = 20_000  # tokens that are not what their mark says

LIMITED_ROUTE = "limited"  # how the metrics name what was answered here


class Answers(NamedTuple):
    """The refusals as they are sent, rendered once: as pages or as problems of the API."""

    too_many: Mapping[Kind, bytes]
    busy: bytes
    busy_for: int  # seconds


class AnonymousLimits:
    """ASGI middleware before the application, within the edge."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        routes: Mapping[tuple[str, str], Kind],
        never_limited: frozenset[str],
        answers: Mapping[bool, Answers],
        for_programs: frozenset[str],
        *,
        vault: Callable[[], Vault],
        pools: Callable[[], ThreadPools | None],
    ) -> None:
        """Wrap an application; `routes` are limited by method and path, `answers` goes by whether a program asks.

        Those ask for the API and for the paths `for_programs`.

        What is `never_limited` are whole paths: all that only begins like one is answered with a page, which costs.
        """
        self._app = app
        self._settings = settings
        self._kind_of = _Routes(routes)
        self._never_limited = never_limited
        self._answers = answers
        self._for_programs = for_programs
        self._vault, self._pools = vault, pools
        self._limits = Limits(settings.limit_passwords)
        self._cookies = cookies_of(settings)
        self._rejected_tokens = _RejectedTokens()
        self._held_back = 0
        self.counts = Counts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with what is known of whoever sent it, or refuse it."""
        path = str(scope["path"]) if scope["type"] == ScopeType.HTTP else ""
        if not path or path in self._never_limited:
            await self._app(scope, receive, send)
            return
        noted, vault = cast("dict[str, Any]", scope), self._vault()
        caller = self._caller(noted, vault)
        noted[ANONYMOUS], noted[KNOWN_CLIENT] = caller.is_anonymous, caller.client is not None
        kind = self._kind_of(str(noted["method"]), path)
        refusal = None
        if caller.is_anonymous or kind is not Kind.OTHER:
            answers = self._answers[is_call(path) or path in self._for_programs]
            refusal = self._refusal(noted, caller, kind, answers)
        if refusal is not None:
            await self._refuse(noted, send, refusal)
            return
        await self._app(scope, receive, send)
        if HELD in noted:
            token, held = noted[HELD]
            bears_mark = token in caller.marked or vault.issued(token)
            self._rejected_tokens.note(token, bears_mark=bears_mark, holds=held)

    def _caller(self, scope: dict[str, Any], vault: Vault) -> "_Caller":
        tokens: list[str] = []
        clients: list[str] = []
        for name, token in _tokens(scope["headers"], self._cookies):
            (clients if name == "browser" else tokens).append(token)
        marked = {token for token in tokens if vault.issued(token)}
        is_anonymous = not any(self._rejected_tokens.holds(token, bears_mark=token in marked) for token in tokens)
        return _Caller(is_anonymous, next((client for client in clients if vault.issued(client)), None), marked)

    def _refusal(self, scope: dict[str, Any], caller: "_Caller", kind: Kind, answers: Answers) -> "_Refusal | None":
        address = address_of(scope, self._settings.trusted_proxies)
        is_limited = is_limited_address(address, self._settings.unlimited_networks)
        wait = self._charge(network_of(address), caller, kind) if is_limited else 0.0
        if wait:
            return _Refusal(429, answers.too_many[kind], ceil(wait), held_back=True)
        if self._is_full(caller, kind):
            return _Refusal(503, answers.busy, answers.busy_for, held_back=is_limited)
        return None

    def _charge(self, network: str, caller: "_Caller", kind: Kind) -> float:
        """Charge a request to whoever pays for it; return the seconds to wait where that is too much."""
        if kind is Kind.PASSWORD and caller.client is not None:
            wait = self._limits.charge_known_client(digest(caller.client).hex())
        else:
            wait = self._limits.charge(kind, network)
        if wait:
            self.counts.add(network, kind)
        return wait

    async def _refuse(self, scope: dict[str, Any], send: Send, refusal: "_Refusal") -> None:
        scope["path_template"] = LIMITED_ROUTE
        if refusal.held_back and self._held_back < MOST_HELD_BACK:
            self._held_back += 1
            try:
                await asyncio.sleep(HELD_BACK * (1 + self._held_back % 100 / 100))
            finally:
                self._held_back -= 1
        await send({"type": "http.response.start", "status": refusal.status, "headers": refusal.headers})
        await send({"type": "http.response.body", "body": refusal.body, "more_body": False})

    def _is_full(self, caller: "_Caller", kind: Kind) -> bool:
        pools = self._pools()
        if pools is None:
            return False
        if kind is Kind.PASSWORD:
            return pools.password.is_full(first=caller.client is not None or not caller.is_anonymous)
        return caller.is_anonymous and pools.anonymous.is_full()


class _Caller(NamedTuple):
    """Who sent a request, as far as tokens tell: anonymous or not, the token of a client that we know, marked ones."""

    is_anonymous: bool
    client: str | None
    marked: AbstractSet[str]


class _Refusal(NamedTuple):
    """An answer that was rendered before, and after how many seconds it is worth to ask again."""

    status: int
    body: bytes
    seconds: int
    held_back: bool

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        kind = b"application/problem+json" if self.body.startswith(b"{") else b"text/html; charset=utf-8"
        return [
            (b"content-type", kind),
            (b"content-length", str(len(self.body)).encode()),
            (b"retry-after", str(max(1, self.seconds)).encode()),
        ]


class _RejectedTokens:
    """Tokens that are not what their mark says: ended ones, and unmarked ones that hold (operator keys, for one)."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, bool] = OrderedDict()

    def holds(self, token: str, *, bears_mark: bool) -> bool:
        """Tell whether a token held when it was used last; before that its mark speaks for it."""
        return self._held.get(digest(token), bears_mark)

    def note(self, token: str, *, bears_mark: bool, holds: bool) -> None:
        key = digest(token)
        self._held.pop(key, None)
        if holds != bears_mark:
            self._held[key] = holds
            if len(self._held) > MOST_REMEMBERED:
                self._held.popitem(last=False)


class _Routes:
    """The kind of a request by its method and path, of which there is one spelling (kit.http.addresses)."""

    def __init__(self, limited: Mapping[tuple[str, str], Kind]) -> None:
        self._plain = {route: kind for route, kind in limited.items() if "{" not in route[1]}
        self._templates = [
            (method, re.compile(re.sub(r"\{[^/]*\}", "[^/]+", path)), kind)
            for (method, path), kind in limited.items()
            if "{" in path
        ]

    def __call__(self, method: str, path: str) -> Kind:
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain
        found = (kind for of, pattern, kind in self._templates if of == method and pattern.fullmatch(path))
        return next(found, Kind.OTHER)


def _tokens(headers: list[tuple[bytes, bytes]], cookies: Cookies) -> Iterator[tuple[str, str]]:
    """Yield what looks like a token of ours, with the name of what it is: session, attempt or browser.

    That of a browser's destinations, which anybody gets who asks, makes nobody less anonymous.
    """
    names = {name: meaning for meaning, name in cookies._asdict().items() if meaning != "destinations"}
    for header, value in headers:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, _, token = pair.strip().partition("=")
                if name in names and is_token(token):
                    yield names[name], token
        elif header == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and is_token(token):
                yield "session", token
            elif (given := basic(value.decode("latin-1"))) is not None and is_token(given[1]):
                yield "session", given[1]
        elif header == b"twofold-client" and is_token(token := value.decode("latin-1")):
            yield "browser", token
