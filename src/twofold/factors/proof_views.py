"""What every page that takes password and code shares: what is missing, what was refused, what a change brought."""

from typing import Any, assert_never

from twofold.factors import words
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.outcomes import Changed, Locked, MalformedCode, SpentBackupCode, UsedCode, WrongCode
from twofold.kit.http.forms import Form
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of, set_cookie
from twofold.kit.words import gettext as _
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.sessions import guard
from twofold.sessions.session import Session


def back_to_profile() -> tuple[str, str]:
    """Return the way back."""
    return "/profile", _("Back to your profile")


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


def missing_proofs(form: Form, *, needs_code: bool, needs_password: bool = True) -> dict[str, str]:
    """Say which of password and code were left empty."""
    errors = {}
    if needs_password and not form["password"]:
        errors["password"] = _("Enter your password.")
    if needs_code and not form["code"].strip():
        errors["code"] = _("Enter the code that your app shows now, or your backup code.")
    return errors


def refused_proofs(
    outcome: WrongPassword | Wait | MalformedCode | WrongCode | UsedCode | SpentBackupCode | Locked,
    label: str,
) -> tuple[int, dict[str, str]]:
    """Say what was wrong with password or code, at the field that it is about."""
    match outcome:
        case WrongPassword():
            return 401, {"password": words.wrong_password()}
        case Wait(seconds):
            return 429, {"password": words.wait(seconds)}
        case MalformedCode():
            return 400, {"code": words.malformed_code()}
        case Locked():
            return 423, {"code": words.refused_code(outcome, label)}
        case WrongCode() | UsedCode() | SpentBackupCode():
            return 401, {"code": words.refused_code(outcome, label)}
        case _:
            assert_never(outcome)
