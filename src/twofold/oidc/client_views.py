"""What the calls of applications share: which application calls, by what it proves that, and what it sent."""

from twofold.kit import clock
from twofold.kit.http.forms import BadForm, Form, parse_form
from twofold.kit.http.machine import oauth_error
from twofold.kit.http.requests import AnyRequest, ShortCircuit, basic, context_of, is_token, note_held
from twofold.oidc import application_flow, assertion, assertion_flow
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient, Caller

NOT_PROVED = "The application did not prove to be one."
IN_ONE_WAY = "The application is to be named once, and to prove itself in one way."


def form_of(request: AnyRequest, body: bytes) -> Form:
    """Read the form of a call.

    Raises:
        ShortCircuit: it is none, a parameter came twice, or one is too long (RFC 6749 section 3.2).

    """
    try:
        return parse_form(body, request.headers.get("content-type", ""))
    except BadForm as bad:
        why = "Send a form, each parameter once and of 4096 characters at most."
        raise ShortCircuit(oauth_error(400, "invalid_request", why)) from bad


def client_of(request: AnyRequest, form: Form) -> Application:
    """Return the application that calls, as `caller_of` does."""
    return caller_of(request, form).application


def caller_of(request: AnyRequest, form: Form, code: str | None = None) -> Caller:
    """Return the application that calls: by Basic, a secret or an assertion in the form, or a public one by its name.

    Raises:
        ShortCircuit: it did not prove to be any, or tried so in two ways (RFC 6749 section 2.3).

    """
    header = request.headers.get("authorization")
    if form["client_assertion"] or form["client_assertion_type"]:
        return Caller(_by_assertion(request, form))
    if header is None:
        name, secret = form["client_id"], form["client_secret"] or None
    else:
        given = basic(header)
        if form["client_secret"] or (given is not None and form["client_id"] not in ("", given[0])):
            raise ShortCircuit(oauth_error(400, "invalid_request", IN_ONE_WAY))
        name, secret = given if given is not None else ("", None)
    found = _found(request, name, secret, code)
    if secret is not None and is_token(secret):
        note_held(request, secret, holds=not isinstance(found, BadClient))
    if isinstance(found, BadClient):
        challenge = {} if header is None else {"WWW-Authenticate": 'Basic realm="Twofold", charset="UTF-8"'}
        raise ShortCircuit(oauth_error(401, "invalid_client", NOT_PROVED, challenge))
    return found


def _found(request: AnyRequest, name: str, secret: str | None, code: str | None) -> Caller | BadClient:
    db = context_of(request).db
    if code is not None:
        return application_flow.authenticate_with_code(db, name, secret, code)
    found = application_flow.authenticate(db, name, secret)
    return found if isinstance(found, BadClient) else Caller(found)


def _by_assertion(request: AnyRequest, form: Form) -> Application:
    """Return the application that signed an assertion (RFC 7521 section 4.2, RFC 7523 section 2.2)."""
    if "authorization" in request.headers or form["client_secret"]:
        raise ShortCircuit(oauth_error(400, "invalid_request", IN_ONE_WAY))
    if form["client_assertion_type"] != assertion.TYPE or not form["client_assertion"]:
        why = f"client_assertion_type is {assertion.TYPE}, and client_assertion a JWT."
        raise ShortCircuit(oauth_error(400, "invalid_request", why))
    found = assertion_flow.authenticate(context_of(request), form["client_assertion"], form["client_id"], clock.now())
    if isinstance(found, BadClient):
        raise ShortCircuit(oauth_error(401, "invalid_client", NOT_PROVED))
    return found
