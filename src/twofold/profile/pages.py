"""The user's own pages: profile, password, sessions, signing out."""

from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from litestar import get, post

from twofold.directory.password import Weakness
from twofold.factors import flow as factors
from twofold.factors import words
from twofold.factors.outcomes import Changed
from twofold.factors.proof_views import (
    changed_page,
    given_of,
    missing_proofs,
    proof_page,
    refused_proofs,
    submit_saved,
)
from twofold.factors.verdicts import Factor
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.client_info import browser_in_words
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick, takes_password
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
from twofold.lockouts import flow as lockouts
from twofold.lockouts.helper import Helper
from twofold.profile import flow
from twofold.profile.flow import NewPassword, NoPassword, PasswordChanged
from twofold.profile.sign_in import SignIn, how
from twofold.resets import flow as resets
from twofold.resets.views import case_view
from twofold.sessions import flow as sessions
from twofold.sessions import guard
from twofold.sessions.session import OwnSession, Session


class TwoFactorView(NamedTuple):
    """What the profile shows of a user's two-factor authentication."""

    enabled: bool
    offered: bool
    required: bool
    reason_text: str
    required_from: datetime | None
    factors: list[Factor]
    backup_code_created_at: datetime | None
    backup_code_unseen: bool
    locked: bool
    final: bool
    helpers: list[Helper]
    came_by_backup_code: bool
    passkeys_possible: bool


@get("/profile")
@quick
def show_profile(request: AnyRequest) -> AnyResponse:
    """Show the profile with the state of two-factor authentication."""
    at = clock.now()
    session = guard.signed_in(request, at)
    return page(
        request, "profile/profile.html", viewer=guard.viewer_of(session), notice=_notice(request),
        two_factor=_two_factor(request, session, at), sso=session.user.sso,
        reset=_open_reset(request, session, at),
        sign_ins=[_sign_in_view(sign_in) for sign_in in flow.last_sign_ins(context_of(request), session)],
    )  # fmt: skip


@get("/.well-known/change-password", sync_to_thread=False)
def change_password() -> AnyResponse:
    """Lead password managers to where a password is changed (W3C, A Well-Known URL for Changing Passwords)."""
    return see_other("/profile/password")


@get("/profile/password")
@quick
def show_password(request: AnyRequest) -> AnyResponse:
    """Ask for the old and the new password."""
    session = guard.signed_in(request, clock.now())
    return _elsewhere(request, session.user.sso_url) if session.user.sso else _password_page(request, session)


@post("/profile/password")
@takes_password
def submit_password(request: AnyRequest, body: bytes) -> AnyResponse:
    """Change the password."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.signed_in(request, at)
    if "backup_code" in form:
        return submit_saved(request, session, form, "factors/new_backup_code.html")
    errors = missing_proofs(form, needs_code=session.user.has_second_factor)
    if not form["new_password"]:
        errors["new_password"] = _("Enter a new password.")
    if errors:
        return _password_page(request, session, 400, errors)
    asked = NewPassword(form["password"], form["new_password"], given_of(form, session), cookie(request, "browser"))
    outcome = flow.change_password(context_of(request), session, asked, origin=Origin(at, client_info_of(request)))
    match outcome:
        case PasswordChanged(token, None):
            return see_other("/profile?done=password", [set_cookie(context_of(request).settings, "session", token)])
        case PasswordChanged(token, new_backup_code):
            return changed_page(request, session, Changed(token, new_backup_code), "factors/new_backup_code.html")
        case Weakness():
            return _password_page(request, session, 422, {"new_password": words.weak_password(outcome)})
        case NoPassword(url):
            return _elsewhere(request, url)
        case _:
            return refused_proofs(request, session, outcome, partial(_password_page, request, session))


@get("/profile/sessions")
@quick
def show_sessions(request: AnyRequest) -> AnyResponse:
    """List where the user is signed in."""
    at = clock.now()
    session = guard.signed_in(request, at)
    notice = _("Signed out.") if request.query_params.get("done") else None
    listed = [_session_view(row, session) for row in sessions.list_own(context_of(request), session, at)]
    return page(request, "profile/sessions.html", viewer=guard.viewer_of(session), sessions=listed, notice=notice)


@post("/profile/sessions/{session_id:str}/end")
@quick
def end_session(request: AnyRequest, session_id: str) -> AnyResponse:
    """Sign one of the user's other sessions out; one that is gone already is as good as signed out."""
    at = clock.now()
    session = guard.signed_in(request, at)
    wanted = row_id(session_id)
    if wanted is not None:
        sessions.end_one(context_of(request).db, session, wanted, origin=Origin(at, client_info_of(request)))
    return see_other("/profile/sessions?done=1")


