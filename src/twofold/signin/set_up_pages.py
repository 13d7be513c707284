"""The pages of the forced set-up: first the mailbox, then the authenticator; and how a session steps down to it."""

import json
from datetime import datetime, timedelta
from typing import assert_never

from litestar import get, post

from twofold.directory.refusals import NoMail
from twofold.factors import words
from twofold.factors.outcomes import EnrolmentExpired, MalformedCode, WrongConfirmation
from twofold.factors.passkey_registration_flow import (
    AlreadyRegistered,
    NoPasskeysHere,
    RegistrationExpired,
    TooManyPasskeys,
)
from twofold.factors.passkeys.ceremony import BadAnswer
from twofold.factors.views import enrolment_view
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import (
    AnyRequest,
    AnyResponse,
    client_info_of,
    context_of,
    cookie,
    forget_cookie,
    row_id,
    set_cookie,
)
from twofold.kit.words import gettext as _
from twofold.lockouts.flow import Wait
from twofold.sessions import guard
from twofold.sessions.session import Session
from twofold.signin import attempt_flow, flow, set_up_flow, set_up_passkey_flow
from twofold.signin.attempt import Attempt, Expired, OutOfOrder, Step
from twofold.signin.outcomes import Due, GoesOn, MailedCodeClosed, SignedIn, WrongMailedCode
from twofold.signin.views import (
    PATHS,
    attempt_of,
    enter_page,
    form_of,
    handle_of,
    mailbox_closed_page,
    no_mail,
    start_over,
    verify_email_page,
)


@get("/sign-in/verify-email")
@quick
def show_verify_email(request: AnyRequest) -> AnyResponse:
    """Ask for the code from the mailbox."""
    notice = _("Another code is on its way. It takes the place of the one before.")
    asked = request.query_params.get("asked")
    return verify_email_page(request, attempt_of(request, Step.VERIFY_EMAIL), notice=notice if asked else None)


