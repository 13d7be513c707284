"""How an application gets its answer through the browser."""

from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse
from twofold.oidc.answer import Answer, Mode

# The page that posts an answer holds one form of ours, made of what we say; where it goes no header names.
POSTS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action *; frame-ancestors 'none'; "
    "base-uri 'none'"
)


def sent_at_once(request: AnyRequest, answer: Answer, name: str) -> AnyResponse:
    """Send the browser on to an application, from wherever it came."""
    return see_other(answer.address) if answer.mode is Mode.QUERY else _posted(request, answer, name)


def led_on(request: AnyRequest, answer: Answer, name: str) -> AnyResponse:
    """Lead on to an application by a page: after a form of ours browsers follow no redirect to elsewhere.

    Chromium holds the redirects after a form against `form-action` of the page that it was on.
    """
    if answer.mode is Mode.FORM_POST:
        return _posted(request, answer, name)
    return page(request, "oidc/lead_on.html", address=answer.address, name=name, refused="error" in answer.fields)


def _posted(request: AnyRequest, answer: Answer, name: str) -> AnyResponse:
    response = page(request, "oidc/post_on.html", address=answer.uri, fields=answer.fields, name=name)
    response.headers["Content-Security-Policy"] = POSTS
    return response