@post("/profile/sessions/end-others")
@quick
def end_other_sessions(request: AnyRequest) -> AnyResponse:
    """Sign every other session of the user out."""
    at = clock.now()
    session = guard.signed_in(request, at)
    sessions.end_others(context_of(request).db, session, origin=Origin(at, client_info_of(request)))
    return see_other("/profile/sessions?done=1")


@post("/sign-out")
@quick
def sign_out(request: AnyRequest) -> AnyResponse:
    """End this session."""
    at = clock.now()
    session = guard.session_of_page(request, at)
    if session is not None:
        sessions.sign_out(context_of(request).db, session, origin=Origin(at, client_info_of(request)))
    return see_other("/sign-in?signed_out=1", [forget_cookie(context_of(request).settings, "session")])


def _two_factor(request: AnyRequest, session: Session, at: datetime) -> TwoFactorView:
    context, user = context_of(request), session.user
    offer = user.eligibility(context.settings.two_factor_editions, at)
    with context.db.read() as connection:
        shown = factors.show(connection, user.id)
        helpers = lockouts.who_can_help(connection, user) if shown.locked else []
    return TwoFactorView(
        enabled=user.has_second_factor,
        offered=offer.offered,
        required=offer.required,
        reason_text=words.why_not(offer, to_admin=user.role == "admin"),
        required_from=offer.required_from,
        factors=shown.factors,
        backup_code_created_at=shown.backup_code_created_at,
        backup_code_unseen=shown.backup_code_unseen,
        locked=shown.locked,
        final=shown.final,
        helpers=helpers,
        came_by_backup_code=[method.name for method in session.methods if method.second] == ["backup_code"],
        passkeys_possible=context.settings.passkey_domain is not None,
    )


def _open_reset(request: AnyRequest, session: Session, at: datetime) -> dict[str, Any] | None:
    context, user = context_of(request), session.user
    case = resets.open_cases_of(context, [user.id], at).get(user.id)
    return None if case is None else case_view(case, user, context.settings.product_name, at)


def _notice(request: AnyRequest) -> str | None:
    notices = {
        "saved": _("Two-factor authentication is on, and your backup code is saved."),
        "removed": _("Two-factor authentication is off. Your other sessions have ended."),
        "removed_one": _("It is removed. Your other sessions have ended."),
        "renamed": _("The name is changed."),
        "password": _("Your password is changed. Your other sessions have ended."),
    }
    return notices.get(request.query_params.get("done", ""))


def _password_page(
    request: AnyRequest,
    session: Session,
    status: int = 200,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    return proof_page(
        request, session, "profile/password.html", status, needs_code=session.user.has_second_factor,
        errors=errors or {},
    )  # fmt: skip


def _elsewhere(request: AnyRequest, url: str | None) -> AnyResponse:
    what = _("Your organisation signs in with single sign-on, at its own page. You have no password here.")
    todo = _("Change it where your organisation keeps it.")
    link = (url, _("Continue to your organisation")) if url else None
    return problem_page(request, 403, _("No password here"), what, todo, link)


def _sign_in_view(sign_in: SignIn) -> dict[str, Any]:
    return {
        "at": sign_in.at,
        "how": how(sign_in),
        "browser": browser_in_words(sign_in.browser) or _("Unknown program"),
        "address": sign_in.address,
    }


def _session_view(row: OwnSession, session: Session) -> dict[str, Any]:
    return {
        "id": row.id,
        "browser": browser_in_words(row.browser) or _("Unknown program"),
        "address": row.address,
        "started": row.began_at,
        "last_seen": row.last_seen_at,
        "current": row.id == session.id,
    }


handlers = [
    show_profile,
    change_password,
    show_password,
    submit_password,
    show_sessions,
    end_session,
    end_other_sessions,
    sign_out,
]
