"""What pages and API of reset cases share: who may look at them, and how a case is shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from litestar import Response

from twofold.directory.user import User
from twofold.kit.http.problems import problem
from twofold.kit.http.render import page, problem_page
from twofold.kit.http.requests import AnyRequest, AnyResponse, ShortCircuit, context_of
from twofold.kit.words import gettext as _
from twofold.resets import words
from twofold.resets.bodies import (
    CaseAnswer,
    CaseWithHistory,
    DeliveryAnswer,
    EventAnswer,
    PersonAnswer,
    RequesterAnswer,
)
from twofold.resets.case import (
    OPEN_STATES,
    Case,
    State,
    acts_of,
    ended_why,
    needs_approval,
    standing,
)
from twofold.resets.help_request import HelpRequest
from twofold.resets.link import Dead, Expired, Over, Replaced, Unknown, Used
from twofold.resets.outcomes import HistoryLine
from twofold.sessions import guard
from twofold.sessions.session import Session

_GOOD = {State.CONFIRMED}
_BAD = {State.REFUSED, State.CLOSED}


def overseer(request: AnyRequest, at: datetime) -> Session:
    """Return the session of a page request of an administrator or support agent.

    Raises:
        ShortCircuit: nobody is signed in (on to the sign-in page), or somebody else is (403).

    """
    session = guard.signed_in(request, at)
    if not session.of_overseer:
        what = _("Only administrators and support agents see this page.")
        link = ("/profile", _("Go to your profile"))
        raise ShortCircuit(problem_page(request, 403, _("Not for you"), what, "", link))
    return session


def calling_overseer(request: AnyRequest, at: datetime) -> Session:
    """Return the session of an API call of an administrator or support agent.

    Raises:
        ShortCircuit: 401 without a session, 403 for anybody else's.

    """
    session = guard.caller(request, at)
    if not session.of_overseer:
        raise ShortCircuit(problem(403, "not_allowed"))
    return session


def case_view(case: Case, viewer: User, product: str, at: datetime) -> dict[str, Any]:
    """Return what the list and the page of a case show of it."""
    state = standing(case, at)
    is_open = case.state in OPEN_STATES and state is not State.CLOSED
    rejected = is_open and case.letter is not None and case.letter.outcome == "rejected"
    return {
        "id": case.id,
        "name": case.subject.name,
        "email": case.subject.email,
        "account_name": case.subject.account_name,
        "state": "rejected" if rejected else state.value,
        "state_words": words.rejected() if rejected else words.state(state),
        "badge": "good" if state in _GOOD else "bad" if rejected or state in _BAD else "plain",
        "why": words.why_closed(ended_why(case)) if ended_why(case) else "",
        "asked_by": words.requester(case, product),
        "role": words.role(case.requester_kind),
        "requested_at": case.requested_at,
        "reason": case.reason,
        "delivery": words.delivery(case.letter) if is_open else "",
        "valid_until": case.valid_until if is_open else None,
        "approved_by": case.approver_name,
        "waits_for_approval": is_open and needs_approval(case),
        "acts": {act.value for act in acts_of(case, viewer, at)},
    }


def help_view(row: HelpRequest, viewer: User) -> dict[str, Any]:
    """Return what the list of resets shows of somebody who asks for one; nobody starts their own."""
    place = "support/users" if viewer.role == "support" else "people"
    return {
        "name": row.name,
        "email": row.email,
        "account_name": row.account_name,
        "asked_at": row.asked_at,
        "why": words.asks_because(locked=row.locked),
        "url": f"/{place}/{row.user_id}/reset" if row.user_id != viewer.id else "",
    }


def over_page(request: AnyRequest, verdict: Over) -> AnyResponse:
    """Say that a link works no longer, why, and what to do."""
    product = context_of(request).settings.product_name
    shown: dict[str, Any]
    match verdict:
        case Used(case):
            shown = {"over": "used", "confirmed": case.state is State.CONFIRMED}
        case Replaced(newer_sent_at=newer_sent_at):
            shown = {"over": "replaced", "newer_sent_at": newer_sent_at}
        case Expired(case, valid_until):
            shown = {"over": "expired", "valid_until": valid_until, "whom": words.whom_to_ask(case, product)}
        case Dead(case, why):
            asked = words.requester(case, product)
            shown = {"over": "dead", "why": words.why_dead(why, asked), "whom": words.whom_to_ask(case, product)}
        case Unknown():
            shown = {"over": "unknown"}
        case _:
            assert_never(verdict)
    return page(request, "resets/over.html", 410, **shown)


def case_answer(case: Case, at: datetime) -> CaseAnswer:
    """Return what the API tells of a case."""
    return CaseAnswer(**_told(case, at))


def case_with_history(case: Case, history: Sequence[HistoryLine], at: datetime) -> CaseWithHistory:
    """Return what the API tells of a case and of what happened to it."""
    lines = [EventAnswer(line.at, line.kind, line.actor_name or line.actor_kind, line.words) for line in history]
    return CaseWithHistory(**_told(case, at), history=lines)


def link_over_problem(verdict: Over) -> Response[Any]:
    """Answer an API call whose link works no longer, and say why."""
    match verdict:
        case Used():
            return problem(410, "link_expired", why="used")
        case Replaced():
            return problem(410, "link_expired", why="replaced")
        case Expired():
            return problem(410, "link_expired", why="expired")
        case Dead(why=why):
            return problem(410, "link_expired", why=why or "cancelled")
        case Unknown():
            return problem(410, "link_expired", why="unknown")
        case _:
            assert_never(verdict)


def _told(case: Case, at: datetime) -> dict[str, Any]:
    requester, letter = case.requester, case.letter
    return {
        "id": case.id,
        "status": standing(case, at).value,
        "why": ended_why(case),
        "account": case.account_id,
        "user": PersonAnswer(case.subject.id, case.subject.name, case.subject.email),
        "requested_by": RequesterAnswer(
            case.requester_kind,
            None if requester is None else requester.id,
            None if requester is None else requester.name,
        ),
        "reason": case.reason,
        "requested_at": case.requested_at,
        "sent_at": case.sent_at,
        "valid_until": case.valid_until,
        "delivery": None if letter is None else DeliveryAnswer(letter.outcome or "waiting", letter.error),
        "needs_approval": case.state in OPEN_STATES and needs_approval(case),
        "approved_at": case.approved_at,
        "approved_by": case.approver_name,
        "ended_at": case.ended_at,
    }
