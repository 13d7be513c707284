"""What the pages of a sign-in share: where each step is, whose attempt a browser holds, and how it ends."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from litestar.datastructures import Cookie

from twofold.directory.email_address import masked
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.kit import clock
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import (
    BROWSER_LIFE,
    LONGEST_EMAIL,
    AnyRequest,
    AnyResponse,
    ShortCircuit,
    context_of,
    cookie,
    forget_cookie,
    note_held,
    note_reader,
    row_id,
    set_cookie,
)
from twofold.kit.words import gettext as _
from twofold.lockouts.helper import Helper
from twofold.resets import help_flow
from twofold.sessions.methods import names
from twofold.signin import attempt_flow, flow, set_up_flow
from twofold.signin.attempt import Attempt, Expired, OutOfOrder, Purpose, Step
from twofold.signin.outcomes import SignedIn

PASSKEY = "/sign-in/passkey"
PATHS = {
    Step.CODE: "/sign-in/code",
    Step.VERIFY_EMAIL: "/sign-in/verify-email",
    Step.SET_UP: "/sign-in/set-up",
    Step.SAVE_BACKUP_CODE: "/sign-in/new-backup-code",
}


def form_of(request: AnyRequest, body: bytes) -> Form:
    """Read the form of a page.

    Raises:
        BadForm: as for `kit.http.forms.parse_form`.

    """
    return parse_form(body, request.headers.get("content-type", ""))


def attempt_of(request: AnyRequest, step: Step) -> Attempt:
    """Return the attempt of the browser's cookie if this step is due.

    Raises:
        ShortCircuit: another one is due, or none: on to that step, or to the start.

    """
    token = cookie(request, "attempt")
    attempt = attempt_flow.find(context_of(request), token, clock.now())
    if token is not None:
        note_held(request, token, holds=attempt is not None)
    if attempt is None:
        raise ShortCircuit(start_over(request, Expired()))
    if attempt.step is not step:
        raise ShortCircuit(start_over(request, OutOfOrder(attempt.step)))
    note_reader(request, attempt.user.id)
    return attempt


def start_over(request: AnyRequest, outcome: Expired | OutOfOrder) -> AnyResponse:
    """Lead on to the step that is due, or to the start."""
    if isinstance(outcome, OutOfOrder) and outcome.due in PATHS:
        return see_other(PATHS[outcome.due])
    forget = [forget_cookie(context_of(request).settings, "attempt")]
    return see_other("/sign-in?expired=1" if cookie(request, "attempt") else "/sign-in", forget)


def enter_page(request: AnyRequest, signed_in: SignedIn, go_to: str = "") -> AnyResponse:
    """Hand the browser its session; whatever session it had before is not the one it gets.

    It leads to where somebody wanted to go, unless they chose to `go_to` something else on the way.
    """
    settings = context_of(request).settings
    cookies: list[Cookie] = [
        set_cookie(settings, "session", signed_in.session.token),
        set_cookie(settings, "browser", signed_in.client, max_age=BROWSER_LIFE),
        forget_cookie(settings, "attempt"),
    ]
    return see_other(go_to or signed_in.return_to or "/", cookies)


def go_on_page(request: AnyRequest, path: str, sign_in: str) -> AnyResponse:
    """Lead on from a right password: the browser holds the attempt, and a token by which it is told from others.

    The token makes it known once a sign-in is complete; until then wrong codes are counted by it. A thief who drops it
    is counted all the same.
    """
    context = context_of(request)
    browser = cookie(request, "browser") or context.vault.new_token("client")
    cookies = [
        set_cookie(context.settings, "attempt", sign_in),
        set_cookie(context.settings, "browser", browser, max_age=BROWSER_LIFE),
    ]
    return see_other(path, cookies)


def handle_of(text: str) -> str:
    """Return the handle of where somebody wants to go (`guard.destination`) as forms carry it; empty for no handle."""
    handle = row_id(text)
    return "" if handle is None else str(handle)


def sign_in_page(
    request: AnyRequest,
    status: int = 200,
    *,
    form: Form | None = None,
    email: str = "",
    return_to: str = "",
    notice: str | None = None,
    errors: dict[str, str] | None = None,
    waits: bool = False,
    forget_session: bool = False,
    unknown_credential: str = "",
) -> AnyResponse:
    """Show the first step, with what was typed; who has to wait may have a link mailed instead.

    `unknown_credential`: what a passkey answered that nobody has, so that its keeper can forget it.
    """
    gone = [forget_cookie(context_of(request).settings, "session")] if forget_session else []
    return page(
        request, "signin/sign_in.html", status, email=form["email"][:LONGEST_EMAIL] if form else email,
        return_to=handle_of(form["return_to"] if form else return_to), notice=notice, errors=errors or {},
        passkey=_passkey_of_anybody(request), unknown_passkey=_unknown_passkey(request, unknown_credential),
        demo=request.app.state.demo_people, offer_link=waits and context_of(request).outbox.configured,
        cookies=gone,
    )  # fmt: skip


def _passkey_of_anybody(request: AnyRequest) -> str:
    """Return what a browser is asked to sign to sign in by a passkey alone; empty where that is not on."""
    asked = passkeys.ask_anybody(context_of(request), challenge.SIGN_IN_PAGE, clock.now())
    return "" if asked is None else json.dumps(asked)


def _unknown_passkey(request: AnyRequest, credential: str) -> str:
    """Return what tells a browser that nobody has a passkey, empty where somebody has: they may come back."""
    named = passkeys.unknown_credential(context_of(request), credential) if credential else None
    return "" if named is None else json.dumps(named)


def new_backup_code_page(
    request: AnyRequest,
    attempt: Attempt,
    status: int = 200,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    """Show the new backup code of an attempt; where it cannot be read, say so: the sign-in is over."""
    code = set_up_flow.show_backup_code(context_of(request), attempt)
    if code is None:
        return _unreadable_page(request, attempt)
    return page(
        request, "signin/new_backup_code.html", status, backup_code=code, valid_until=attempt.expires_at,
        owner=attempt.user.email, errors=errors or {}, forced="backup_code" not in names(attempt.methods),
        steps_up=attempt.purpose is Purpose.STEP_UP,
    )  # fmt: skip


def _unreadable_page(request: AnyRequest, attempt: Attempt) -> AnyResponse:
    what = _(
        "We cannot show your new backup code: what we stored of it cannot be read. One from before no longer works."
    )
    todo = _(
        "Use a code from your authenticator app, and regenerate the backup code in your profile. Without the app, ask "
        "your administrator to reset your two-factor authentication."
    )
    signed_in = attempt.purpose is Purpose.STEP_UP
    link = ("/profile", _("Back to your profile")) if signed_in else ("/sign-in", _("Sign in again"))
    return problem_page(request, 410, _("No backup code to show"), what, todo, link)


def verify_email_page(
    request: AnyRequest,
    attempt: Attempt,
    status: int = 200,
    error: str | None = None,
    notice: str | None = None,
) -> AnyResponse:
    """Show where the code from the mailbox goes; or, where wrong ones closed this step, who can open it."""
    context, at = context_of(request), clock.now()
    state = set_up_flow.mail_state(context, attempt, at)
    if state.closed_until is not None:
        return mailbox_closed_page(request, flow.whom_to_ask(context, attempt.user), state.closed_until)
    return page(
        request, "signin/verify_email.html", status, masked_email=masked(attempt.user.email), notice=notice,
        mail_asked=attempt.mailed, mail=state, errors={"code": error} if error else {},
    )  # fmt: skip


def stuck_page(request: AnyRequest, attempt: Attempt, template: str, status: int = 200, **shown: Any) -> AnyResponse:
    """Show whom somebody can ask who has proved the password and comes no further, and let them ask."""
    context = context_of(request)
    return page(
        request, template, status, helpers=flow.whom_to_ask(context, attempt.user),
        can_ask=context.outbox.configured, asked_at=help_flow.asked_lately(context, attempt.user, clock.now()), **shown,
    )  # fmt: skip


def mailbox_closed_page(request: AnyRequest, helpers: Sequence[Helper], until: datetime) -> AnyResponse:
    """Say that mailed codes are refused after too many wrong ones, until when, and who can end that."""
    return page(request, "signin/mailbox_closed.html", 429, helpers=helpers, until=until)


def helpers_at(request: AnyRequest, email: str) -> Sequence[Helper]:
    """List whom to ask for somebody who has just proved the password at an address."""
    return flow.whom_to_ask_at(context_of(request), email)


def no_mail() -> str:
    """Say that a mail is needed and none can be sent."""
    return _(
        "Your organisation requires two-factor authentication, and setting it up needs an email that cannot be sent "
        "right now: this installation has no mail server. Tell the people who run it.",
    )
