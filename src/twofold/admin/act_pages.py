"""Acting for somebody: a page says what will happen to them and asks for the reason, then it is done."""

from datetime import datetime
from typing import assert_never

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import act_flow, guard, words
from twofold.admin.act_flow import NotLocked
from twofold.admin.acts import act_of, why_not
from twofold.admin.people_pages import find_summary, save_change
from twofold.admin.user_summary import UserSummary
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.provisioning.flow import UserChange
from twofold.recovery.outcomes import NotFrozen, Unfrozen
from twofold.resets.outcomes import CaseOpened, Frozen, MissingReason, NotEnabled
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session


@get("/people/{user_id:str}/reset")
@quick
def show_reset(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what a reset is, and ask why."""
    return _show(request, user_id, "reset")


@post("/people/{user_id:str}/reset")
@quick
def submit_reset(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Send the e-mail from which somebody confirms their reset."""
    session, summary, reason, at = _submitted(request, user_id, body)
    outcome = act_flow.reset(
        context_of(request), session.user, summary.user.id, reason, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case CaseOpened():
            return see_other(f"/people/{summary.user.id}?done=reset")
        case MissingReason():
            return _act_page(request, session, summary, "reset", reason, {"reason": words.no_reason()}, 400)
        case NoMail():
            return _act_page(request, session, summary, "reset", reason, {"": words.no_mail()}, 503)
        case NotEnabled() | Frozen() | NotYourself():
            return _impossible_page(request, session, user_id, "reset", at)
        case NoSuchUser():
            raise NotFoundException
        case _:
            assert_never(outcome)


@get("/people/{user_id:str}/unlock")
@quick
def show_unlock(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unlocking means, and ask why."""
    return _show(request, user_id, "unlock")


@post("/people/{user_id:str}/unlock")
@quick
def submit_unlock(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Lift somebody's lock."""
    session, summary, reason, at = _submitted(request, user_id, body)
    outcome = act_flow.unlock(
        context_of(request), session.user, summary.user.id, reason, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Unlocked():
            return see_other(f"/people/{summary.user.id}?done=unlocked")
        case NotLocked():
            return see_other(f"/people/{summary.user.id}?done=not_locked")
        case MissingReason():
            return _act_page(request, session, summary, "unlock", reason, {"reason": words.no_reason()}, 400)
        case LockIsFinal() | NotYourself():
            return _impossible_page(request, session, user_id, "unlock", at)
        case NoSuchUser():
            raise NotFoundException
        case _:
            assert_never(outcome)


@get("/people/{user_id:str}/unfreeze")
@quick
def show_unfreeze(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unfreezing means, and ask why."""
    return _show(request, user_id, "unfreeze")


@post("/people/{user_id:str}/unfreeze")
@quick
def submit_unfreeze(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Let somebody in again who was frozen."""
    session, summary, reason, at = _submitted(request, user_id, body)
    outcome = act_flow.unfreeze(
        context_of(request), session.user, summary.user.id, reason, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Unfrozen():
            return see_other(f"/people/{summary.user.id}?done=unfrozen")
        case NotFrozen():
            return see_other(f"/people/{summary.user.id}?done=not_frozen")
        case MissingReason():
            return _act_page(request, session, summary, "unfreeze", reason, {"reason": words.no_reason()}, 400)
        case NoMail():
            return _act_page(request, session, summary, "unfreeze", reason, {"": words.no_mail()}, 503)
        case NotYourself():
            return _impossible_page(request, session, user_id, "unfreeze", at)
        case NoSuchUser():
            raise NotFoundException
        case _:
            assert_never(outcome)


@get("/people/{user_id:str}/deactivate")
@quick
def show_deactivate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what deactivating means."""
    return _show(request, user_id, "deactivate")


@post("/people/{user_id:str}/deactivate")
@quick
def submit_deactivate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Deactivate somebody: they are signed out everywhere and cannot sign in."""
    return _switch(request, user_id, active=False)


@get("/people/{user_id:str}/activate")
@quick
def show_activate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what activating means."""
    return _show(request, user_id, "activate")


@post("/people/{user_id:str}/activate")
@quick
def submit_activate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Let somebody sign in again who was deactivated."""
    return _switch(request, user_id, active=True)


def _switch(request: AnyRequest, user_id: str, *, active: bool) -> AnyResponse:
    at = clock.now()
    session = guard.administrator(request, at)
    summary = find_summary(request, session, user_id, at)
    done = "activated" if active else "deactivated"
    return save_change(request, session, summary, UserChange(active=active), at, done=done)


def _show(request: AnyRequest, user_id: str, path: str) -> AnyResponse:
    at = clock.now()
    session = guard.administrator(request, at)
    return _act_page(request, session, find_summary(request, session, user_id, at), path)


def _submitted(request: AnyRequest, user_id: str, body: bytes) -> tuple[Session, UserSummary, str, datetime]:
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.administrator(request, at)
    return session, find_summary(request, session, user_id, at), form["reason"], at


def _act_page(
    request: AnyRequest,
    session: Session,
    summary: UserSummary,
    path: str,
    reason: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> AnyResponse:
    impossible = why_not(path, summary, oneself=summary.user.id == session.user.id)
    return page(
        request, "admin/act.html", status, viewer=viewer_of(session), user=summary.user,
        act=act_of(path, summary), impossible=impossible, reason=reason, errors=errors or {},
    )  # fmt: skip


def _impossible_page(request: AnyRequest, session: Session, user_id: str, path: str, at: datetime) -> AnyResponse:
    """Say what stands in the way, as it is by now."""
    return _act_page(request, session, find_summary(request, session, user_id, at), path, status=409)


handlers = [
    show_reset,
    submit_reset,
    show_unlock,
    submit_unlock,
    show_unfreeze,
    submit_unfreeze,
    show_deactivate,
    submit_deactivate,
    show_activate,
    submit_activate,
]
