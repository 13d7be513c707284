"""Acting for somebody: a page says what will happen to them and asks for the reason, then it is done.

An administrator does it within their account, a support agent in any: a `Frame` says what is different.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, assert_never

from litestar.exceptions import NotFoundException

from twofold.admin import act_flow, words
from twofold.admin.act_flow import Done, NotDone, NotLocked
from twofold.admin.acts import act_of, why_not
from twofold.admin.user_summary import UserSummary
from twofold.admin.views import find_summary
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import parse_form
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.recovery.outcomes import NotFrozen, Unfrozen
from twofold.resets.outcomes import CaseOpened, Frozen, MissingReason, NotEnabled
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session

DO: dict[str, Callable[..., Done | NotDone]] = {
    "reset": act_flow.reset,
    "unlock": act_flow.unlock,
    "unfreeze": act_flow.unfreeze,
}


class Frame(NamedTuple):
    """Whose pages they are: who may use them, where people are found, how it looks, and what is said differently."""

    guard: Callable[[AnyRequest, datetime], Session]
    people: str
    template: str
    not_yourself: Callable[[], str]
    no_mail: Callable[[], str]


def show(request: AnyRequest, user_id: str, act: str, frame: Frame) -> AnyResponse:
    """Say what will happen to somebody, and ask why."""
    at = clock.now()
    session = frame.guard(request, at)
    return _act_page(request, session, find_summary(request, session.user, user_id, at), act, frame)


def submit(request: AnyRequest, user_id: str, body: bytes, act: str, frame: Frame) -> AnyResponse:
    """Do it and show them again, or say what stands in the way."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = frame.guard(request, at)
    summary, reason = find_summary(request, session.user, user_id, at), form["reason"]
    outcome = DO[act](
        context_of(request), session.user, summary.user.id, reason, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case CaseOpened() | Unlocked() | NotLocked() | Unfrozen() | NotFrozen():
            return see_other(f"{frame.people}/{summary.user.id}?done={_what(outcome)}")
        case MissingReason():
            return _act_page(request, session, summary, act, frame, reason, {"reason": words.no_reason()}, 400)
        case NoMail():
            return _act_page(request, session, summary, act, frame, reason, {"": frame.no_mail()}, 503)
        case NotEnabled() | Frozen() | LockIsFinal() | NotYourself():
            as_it_is_now = find_summary(request, session.user, user_id, at)
            return _act_page(request, session, as_it_is_now, act, frame, status=409)
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
    frame: Frame,
    reason: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> AnyResponse:
    oneself = act in DO and summary.user.id == session.user.id
    return page(
        request, frame.template, status, viewer=viewer_of(session), user=summary.user, act=act_of(act, summary),
        person_url=f"{frame.people}/{summary.user.id}", reason=reason, errors=errors or {},
        impossible=frame.not_yourself() if oneself else why_not(act, summary),
    )  # fmt: skip
