"""Who somebody is, for whoever bears an access token (OpenID Connect Core section 5.3, RFC 6750)."""

import re

from litestar import get, post, route

from twofold.kit import clock
from twofold.kit.http.forms import LONGEST_FIELD
from twofold.kit.http.machine import FOR_PROGRAMS, oauth_error, preflight, told
from twofold.kit.http.pools import quick, takes_token
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of, is_token, note_held
from twofold.oidc import token_flow
from twofold.oidc.client_views import form_of
from twofold.oidc.request import Refused

JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # RFC 7515 section 7.1


@get("/oidc/userinfo", opt=FOR_PROGRAMS)
@quick
def userinfo(request: AnyRequest) -> AnyResponse:
    """Say who the user of an access token is."""
    return _userinfo(request, _bearer(request))


@post("/oidc/userinfo", status_code=200, opt=FOR_PROGRAMS)
@takes_token
def userinfo_by_form(request: AnyRequest, body: bytes) -> AnyResponse:
    """Say the same where the token may be in the form (RFC 6750 section 2.2)."""
    in_form, in_header = form_of(request, body)["access_token"], request.headers.get("authorization")
    if in_form and in_header is not None:
        return oauth_error(400, "invalid_request", "The token is to be sent in one way.")
    return _userinfo(request, in_form if _may_be_token(in_form) else _bearer(request))


@route("/oidc/userinfo", http_method="OPTIONS", opt=FOR_PROGRAMS, sync_to_thread=False)
def userinfo_preflight() -> AnyResponse:
    """Let pages of any origin ask."""
    return preflight("GET, POST")


def _bearer(request: AnyRequest) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and _may_be_token(token) else None


def _may_be_token(text: str) -> bool:
    return is_token(text) or (len(text) <= LONGEST_FIELD and JWT.fullmatch(text) is not None)


def _userinfo(request: AnyRequest, token: str | None) -> AnyResponse:
    if token is None:
        return told({}, 401, {"WWW-Authenticate": "Bearer"})
    outcome = token_flow.userinfo(context_of(request), token, clock.now())
    if is_token(token):
        note_held(request, token, holds=not isinstance(outcome, Refused) or outcome.error != "invalid_token")
    if isinstance(outcome, Refused):
        status = 403 if outcome.error == "insufficient_scope" else 401
        challenge = {"WWW-Authenticate": f'Bearer error="{outcome.error}", error_description="{outcome.why}"'}
        return oauth_error(status, outcome.error, outcome.why, challenge)
    return told(outcome)


# Whoever answers OPTIONS comes first: else Litestar's own answer, without CORS, takes the route.
handlers = [userinfo_preflight, userinfo, userinfo_by_form]
