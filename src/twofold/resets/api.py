"""The API of reset cases, and of the link that their user holds: the same flows as the pages."""

from typing import assert_never

from litestar import Response, get, post

from twofold.directory.password import Weakness
from twofold.directory.refusals import NoMail, NotYourself
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.anonymous import TAKES_PASSWORD
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, row_id
from twofold.resets import act_flow, confirm_flow, flow
from twofold.resets.bodies import (
    CaseAnswer,
    CasesAnswer,
    CaseWithHistory,
    ConfirmBody,
    ConfirmedAnswer,
    RefuseBody,
    RefusedAnswer,
)
from twofold.resets.case import Act, State
from twofold.resets.confirm_flow import Given
from twofold.resets.outcomes import (
    Acted,
    ActRefused,
    ApprovalRequired,
    LinkOver,
    NewPasswordRequired,
    NoSuchCase,
    RefusalDone,
    ResetDone,
    SamePassword,
    WrongPassword,
    WrongState,
)
from twofold.resets.views import calling_overseer, case_answer, case_with_history, link_over_problem

TAGS = ["Resets"]


@get(
    "/two-factor-resets", operation_id="listResets", tags=TAGS, summary="List reset cases",
    responses=refusals(401, 403, 404),
)  # fmt: skip
@quick
def list_cases(
    request: AnyRequest,
    account: str | None = None,
    user: str | None = None,
    cursor: str | None = None,
) -> Response[CasesAnswer]:
    """List the cases of the caller's account, the newest first; for support agents of all, or of one `account`."""
    at = clock.now()
    viewer = calling_overseer(request, at).user
    account_id, user_id = row_id(account or ""), row_id(user or "")
    if account and viewer.role != "support" and account_id != viewer.account_id:
        return problem(404, "not_found")
    if (account and account_id is None) or (user and user_id is None):
        return Response(CasesAnswer([], None), status_code=200)  # nothing is there by a malformed id
    listing = flow.cases_for(context_of(request), viewer, account_id=account_id, user_id=user_id, after=cursor or "")
    answer = CasesAnswer([case_answer(case, at) for case in listing.cases], listing.next_cursor)
    return Response(answer, status_code=200)


@get(
    "/two-factor-resets/{case_id:str}", operation_id="showReset", tags=TAGS, summary="Show a reset case",
    responses=refusals(401, 403, 404),
)  # fmt: skip
@quick
def show_case(request: AnyRequest, case_id: str) -> Response[CaseWithHistory]:
    """Show a case with its history."""
    at, wanted = clock.now(), row_id(case_id)
    viewer = calling_overseer(request, at).user
    found = NoSuchCase() if wanted is None else flow.case_for(context_of(request), viewer, wanted)
    if isinstance(found, NoSuchCase):
        return problem(404, "not_found")
    return Response(case_with_history(*found, at), status_code=200)


@post(
    "/two-factor-resets/{case_id:str}/cancellation", status_code=200, tags=TAGS, summary="Cancel a reset case",
    operation_id="cancelReset", responses=write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def cancel(request: AnyRequest, case_id: str) -> Response[CaseAnswer]:
    """Take the request back; its links die at once."""
    return _act(request, case_id, Act.CANCEL)


@post(
    "/two-factor-resets/{case_id:str}/approval", status_code=200, tags=TAGS, summary="Approve a reset case",
    operation_id="approveReset", responses=write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def approve(request: AnyRequest, case_id: str) -> Response[CaseAnswer]:
    """Vouch for a case whose user can prove only their mailbox; not for requester and subject."""
    return _act(request, case_id, Act.APPROVE)


@post(
    "/two-factor-resets/{case_id:str}/delivery", status_code=200, tags=TAGS, summary="Send the link of a case again",
    operation_id="sendResetAgain", responses=write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def send_again(request: AnyRequest, case_id: str) -> Response[CaseAnswer]:
    """Send another link; the one before it is void when the new one goes out."""
    return _act(request, case_id, Act.SEND)


@post(
    "/resets/confirmation", opt=TAKES_PASSWORD, status_code=200, tags=TAGS, summary="Confirm a reset", security=[{}],
    operation_id="confirmReset", responses=write_refusals(401, 409, 410, 422),
)  # fmt: skip
@takes_password
def confirm(request: AnyRequest, data: ConfirmBody) -> Response[ConfirmedAnswer]:
    """Switch two-factor authentication off, by the token of the mailed link and the password."""
    given = Given(data.password, data.new_password or "")
    outcome = confirm_flow.confirm(
        context_of(request), data.token, given, origin=Origin(clock.now(), client_info_of(request))
    )
    match outcome:
        case ResetDone(eligibility):
            answer = ConfirmedAnswer(
                State.CONFIRMED.value, eligibility.offer.value, eligibility.reason.value, eligibility.required_from,
            )  # fmt: skip
            return Response(answer, status_code=200)
        case LinkOver(verdict):
            return link_over_problem(verdict)
        case WrongPassword(left):
            return problem(401, "invalid_password", attempts_left=left)
        case NewPasswordRequired():
            return problem(409, "new_password_required", fields=["new_password"])
        case ApprovalRequired():
            return problem(409, "approval_required")
        case SamePassword():
            return problem(422, "weak_password", why="same_as_before", fields=["new_password"])
        case Weakness():
            return problem(422, "weak_password", why=outcome.value, fields=["new_password"])
        case _:
            assert_never(outcome)


@post(
    "/resets/refusal", status_code=200, tags=TAGS, summary="Refuse a reset", security=[{}],
    operation_id="refuseReset", responses=write_refusals(410),
)  # fmt: skip
@quick
def refuse(request: AnyRequest, data: RefuseBody) -> Response[RefusedAnswer]:
    """Close the case as refused, by the token of the mailed link; the administrators are told."""
    outcome = confirm_flow.refuse(context_of(request), data.token, origin=Origin(clock.now(), client_info_of(request)))
    match outcome:
        case RefusalDone():
            return Response(RefusedAnswer(State.REFUSED.value), status_code=200)
        case LinkOver(verdict):
            return link_over_problem(verdict)
        case _:
            assert_never(outcome)


def _act(request: AnyRequest, case_id: str, act: Act) -> AnyResponse:
    at, wanted = clock.now(), row_id(case_id)
    actor = calling_overseer(request, at).user
    if wanted is None:
        return problem(404, "not_found")
    acts = {Act.CANCEL: act_flow.cancel, Act.SEND: act_flow.send_again, Act.APPROVE: act_flow.approve}
    outcome: Acted | NoMail | ActRefused = acts[act](
        context_of(request), actor, wanted, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Acted(case):
            return Response(case_answer(case, at), status_code=200)
        case NoSuchCase():
            return problem(404, "not_found")
        case NotYourself():
            return problem(409, "not_yourself")
        case WrongState(state):
            return problem(409, "wrong_state", why=state.value)
        case NoMail():
            return problem(503, "no_mail")
        case _:
            assert_never(outcome)


handlers = [list_cases, show_case, cancel, approve, send_again, confirm, refuse]
