"""What handlers ask of a request: the application, the client, the tokens it carries."""

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote, unquote_plus
from uuid import UUID

from litestar import Request, Response
from litestar.datastructures import Cookie

from twofold.kit import time_zones
from twofold.kit.client_info import ClientInfo, address_of, browser_name
from twofold.kit.context import AppContext
from twofold.settings import Settings

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

BROWSER_LIFE = 90 * 24 * 3600  # seconds
USER = "twofold_user"  # in the scope of a request: the id of whoever's session it is
ZONE = "twofold_zone"  # the cookie in which a script keeps the time zone of the browser
READS = "twofold_reads"  # in the scope of a request: the id of whoever signs in
HELD = "twofold_held"  # in the scope of a request: a token that was used, and whether it holds
EMAIL_LIFE = 10 * 60  # seconds
LONGEST_EMAIL = 254  # characters
LONGEST_PATH = 8 * 1024  # bytes, with its query
API_ROOT = "/api/v1"
TOKEN = re.compile(r"tf_[a-z]+_[A-Za-z0-9_-]{20,100}")
_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


class ShortCircuit(Exception):
    """A request that goes no further; it carries its own answer."""

    def __init__(self, response: AnyResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


class Cookies(NamedTuple):
    """The names of our cookies: `__Host-` where browsers reach us by https, plain on a loopback http address."""

    session: str
    attempt: str
    browser: str
    destinations: str


def cookies_of(settings: Settings) -> Cookies:
    """Return the names of the cookies under these settings."""
    return Cookies(*(cookie_name(settings, name) for name in ("session", "sign_in", "browser", "destinations")))


def cookie_name(settings: Settings, name: str) -> str:
    """Return the whole name of a cookie of ours."""
    return f"{'__Host-' if settings.secure else ''}twofold_{name}"


def is_call(path: str) -> bool:
    """Tell whether a path is one of the API, where refusals are problems and not pages."""
    return path.startswith(API_ROOT)


def context_of(request: AnyRequest) -> AppContext:
    """Return the context of the running application."""
    return cast("AppContext", request.app.state.context)


def client_info_of(request: AnyRequest) -> ClientInfo:
    """Return the address and browser of whoever sent a request, and the id of the request."""
    address = address_of(cast("Mapping[str, Any]", request.scope), context_of(request).settings.trusted_proxies)
    return ClientInfo(address, browser_name(request.headers), str(request.scope.get("twofold_request_id", "")))


def cookie(request: AnyRequest, name: str) -> str | None:
    """Return a token from one of our cookies (by a name of `Cookies`), if it looks like one."""
    value = request.cookies.get(getattr(cookies_of(context_of(request).settings), name))
    return value if value is not None and TOKEN.fullmatch(value) else None


def bearer(request: AnyRequest) -> str | None:
    """Return the bearer token of an API call (RFC 6750 section 2.1), if it carries one of ours."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and TOKEN.fullmatch(token) else None


def basic(header: str) -> tuple[str, str] | None:
    """Read name and secret of a program (HTTP Basic; form-encoded, as RFC 6749 section 2.3.1 has it)."""
    scheme, _, given = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(secret)) if scheme.lower() == "basic" and colon else None


def is_token(text: str) -> bool:
    """Tell whether a text looks like a token of ours."""
    return TOKEN.fullmatch(text) is not None


def tokens_in(body: bytes) -> list[str]:
    """List what looks like a token of ours in a form, in which it is written as it is."""
    return TOKEN.findall(body.decode("latin-1"))


def note_held(request: AnyRequest, token: str, *, holds: bool) -> None:
    """Note whether a token holds: requests with one that does are served before anonymous ones (kit.http.anonymous)."""
    cast("dict[str, Any]", request.scope)[HELD] = token, holds


def note_user(request: AnyRequest, user_id: UUID) -> None:
    """Note whose session a request is of, for the log."""
    cast("dict[str, Any]", request.scope)[USER] = user_id


def note_reader(request: AnyRequest, user_id: UUID) -> None:
    """Note who reads the answer while they sign in, so that they read times as they do afterwards."""
    cast("dict[str, Any]", request.scope)[READS] = user_id


def reader_id(request: AnyRequest) -> UUID | None:
    """Return who reads the answer: whose session a request is of, or who signs in."""
    scope = cast("dict[str, Any]", request.scope)
    return scope.get(USER) or scope.get(READS)


def zone_of_browser(request: AnyRequest) -> str | None:
    """Return the time zone that the browser has told of itself (static/twofold.js), if it is one."""
    told = unquote(request.cookies.get(ZONE, ""))
    return told if told in time_zones.zones() else None


def client_token(request: AnyRequest) -> str | None:
    """Return the token by which an API client shows that it has signed this user in before."""
    token = request.headers.get("twofold-client", "")
    return token if TOKEN.fullmatch(token) else None


def set_cookie(settings: Settings, name: str, value: str, *, max_age: int | None = None) -> Cookie:
    """Make one of our cookies: for the whole host, HttpOnly (RFC 6265), SameSite=Lax; `max_age` is in seconds.

    Without `max_age` it is a session cookie.
    """
    return make_cookie(settings, getattr(cookies_of(settings), name), value, max_age=max_age)


def make_cookie(settings: Settings, key: str, value: str, *, max_age: int | None = None) -> Cookie:
    """Make a cookie of ours by its whole name; `max_age` is in seconds."""
    return Cookie(
        key=key,
        value=value,
        path="/",
        httponly=True,
        secure=settings.secure,
        samesite="lax",
        max_age=max_age,
    )


def forget_cookie(settings: Settings, name: str) -> Cookie:
    """Make the browser forget one of our cookies."""
    return set_cookie(settings, name, "", max_age=0)


def email_cookie(settings: Settings, email: str) -> Cookie:
    """Make the cookie that fills an address in on the next page: addresses stand in no URL, because URLs are logged."""
    return make_cookie(settings, cookie_name(settings, "email"), quote(email, safe="@"), max_age=EMAIL_LIFE)


def email_of_cookie(request: AnyRequest) -> str:
    """Return the address that is to be filled in, or an empty string."""
    kept = request.cookies.get(cookie_name(context_of(request).settings, "email"), "")
    return unquote(kept)[:LONGEST_EMAIL]


def local_path(text: str) -> str:
    """Return a path of this site to go on to, or an empty string: never another host, never a control character."""
    return text if len(text) <= LONGEST_PATH and _LOCAL_PATH.fullmatch(text) else ""


def whole_path(request: AnyRequest) -> str:
    """Return the path that a request asks for, with its query, as it was sent."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def row_id(text: str) -> UUID | None:
    """Read an id; a malformed one is a missing one."""
    try:
        return UUID(text) if len(text) == len("00000000-0000-0000-0000-000000000000") else None
    except ValueError:
        return None
