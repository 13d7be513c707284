"""What the calls of applications share: which application calls, by what it proves that, and what it sent."""

from twofold.kit.http.forms import BadForm, Form, parse_form
from twofold.kit.http.machine import oauth_error
from twofold.kit.http.requests import AnyRequest, ShortCircuit, basic, context_of, is_token, note_held
from twofold.oidc import application_flow
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient


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
    """Return the application that calls: by Basic, by its secret in the form, or a public one by its name alone.

    Raises:
        ShortCircuit: it did not prove to be any, or tried so in two ways (RFC 6749 section 2.3).

    """
    header = request.headers.get("authorization")
    if header is None:
        name, secret = form["client_id"], form["client_secret"] or None
    else:
        given = basic(header)
        if form["client_secret"] or (given is not None and form["client_id"] not in ("", given[0])):
            why = "The application is to be named once, and its secret to be sent in one way."
            raise ShortCircuit(oauth_error(400, "invalid_request", why))
        name, secret = given if given is not None else ("", None)
    found = application_flow.authenticate(context_of(request).db, name, secret)
    if secret is not None and is_token(secret):
        note_held(request, secret, holds=not isinstance(found, BadClient))
    if isinstance(found, BadClient):
        challenge = {} if header is None else {"WWW-Authenticate": 'Basic realm="Twofold", charset="UTF-8"'}
        raise ShortCircuit(oauth_error(401, "invalid_client", "The application did not prove to be one.", challenge))
    return found
