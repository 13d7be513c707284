"""The pages by which somebody gets in again: forgotten password, choosing one by a link, "this wasn't me"."""

from typing import assert_never

from litestar import get, post
from litestar.status_codes import HTTP_200_OK, HTTP_303_SEE_OTHER

from twofold.directory.email_address import usable
from twofold.directory.password import Weakness
from twofold.directory.refusals import NoMail
from twofold.factors import words as factor_words
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import fingerprint
from twofold.kit.http.anonymous import SENDS_MAIL, TAKES_PASSWORD
from twofold.kit.http.compression import public
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.links import Link
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import page, problem_page, reader_of, see_other
from twofold.kit.http.requests import (
    LONGEST_EMAIL,
    AnyRequest,
    AnyResponse,
    client_info_of,
    context_of,
    email_cookie,
)
from twofold.kit.moments import moment
from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext
from twofold.lockouts.flow import Wait
from twofold.recovery import not_me_flow, password_flow, words
from twofold.recovery.outcomes import Froze, Gone, MayChoose, NotMe, PasswordSaved, Requested
from twofold.recovery.password_link import Elsewhere, Over, TooSoon

SET_PASSWORD = Link("password", "/set-password")
NOT_ME = Link("notme", "/not-me")


@get("/forgot-password")
@quick
def show_forgot(request: AnyRequest) -> AnyResponse:
    """Ask for the address; afterwards say that a letter is on its way, if anybody has it."""
    if request.query_params.get("sent"):
        return public(request, page(request, "recovery/sent.html"))
    return public(request, _forgot_page(request))


