"""What applications call with their secret: the token endpoint, pushed requests, introspection, revocation."""

from typing import assert_never

from litestar import post, route

from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form
from twofold.kit.http.machine import FOR_PROGRAMS, oauth_error, preflight, told
from twofold.kit.http.pools import takes_token
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.oidc import pushed_flow, token_flow
from twofold.oidc.application_flow import Caller
from twofold.oidc.client_views import caller_of, client_of, form_of
from twofold.oidc.pushed_flow import NoRoom, Pushed
from twofold.oidc.request import Refused
from twofold.oidc.token_flow import Code, Tokens


@post("/oidc/token", status_code=200, opt=FOR_PROGRAMS)
@takes_token
def token(request: AnyRequest, body: bytes) -> AnyResponse:
    """Exchange a code, or a refresh token, for tokens (RFC 6749 sections 4.1.3 and 6)."""
    form = form_of(request, body)
    outcome = _granted(request, form, caller_of(request, form, form["code"] or None))
    match outcome:
        case Tokens():
            return told(_body(outcome))
        case Refused(error, why):
            return oauth_error(400, error, why)
        case _:
            assert_never(outcome)


@route("/oidc/token", http_method="OPTIONS", opt=FOR_PROGRAMS, sync_to_thread=False)
def token_preflight() -> AnyResponse:
    """Let pages of any origin call: a public application that is one."""
    return preflight("POST")


@post("/oidc/par", status_code=201, opt=FOR_PROGRAMS)
@takes_token
def push(request: AnyRequest, body: bytes) -> AnyResponse:
    """Keep an authorization request for a minute, and return the name under which a browser brings it (RFC 9126)."""
    form = form_of(request, body)
    application, origin = client_of(request, form), Origin(clock.now(), client_info_of(request))
    outcome = pushed_flow.push(context_of(request), application, form, origin=origin)
    match outcome:
        case Pushed():
            return told({"request_uri": outcome.request_uri, "expires_in": outcome.seconds}, 201)
        case NoRoom():
            return oauth_error(429, "temporarily_unavailable", "Too many requests wait to be used. Try again later.")
        case Refused(error, why):
            return oauth_error(400, error, why)
        case _:
            assert_never(outcome)


@post("/oidc/introspect", status_code=200, opt=FOR_PROGRAMS)
@takes_token
def introspect(request: AnyRequest, body: bytes) -> AnyResponse:
    """Tell an application with a secret what a token is worth (RFC 7662)."""
    form = form_of(request, body)
    application = client_of(request, form)
    if application.public:
        return oauth_error(401, "invalid_client", "An application without a secret cannot ask about tokens.")
    if not form["token"]:
        return _lacking("token")
    return told(token_flow.introspect(context_of(request), application, form["token"], clock.now()))


@post("/oidc/revoke", status_code=200, opt=FOR_PROGRAMS)
@takes_token
def revoke(request: AnyRequest, body: bytes) -> AnyResponse:
    """End a token of the application that calls; what is no token is ended already (RFC 7009 section 2.2)."""
    form = form_of(request, body)
    application = client_of(request, form)
    if not form["token"]:
        return _lacking("token")
    origin = Origin(clock.now(), client_info_of(request))
    token_flow.revoke(context_of(request), application, form["token"], origin=origin)
    return told({})


def _granted(request: AnyRequest, form: Form, caller: Caller) -> Tokens | Refused:
    application = caller.application
    context, origin = context_of(request), Origin(clock.now(), client_info_of(request))
    match form["grant_type"]:
        case "authorization_code":
            if not form["code"] or not form["redirect_uri"]:
                return Refused("invalid_request", "code or redirect_uri is missing.")
            given = Code(form["code"], form["redirect_uri"], form["code_verifier"] or None)
            return token_flow.exchange(context, application, given, origin=origin, session=caller.session)
        case "refresh_token":
            if not form["refresh_token"]:
                return Refused("invalid_request", "refresh_token is missing.")
            return token_flow.refresh(context, application, form["refresh_token"], form["scope"] or None, origin=origin)
        case "":
            return Refused("invalid_request", "grant_type is missing.")
        case _:
            return Refused("unsupported_grant_type", "grant_type is authorization_code or refresh_token.")


def _body(tokens: Tokens) -> dict[str, str | int]:
    issued = tokens.issued
    renewable = {} if issued.refresh_token is None else {"refresh_token": issued.refresh_token}
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.seconds,
        "scope": issued.scope,
        "id_token": tokens.id_token,
        **renewable,
    }


def _lacking(name: str) -> AnyResponse:
    return oauth_error(400, "invalid_request", f"{name} is missing.")


# Whoever answers OPTIONS comes first: else Litestar's own answer, without CORS, takes the route.
handlers = [token_preflight, token, push, introspect, revoke]
