"""The pages of a sign-in: parse, call the flow, show the outcome."""

from datetime import timedelta
from functools import partial
from typing import assert_never

from litestar import get, post

from twofold.directory.refusals import NoMail
from twofold.factors import words
from twofold.factors.outcomes import Locked, MalformedCode, SpentBackupCode, UsedCode, WrongCode, WrongPasskey
from twofold.factors.views import label_of
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.anonymous import TAKES_PASSWORD
from twofold.kit.http.compression import public
from twofold.kit.http.forms import Form
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, cookie, email_of_cookie
from twofold.kit.words import gettext as _
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.resets.outcomes import AskedForHelp, AskedLately, NobodyToAsk
from twofold.sessions import guard
from twofold.sessions import words as session_words
from twofold.signin import flow
from twofold.signin.attempt import Expired, OutOfOrder, Step
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due, Frozen, LockedOut, MailedCodeClosed, SignedIn, SsoElsewhere
from twofold.signin.views import (
    PASSKEY,
    PATHS,
    attempt_of,
    enter_page,
    form_of,
    go_on_page,
    helpers_at,
    mailbox_closed_page,
    new_backup_code_page,
    no_mail,
    sign_in_page,
    start_over,
    stuck_page,
)

AUTHENTICATORS = "/profile/two-factor/authenticators"  # where a phone is replaced


@get("/sign-in")
@quick
def show_sign_in(request: AnyRequest) -> AnyResponse:
    """Show the first step."""
    at = clock.now()
    session = guard.session_of_page(request, at)
    ended = guard.why_ended(request, at) if session is None else None
    notice = None if ended is None else session_words.ended(ended)
    if request.query_params.get("expired"):
        if session is not None:
            return see_other(
                guard.home(context_of(request).settings)
            )  # a form that was sent twice: the first one has signed in
        notice = _("You took more than 10 minutes, so we started over to keep your account safe. Sign in again.")
    if request.query_params.get("password_saved"):
        notice = _("Your password is saved. Sign in with it.")
    if request.query_params.get("signed_out"):
        notice = _("You are signed out.")
    if request.query_params.get("link_sent"):
        notice = _(
            "If there is an account with that email address, a link is on its way. Open it in this browser. It works "
            "once, for 15 minutes."
        )
    if request.query_params.get("known_browser"):
        notice = _("You no longer have to wait in this browser. Sign in as usual.")
    return_to, over = request.query_params.get("return_to", ""), session is None and bool(cookie(request, "session"))
    same_person = bool(return_to) or "password_saved" in request.query_params  # else it may be somebody else by now
    email = email_of_cookie(request) if same_person else ""
    shown = sign_in_page(request, email=email, return_to=return_to, notice=notice, forget_session=over)
    return public(request, shown)