@post("/forgot-password", opt=SENDS_MAIL)
@quick
def submit_forgot(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the address; the answer is the same whoever has it."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    email = form["email"].strip()
    if not email:
        return _forgot_page(request, 400, error=_("Enter your email address."))
    if not usable(email):
        return _forgot_page(request, 400, email, _("Enter the address like name@example.com."))
    outcome = password_flow.ask(context_of(request), email, origin=Origin(at, client_info_of(request)))
    match outcome:
        case Requested():
            return see_other("/forgot-password?sent=1")
        case Elsewhere(url):
            return page(request, "signin/sso.html", sso_url=url)
        case Wait(seconds):
            return _forgot_page(request, 429, email, _three_letters(seconds))
        case NoMail():
            return _no_mail(request)
        case _:
            assert_never(outcome)


@get("/set-password/{token:str}", sync_to_thread=False)
def open_set_password(request: AnyRequest, token: str) -> AnyResponse:
    """Lead on to the page, with the token in a cookie."""
    return SET_PASSWORD.trade(request, token) if SET_PASSWORD.is_token(token) else _no_link(request, Over())


@get("/set-password")
@quick
def show_set_password(request: AnyRequest) -> AnyResponse:
    """Ask for the new password."""
    token = SET_PASSWORD.token(request)
    found = password_flow.look(context_of(request), token, clock.now())
    return _choose_page(request, token, found) if isinstance(found, MayChoose) else _no_link(request, found)


@post("/set-password", opt=TAKES_PASSWORD)
@takes_password
def submit_set_password(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the new password, once; signing in with it is up to its owner."""
    form = parse_form(body, request.headers.get("content-type", ""))
    answer = _set_password(request, SET_PASSWORD.token_of_form(request, form), form)
    return SET_PASSWORD.spent(request, answer) if answer.status_code == HTTP_303_SEE_OTHER else answer


@post("/set-password/{token:str}", opt=TAKES_PASSWORD)
@takes_password
def submit_set_password_by_token(request: AnyRequest, token: str, body: bytes) -> AnyResponse:
    """Take the password of somebody who has no cookie: a program, or a page that was opened before there was one."""
    return _set_password(request, token, parse_form(body, request.headers.get("content-type", "")))


def _set_password(request: AnyRequest, token: str, form: Form) -> AnyResponse:
    at, context = clock.now(), context_of(request)
    found = password_flow.look(context, token, at)
    if not isinstance(found, MayChoose):
        return _no_link(request, found)
    if not form["new_password"]:
        return _choose_page(request, token, found, 400, _("Enter a new password."))
    outcome = password_flow.choose(context, token, form["new_password"], origin=Origin(at, client_info_of(request)))
    match outcome:
        case PasswordSaved():
            filled_in = email_cookie(context.settings, found.user.email)
            return see_other("/sign-in?password_saved=1", [filled_in])
        case Weakness():
            return _choose_page(request, token, found, 422, factor_words.weak_password(outcome))
        case Over() | TooSoon():
            return _no_link(request, outcome)
        case _:
            assert_never(outcome)


@get("/not-me/{token:str}", sync_to_thread=False)
def open_not_me(request: AnyRequest, token: str) -> AnyResponse:
    """Lead on to the page, with the token in a cookie."""
    return NOT_ME.trade(request, token) if NOT_ME.is_token(token) else _gone(request, frozen=False)


@get("/not-me")
@quick
def show_not_me(request: AnyRequest) -> AnyResponse:
    """Ask whether the account is to be frozen; mail scanners open links, so opening this one changes nothing."""
    token = NOT_ME.token(request)
    found = not_me_flow.look(context_of(request), token, clock.now())
    match found:
        case NotMe(user, about, happened_at):
            return page(
                request, "recovery/not_me.html", email=user.email, about=words.happened(about),
                happened_at=happened_at, fingerprint=fingerprint(token),
            )  # fmt: skip
        case Gone(frozen):
            return _gone(request, frozen=frozen)
        case _:
            assert_never(found)


@post("/not-me")
@quick
def submit_not_me(request: AnyRequest, body: bytes) -> AnyResponse:
    """Freeze the account, once."""
    form = parse_form(body, request.headers.get("content-type", ""))
    answer = _freeze(request, NOT_ME.token_of_form(request, form))
    return NOT_ME.spent(request, answer) if answer.status_code == HTTP_200_OK else answer


@post("/not-me/{token:str}")
@quick
def submit_not_me_by_token(request: AnyRequest, token: str, body: bytes) -> AnyResponse:
    """Freeze for somebody who has no cookie: a program, or a page that was opened before there was one."""
    parse_form(body, request.headers.get("content-type", ""))
    return _freeze(request, token)


def _freeze(request: AnyRequest, token: str) -> AnyResponse:
    context = context_of(request)
    outcome = not_me_flow.freeze(context, token, origin=Origin(clock.now(), client_info_of(request)))
    match outcome:
        case Froze(user):
            return page(request, "recovery/frozen.html", helpers=not_me_flow.whom_to_ask(context, user))
        case Gone(frozen):
            return _gone(request, frozen=frozen)
        case _:
            assert_never(outcome)


def _forgot_page(request: AnyRequest, status: int = 200, email: str = "", error: str | None = None) -> AnyResponse:
    errors = {"email": error} if error else {}
    return page(request, "recovery/forgot.html", status, email=email[:LONGEST_EMAIL], errors=errors)


def _choose_page(
    request: AnyRequest,
    token: str,
    found: MayChoose,
    status: int = 200,
    error: str | None = None,
) -> AnyResponse:
    return page(
        request, "recovery/set_password.html", status, user=found.user, invited=found.invited,
        valid_until=found.expires_at, errors={"new_password": error} if error else {}, fingerprint=fingerprint(token),
    )  # fmt: skip


def _three_letters(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return ngettext(
        "Three emails were asked for within the hour. Look for the newest one, also in your spam folder, or wait "
        "%(n)d minute and ask again.",
        "Three emails were asked for within the hour. Look for the newest one, also in your spam folder, or wait "
        "%(n)d minutes and ask again.",
        minutes,
    ) % {"n": minutes}


def _no_mail(request: AnyRequest) -> AnyResponse:
    what = _("Choosing a new password needs an email, and this installation has no mail server.")
    return problem_page(
        request, 503, _("This cannot be done right now"), what, _("Tell your administrator, or the people who run it."),
    )  # fmt: skip


def _no_link(request: AnyRequest, why: Over | TooSoon) -> AnyResponse:
    match why:
        case TooSoon(until):
            what = _(
                "Your two-factor authentication was reset a short time ago. For 24 hours after that no password is set "
                "by email, to keep strangers out."
            )
            todo = _("Ask for a new link after %(time)s. If you know your password, sign in with it now.") % {
                "time": moment(until, reader_of(request))
            }
            return problem_page(request, 409, _("Not yet"), what, todo, ("/sign-in", _("Sign in")))
        case Over():
            what = _("It has been used, a newer one has taken its place, or its time is over.")
            todo = _("Ask for a new one. It comes to your mailbox within a minute.")
            link = ("/forgot-password", _("Send a new link"))
            return problem_page(request, 410, _("This link no longer works"), what, todo, link)
        case _:
            assert_never(why)


def _gone(request: AnyRequest, *, frozen: bool) -> AnyResponse:
    if frozen:
        what = _("Nobody can sign in to it, and your administrators have been told.")
        todo = _("To get back in, speak to one of them, or to support.")
        return problem_page(request, 410, _("Your account is frozen already"), what, todo)
    what = _("It has been used, or its seven days are over. Nothing was changed.")
    todo = _(
        "If something about your account was not you, choose a new password and look through your profile. If you "
        "cannot get in, ask your administrator for help."
    )
    link = ("/forgot-password", _("Choose a new password"))
    return problem_page(request, 410, _("This link no longer works"), what, todo, link)


handlers = [
    show_forgot,
    submit_forgot,
    open_set_password,
    show_set_password,
    submit_set_password,
    submit_set_password_by_token,
    open_not_me,
    show_not_me,
    submit_not_me,
    submit_not_me_by_token,
]
