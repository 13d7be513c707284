"""What a support agent does for somebody: a page says what will happen and asks for the reason, then it is done.

Every act lands in that account's audit log with its reason and is mailed to its administrators. Nobody acts for
themselves; another agent helps an agent.
"""

from collections.abc import Callable
from typing import TypeAlias, assert_never

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import act_flow, words
from twofold.admin.act_flow import NotLocked
from twofold.admin.acts import act_of, why_not
from twofold.admin.user_summary import UserSummary
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.kit.words import gettext as _
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.recovery.outcomes import NotFrozen, Unfrozen
from twofold.resets.outcomes import CaseOpened, Frozen, MissingReason, NotEnabled
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session
from twofold.support import guard
from twofold.support.pages import find_summary

Done: TypeAlias = CaseOpened | Unlocked | NotLocked | Unfrozen | NotFrozen
Refused: TypeAlias = NotYourself | NoSuchUser | NoMail | MissingReason | NotEnabled | Frozen | LockIsFinal


@get("/support/users/{user_id:str}/reset")
@quick
def show_reset(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what a reset is, and ask why."""
    return _show(request, user_id, "reset")


@post("/support/users/{user_id:str}/reset")
@quick
def submit_reset(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Send the e-mail from which somebody confirms their reset."""
    return _submit(request, user_id, body, "reset", act_flow.reset)


@get("/support/users/{user_id:str}/unlock")
@quick
def show_unlock(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unlocking means, and ask why."""
    return _show(request, user_id, "unlock")


@post("/support/users/{user_id:str}/unlock")
@quick
def submit_unlock(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Lift somebody's lock."""
    return _submit(request, user_id, body, "unlock", act_flow.unlock)


@get("/support/users/{user_id:str}/unfreeze")
@quick
def show_unfreeze(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unfreezing means, and ask why."""
    return _show(request, user_id, "unfreeze")


@post("/support/users/{user_id:str}/unfreeze")
@quick
def submit_unfreeze(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Let somebody in again who was frozen."""
    return _submit(request, user_id, body, "unfreeze", act_flow.unfreeze)


def _show(request: AnyRequest, user_id: str, act: str) -> AnyResponse:
    at = clock.now()
    session = guard.agent(request, at)
    return _act_page(request, session, find_summary(request, session.user, user_id, at), act)


def _submit(request: AnyRequest, user_id: str, body: bytes, act: str, do: Callable[..., Done | Refused]) -> AnyResponse:
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.agent(request, at)
    summary, reason = find_summary(request, session.user, user_id, at), form["reason"]
    outcome = do(context_of(request), session.user, summary.user.id, reason, origin=Origin(at, client_info_of(request)))
    if isinstance(outcome, Done):
        return see_other(f"/support/users/{summary.user.id}?done={_what(outcome)}")
    match outcome:
        case MissingReason():
            return _act_page(request, session, summary, act, reason, {"reason": words.no_reason()}, 400)
        case NoMail():
            why = _("This needs an e-mail, and no mail server is set up.")
            return _act_page(request, session, summary, act, reason, {"": why}, 503)
        case NotEnabled() | Frozen() | LockIsFinal() | NotYourself():
            as_it_is_now = find_summary(request, session.user, user_id, at)
            return _act_page(request, session, as_it_is_now, act, status=409)
        case NoSuchUser():
            raise NotFoundException
        case _:
            assert_never(outcome)


def _what(outcome: Done) -> str:
    match outcome:
        case CaseOpened():
            return "reset"
        case Unlocked():
            return "unlocked"
        case NotLocked():
            return "not_locked"
        case Unfrozen():
            return "unfrozen"
        case NotFrozen():
            return "not_frozen"
        case _:
            assert_never(outcome)


def _act_page(
    request: AnyRequest,
    session: Session,
    summary: UserSummary,
    act: str,
    reason: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> AnyResponse:
    oneself = summary.user.id == session.user.id
    impossible = (
        _("Nobody can do this for themselves. Ask another support agent.")
        if oneself
        else why_not(act, summary, oneself=False)
    )
    return page(
        request, "support/act.html", status, viewer=viewer_of(session), user=summary.user, act=act_of(act, summary),
        impossible=impossible, reason=reason, errors=errors or {},
    )  # fmt: skip


handlers = [show_reset, submit_reset, show_unlock, submit_unlock, show_unfreeze, submit_unfreeze]