@post("/sign-in/verify-email")
@quick
def submit_mailed_code(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the code from the mailbox."""
    form, at = form_of(request, body), clock.now()
    attempt = attempt_of(request, Step.VERIFY_EMAIL)
    outcome = set_up_flow.submit_mailed_code(
        context_of(request), cookie(request, "attempt") or "", form["code"], channel="page",
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case GoesOn(due):
            return see_other(PATHS[Step(due)])
        case WrongMailedCode(left):
            return verify_email_page(request, attempt, 401, words.wrong_mailed_code(left))
        case MailedCodeClosed():
            return verify_email_page(request, attempt)  # which says so
        case MalformedCode():
            return verify_email_page(request, attempt, 400, _("Enter the six digits from the email."))
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


@post("/sign-in/verify-email/resend")
@quick
def resend(request: AnyRequest, body: bytes) -> AnyResponse:
    """Send another code."""
    form_of(request, body)
    attempt = attempt_of(request, Step.VERIFY_EMAIL)
    outcome = set_up_flow.resend(context_of(request), cookie(request, "attempt") or "", channel="page", at=clock.now())
    match outcome:
        case GoesOn():
            return see_other("/sign-in/verify-email?asked=1")
        case Wait(seconds):
            return verify_email_page(request, attempt, 429, words.three_mailed_codes(seconds))
        case MailedCodeClosed():
            return verify_email_page(request, attempt)  # which says so
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


@get("/sign-in/set-up")
@quick
def show_set_up(request: AnyRequest) -> AnyResponse:
    """Show the QR code of the forced set-up; to a session that was stepped down, say what is due."""
    if _stepped_down(request, clock.now()) is not None:
        return page(
            request, "signin/step_down.html", return_to=handle_of(request.query_params.get("return_to", ""))
        )  # fmt: skip
    return _set_up_page(request, attempt_of(request, Step.SET_UP))


@post("/sign-in/set-up/begin")
@quick
def begin(request: AnyRequest, body: bytes) -> AnyResponse:
    """Step a session down to the set-up; within an attempt, start the set-up again."""
    at, context, form = clock.now(), context_of(request), form_of(request, body)
    session = _stepped_down(request, at)
    if session is None:
        attempt_of(request, Step.SET_UP)
        set_up_flow.begin_again(context, cookie(request, "attempt") or "", origin=Origin(at))
        return see_other("/sign-in/set-up")
    return_to = guard.destination(request, form["return_to"], at)
    outcome = flow.step_down(context, session, return_to=return_to, origin=Origin(at, client_info_of(request)))
    match outcome:
        case Due(sign_in, due):
            settings = context.settings
            cookies = [set_cookie(settings, "attempt", sign_in), forget_cookie(settings, "session")]
            return see_other(PATHS[Step(due)], cookies)
        case NoMail():
            return problem_page(request, 503, _("This cannot be done right now"), no_mail(), "")
        case MailedCodeClosed(seconds):
            return mailbox_closed_page(
                request, flow.whom_to_ask(context, session.user), at + timedelta(seconds=seconds)
            )
        case Expired():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


@post("/sign-in/set-up")
@quick
def submit_set_up(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take a code of the new app; the backup code is next."""
    form, at, context = form_of(request, body), clock.now(), context_of(request)
    attempt = attempt_of(request, Step.SET_UP)
    if form["credential"]:
        return _take_passkey(request, attempt, form)
    opened = set_up_flow.find_enrolment(context, attempt, at)
    if opened is None:
        return _set_up_page(request, attempt)
    outcome = set_up_flow.confirm_enrolment(
        context, cookie(request, "attempt") or "", opened.id, form["code"], channel="page",
        client=cookie(request, "browser"), origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Due(_, due):
            return see_other(PATHS[Step(due)])
        case SignedIn():
            return enter_page(request, outcome)
        case WrongConfirmation():
            return _set_up_page(request, attempt, 401, words.wrong_confirmation(outcome))
        case MalformedCode():
            return _set_up_page(request, attempt, 400, _("Enter the six digits that your app shows."))
        case EnrolmentExpired():
            return _set_up_page(request, attempt, 410)
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


def _take_passkey(request: AnyRequest, attempt: Attempt, form: Form) -> AnyResponse:
    registration, at = row_id(form["registration"]), clock.now()
    if registration is None:
        return _set_up_page(request, attempt, 410)
    outcome = set_up_passkey_flow.complete(
        context_of(request), cookie(request, "attempt") or "", registration, form["credential"], channel="page",
        client=cookie(request, "browser"), origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Due(_, due):
            return see_other(PATHS[Step(due)])
        case SignedIn():
            return enter_page(request, outcome)
        case BadAnswer():
            return _set_up_page(request, attempt, 400, words.refused_registration(known=False), field="")
        case AlreadyRegistered():
            return _set_up_page(request, attempt, 409, words.refused_registration(known=True), field="")
        case RegistrationExpired() | NoPasskeysHere() | TooManyPasskeys():
            return page(request, "signin/set_up_again.html", 410)
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


def _stepped_down(request: AnyRequest, at: datetime) -> Session | None:
    """Return the session that has to set up a second factor, unless a sign-in of the same browser is under way."""
    if attempt_flow.find(context_of(request), cookie(request, "attempt"), at) is not None:
        return None
    session = guard.session_of_page(request, at)
    return session if session is not None and guard.stepped_down(request, session, at) else None


def _set_up_page(
    request: AnyRequest, attempt: Attempt, status: int = 200, error: str | None = None, *, field: str = "code"
) -> AnyResponse:
    context, at = context_of(request), clock.now()
    opened = set_up_flow.find_enrolment(context, attempt, at)
    if opened is None:
        return page(request, "signin/set_up_again.html", 410, errors={"": error} if error else {})
    view = enrolment_view(context.settings, opened, attempt.user.email)
    registering = set_up_passkey_flow.find(context, attempt, Origin(at))
    return page(
        request, "signin/set_up.html", status, errors={field: error} if error else {},
        registration=None if registering is None else registering.id,
        passkey="" if registering is None else json.dumps(registering.options), **view,
    )  # fmt: skip


handlers = [show_verify_email, submit_mailed_code, resend, show_set_up, begin, submit_set_up]