@post("/sign-in", opt=TAKES_PASSWORD)
@takes_password
def submit_password(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take address and password."""
    at, form = clock.now(), form_of(request, body)
    errors = _missing(form)
    if errors:
        return sign_in_page(request, 400, form=form, errors=errors)
    given = Credentials(
        form["email"], form["password"], cookie(request, "browser"), "page",
        guard.destination(request, form["return_to"], at),
    )  # fmt: skip
    outcome = password_flow.submit_password(context_of(request), given, origin=Origin(at, client_info_of(request)))
    match outcome:
        case SignedIn():
            return enter_page(request, outcome)
        case Due(sign_in, due, passkey=passkey):
            return go_on_page(request, PASSKEY if passkey else PATHS[Step(due)], sign_in)
        case LockedOut():
            return go_on_page(request, "/sign-in/locked", outcome.sign_in)
        case SsoElsewhere(url):
            return page(request, "signin/sso.html", sso_url=url)
        case WrongPassword():
            wrong = _("That email address and password do not match.")
            return sign_in_page(request, 401, form=form, errors={"": wrong})
        case Wait(seconds):
            return sign_in_page(request, 429, form=form, errors={"": words.wait(seconds)}, waits=True)
        case Frozen():
            return page(request, "signin/frozen.html", 403, helpers=helpers_at(request, form["email"]))
        case NoMail():
            return sign_in_page(request, 503, form=form, errors={"": no_mail()})
        case MailedCodeClosed(seconds):
            return mailbox_closed_page(request, helpers_at(request, form["email"]), at + timedelta(seconds=seconds))
        case _:
            assert_never(outcome)


@get("/sign-in/code")
@quick
def show_code(request: AnyRequest) -> AnyResponse:
    """Ask for the code of the app."""
    attempt = attempt_of(request, Step.CODE)
    label = label_of(context_of(request).settings, attempt.user.email)
    return page(request, "signin/code.html", label=label, has_passkey=attempt.user.has_passkey)


@post("/sign-in/code")
@quick
def submit_code(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the code of the app; somebody who types their backup code here is not sent away."""
    return _take_code(request, form_of(request, body)["code"], "code", "signin/code.html")


@get("/sign-in/backup-code")
@quick
def show_backup_code(request: AnyRequest) -> AnyResponse:
    """Ask for the backup code."""
    attempt_of(request, Step.CODE)
    return page(request, "signin/backup_code.html")


@post("/sign-in/backup-code")
@quick
def submit_backup_code(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the backup code, which is replaced."""
    return _take_code(request, form_of(request, body)["backup_code"], "backup_code", "signin/backup_code.html")


@get("/sign-in/new-backup-code")
@quick
def show_new_backup_code(request: AnyRequest) -> AnyResponse:
    """Show the new backup code, as often as the page is loaded, until it is saved."""
    return new_backup_code_page(request, attempt_of(request, Step.SAVE_BACKUP_CODE))


@post("/sign-in/new-backup-code")
@quick
def submit_saved(request: AnyRequest, body: bytes) -> AnyResponse:
    """Go on once the new backup code is said to be saved."""
    form, at = form_of(request, body), clock.now()
    attempt = attempt_of(request, Step.SAVE_BACKUP_CODE)
    if not form["saved"]:
        errors = {"saved": _("Save the code, then tick the box. We cannot show it again.")}
        return new_backup_code_page(request, attempt, 400, errors)
    outcome = flow.submit_saved(
        context_of(request), cookie(request, "attempt") or "", client=cookie(request, "browser"),
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn():
            return enter_page(request, outcome, AUTHENTICATORS if form["then"] == "replace" else "")
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


@get("/sign-in/lost-access")
@quick
def show_lost_access(request: AnyRequest) -> AnyResponse:
    """Say whom to ask when app and backup code are both gone."""
    return stuck_page(request, attempt_of(request, Step.CODE), "signin/lost_access.html")


@get("/sign-in/locked")
@quick
def show_locked(request: AnyRequest) -> AnyResponse:
    """Say that the account is locked, and whom to ask; only somebody who knows the password gets here."""
    attempt = attempt_of(request, Step.CODE)
    lock = flow.lock_of(context_of(request), attempt.user)
    if lock is None:
        return see_other("/sign-in/code")
    return stuck_page(
        request, attempt, "signin/locked.html", 423, final=lock.final,
        has_passkey=attempt.user.has_passkey and not lock.final,
    )  # fmt: skip


@post("/sign-in/ask")
@quick
def ask_for_reset(request: AnyRequest, body: bytes) -> AnyResponse:
    """Ask whoever can help for a reset; the page that led here says what came of it."""
    form_of(request, body)
    attempt, context = attempt_of(request, Step.CODE), context_of(request)
    outcome = flow.ask_for_reset(
        context, cookie(request, "attempt") or "", origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case AskedForHelp() | AskedLately() | NobodyToAsk() | NoMail():
            locked = flow.lock_of(context, attempt.user) is not None
            return see_other("/sign-in/locked" if locked else "/sign-in/lost-access")
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


def _missing(form: Form) -> dict[str, str]:
    errors = {}
    if not form["email"].strip():
        errors["email"] = _("Enter your email address.")
    if not form["password"]:
        errors["password"] = _("Enter your password.")
    return errors


def _take_code(request: AnyRequest, typed: str, field: str, template: str) -> AnyResponse:
    attempt = attempt_of(request, Step.CODE)
    label = label_of(context_of(request).settings, attempt.user.email)
    show = partial(page, request, template, label=label, has_passkey=attempt.user.has_passkey)
    outcome = flow.submit_code(
        context_of(request), cookie(request, "attempt") or "", typed, channel="page", client=cookie(request, "browser"),
        origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn():
            return enter_page(request, outcome)
        case Due(_, due):
            return see_other(PATHS[Step(due)])
        case Locked() | WrongCode(left=0):
            return see_other("/sign-in/locked")
        case WrongCode() | UsedCode() | SpentBackupCode():
            said = words.refused_code(outcome, label)
            return show(401, errors={field: said})
        case WrongPasskey():
            raise RuntimeError(f"what is typed is no passkey: {outcome!r}")
        case MalformedCode():
            return show(400, errors={field: words.malformed_code()})
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case _:
            assert_never(outcome)


handlers = [
    show_sign_in,
    submit_password,
    show_code,
    submit_code,
    show_backup_code,
    submit_backup_code,
    show_new_backup_code,
    submit_saved,
    show_lost_access,
    show_locked,
    ask_for_reset,
]
