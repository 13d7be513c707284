"""What every page and call that takes password and code shares: what is missing or refused, what a change brought."""

import json
from collections.abc import Callable
from typing import Any, assert_never

from twofold.factors import kinds_flow, words
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.change_flow import ChangeRefused
from twofold.factors.kinds_flow import Given
from twofold.factors.outcomes import (
    Changed,
    Locked,
    MalformedCode,
    NotEnabled,
    NotOffered,
    SessionOver,
    SpentBackupCode,
    UsedCode,
    WrongCode,
    WrongPasskey,
)
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.passkey import Assertion
from twofold.factors.views import credential_text, label_of, refused_code_problem, wrong_passkey_problem
from twofold.kit import clock
from twofold.kit.http.forms import Form
from twofold.kit.http.problems import malformed, problem
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of, set_cookie
from twofold.kit.words import gettext as _
from twofold.lockouts import flow as lockouts
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.sessions import guard
from twofold.sessions.session import Session

Show = Callable[..., AnyResponse]  # given a status, and `errors` by the name of a field


def back_to_profile() -> tuple[str, str]:
    """Return the way back."""
    return "/profile", _("Back to your profile")


def not_offered_page(request: AnyRequest, session: Session, refused: NotOffered) -> AnyResponse:
    """Say why a first set-up is not offered, and whom to ask."""
    why = words.why_not(refused.eligibility, to_admin=session.user.role == "admin")
    return problem_page(request, 403, _("Not available"), why, "", back_to_profile())


def submit_saved(request: AnyRequest, session: Session, form: Form, template: str) -> AnyResponse:
    """Go on once a backup code that was just shown is said to be saved."""
    if not form["saved"]:
        errors = {"saved": _("Save the code, then tick the box. We cannot show it again.")}
        return page(
            request, template, 400, viewer=guard.viewer_of(session), backup_code=form["backup_code"], purpose="",
            errors=errors,
        )  # fmt: skip
    backup_code.say_saved(context_of(request), session.user.id, form["backup_code"])
    return see_other("/profile?done=saved")


def changed_page(request: AnyRequest, session: Session, changed: Changed, template: str, **context: Any) -> AnyResponse:
    """Show what a change brought, and hand the browser the token under which its session goes on."""
    cookies = [set_cookie(context_of(request).settings, "session", changed.session_token)]
    return page(
        request, template, cookies=cookies, viewer=guard.viewer_of(session), backup_code=changed.backup_code, **context,
    )  # fmt: skip


def given_of(form: Form, session: Session, *, verified: bool = False) -> Given:
    """Return what a form proves a second factor with: what a passkey answered, else what was typed."""
    if form["credential"]:
        return Assertion(form["credential"], challenge.of_session(session.id), alone=verified)
    return form["code"]


def given_in_call(session: Session, code: str | None, credential: dict[str, Any] | None) -> Given | None:
    """Return what a call proves a second factor with: what a passkey answered, else a code."""
    if credential is not None:
        return Assertion(credential_text(credential), challenge.of_session(session.id))
    return code


def passkey_asked(request: AnyRequest, session: Session, *, verified: bool = False) -> str:
    """Return what a browser is asked to sign on a form that takes a code; empty where its user has no passkey."""
    holder, at = challenge.of_session(session.id), clock.now()
    asked = passkeys.ask(context_of(request), session.user, holder, at, verified=verified)
    return "" if asked is None else json.dumps(asked)


def proof_page(
    request: AnyRequest, session: Session, template: str, status: int = 200, *, verified: bool = False, **context: Any
) -> AnyResponse:
    """Show a form that takes password and code; a passkey can stand in for the code."""
    asked = passkey_asked(request, session, verified=verified)
    return page(
        request, template, status, viewer=guard.viewer_of(session), passkey=asked,
        has_app=not asked or _has_app(request, session), **context,
    )  # fmt: skip


def _has_app(request: AnyRequest, session: Session) -> bool:
    """Tell whether somebody with a passkey has an authenticator app as well, whose code a form may ask for."""
    with context_of(request).db.read() as connection:
        return bool(kinds_flow.TOTP.show(connection, session.user.id))


def missing_proofs(form: Form, *, needs_code: bool, needs_password: bool = True) -> dict[str, str]:
    """Say which of password and code were left empty."""
    errors = {}
    if needs_password and not form["password"]:
        errors["password"] = _("Enter your password.")
    if needs_code and not form["code"].strip() and not form["credential"]:
        errors["code"] = _("Enter the code that your app shows now, or your backup code.")
    return errors


def refused_proofs(request: AnyRequest, session: Session, outcome: ChangeRefused, show: Show) -> AnyResponse:
    """Say what was wrong with password or code, at the field that it is about, on the form that `show` shows.

    Where there is no session or no second factor any more, lead to where that is seen.
    """
    label = label_of(context_of(request).settings, session.user.email)
    match outcome:
        case WrongPassword():
            return show(401, errors={"password": words.wrong_password()})
        case Wait(seconds):
            return show(429, errors={"password": words.wait(seconds)})
        case MalformedCode():
            return show(400, errors={"code": words.malformed_code()})
        case Locked() | WrongCode(left=0):
            return locked_page(request, session)
        case WrongCode() | UsedCode() | SpentBackupCode():
            return show(401, errors={"code": words.refused_code(outcome, label)})
        case WrongPasskey():
            return show(401, errors={"": words.refused_passkey(outcome)})
        case NotEnabled():
            return see_other("/profile")
        case SessionOver():
            return see_other("/sign-in")
        case _:
            assert_never(outcome)


def locked_page(request: AnyRequest, session: Session) -> AnyResponse:
    """Say to somebody who is signed in that nothing of theirs changes until they are unlocked, and who can do that."""
    with context_of(request).db.read() as connection:
        final = lockouts.counts(connection, session.user.id).final
        helpers = lockouts.who_can_help(connection, session.user)
    return page(
        request, "factors/locked.html", 423, viewer=guard.viewer_of(session), final=final, helpers=helpers,
    )  # fmt: skip


def refused_proofs_problem(outcome: ChangeRefused) -> AnyResponse:
    """Answer an API call whose password or code was refused."""
    match outcome:
        case WrongPassword():
            return problem(401, "invalid_password")
        case Wait(seconds):
            return problem(429, "too_many_attempts", retry_after=seconds)
        case MalformedCode():
            return malformed("code")
        case WrongCode() | UsedCode() | SpentBackupCode() | Locked():
            return refused_code_problem(outcome)
        case WrongPasskey():
            return wrong_passkey_problem(outcome)
        case NotEnabled():
            return problem(409, "not_enabled")
        case SessionOver():
            return problem(401, "not_signed_in")
        case _:
            assert_never(outcome)
