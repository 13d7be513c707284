"""The pages by which somebody who is told to wait makes their browser known from a mailed link."""

from typing import assert_never

from litestar import get, post
from litestar.status_codes import HTTP_303_SEE_OTHER

from twofold.directory.email_address import usable
from twofold.directory.refusals import NoMail
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import fingerprint
from twofold.kit.http.anonymous import SENDS_MAIL
from twofold.kit.http.forms import parse_form
from twofold.kit.http.links import Link
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import (
    BROWSER_LIFE,
    AnyRequest,
    AnyResponse,
    client_info_of,
    context_of,
    cookie,
    set_cookie,
)
from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext
from twofold.lockouts.flow import Wait
from twofold.recovery import browser_flow
from twofold.recovery.outcomes import KnownHere, MayKnow, Requested
from twofold.recovery.password_link import Elsewhere, Over

KNOWN_BROWSER = Link("browser", "/known-browser")


@post("/sign-in/email-link", opt=SENDS_MAIL)
@quick
def submit_email_link(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the address that the sign-in page knows; the answer is the same whoever has it."""
    email = parse_form(body, request.headers.get("content-type", ""))["email"].strip()
    if not usable(email):
        what = _("A link is mailed to the email address with which you tried to sign in, and there is none.")
        return problem_page(request, 400, _("Enter your email address first"), what, "", _back())
    outcome = browser_flow.ask(context_of(request), email, origin=Origin(clock.now(), client_info_of(request)))
    match outcome:
        case Requested():
            return see_other("/sign-in?link_sent=1")
        case Elsewhere(url):
            return page(request, "signin/sso.html", sso_url=url)
        case Wait(seconds):
            return _look_first(request, seconds)
        case NoMail():
            what = _("This needs an email, and this installation has no mail server.")
            todo = _("Tell your administrator, or the people who run it.")
            return problem_page(request, 503, _("This cannot be done right now"), what, todo)
        case _:
            assert_never(outcome)


@get("/known-browser/{token:str}", sync_to_thread=False)
def open_known_browser(request: AnyRequest, token: str) -> AnyResponse:
    """Lead on to the page, with the token in a cookie."""
    return KNOWN_BROWSER.trade(request, token) if KNOWN_BROWSER.is_token(token) else _no_link(request)


@get("/known-browser")
@quick
def show_known_browser(request: AnyRequest) -> AnyResponse:
    """Ask whether this is the browser; mail scanners open links, so opening this one changes nothing."""
    token = KNOWN_BROWSER.token(request)
    found = browser_flow.look(context_of(request), token, clock.now())
    match found:
        case MayKnow(user, expires_at):
            return page(
                request, "recovery/known_browser.html", email=user.email, valid_until=expires_at,
                fingerprint=fingerprint(token),
            )  # fmt: skip
        case Over():
            return _no_link(request)
        case _:
            assert_never(found)


@post("/known-browser")
@quick
def submit_known_browser(request: AnyRequest, body: bytes) -> AnyResponse:
    """Make this browser known, once; signing in is up to its owner."""
    form = parse_form(body, request.headers.get("content-type", ""))
    answer = _know(request, KNOWN_BROWSER.token_of_form(request, form))
    return KNOWN_BROWSER.spent(request, answer) if answer.status_code == HTTP_303_SEE_OTHER else answer


@post("/known-browser/{token:str}")
@quick
def submit_known_browser_by_token(request: AnyRequest, token: str, body: bytes) -> AnyResponse:
    """Make a browser known that has no cookie of the link, such as a page that was opened before there was one."""
    parse_form(body, request.headers.get("content-type", ""))
    return _know(request, token)


def _know(request: AnyRequest, token: str) -> AnyResponse:
    context = context_of(request)
    outcome = browser_flow.know(
        context, token, cookie(request, "browser"), origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case KnownHere(client):
            known = set_cookie(context.settings, "browser", client, max_age=BROWSER_LIFE)
            return see_other("/sign-in?known_browser=1", [known])
        case Over():
            return _no_link(request)
        case _:
            assert_never(outcome)


def _look_first(request: AnyRequest, seconds: int) -> AnyResponse:
    minutes = -(-seconds // 60)
    what = _(
        "A link for that email address was asked for a short time ago. If there is an account, it is in your mailbox: "
        "look for the newest one, also in your spam folder."
    )
    todo = ngettext(
        "You can ask for another one in %(n)d minute.", "You can ask for another one in %(n)d minutes.", minutes
    ) % {"n": minutes}
    return problem_page(request, 429, _("Look in your mailbox first"), what, todo, _back())


def _no_link(request: AnyRequest) -> AnyResponse:
    what = _("It has been used, a newer one has taken its place, or its 15 minutes are over.")
    todo = _("Sign in. If you are told to wait again, you can ask for a new link there.")
    return problem_page(request, 410, _("This link no longer works"), what, todo, _back())


def _back() -> tuple[str, str]:
    return "/sign-in", _("Sign in")


handlers = [
    submit_email_link,
    open_known_browser,
    show_known_browser,
    submit_known_browser,
    submit_known_browser_by_token,
]
