"""Helping a user over the API, with a reason: administrators in their own account, support agents in any."""

from collections.abc import Callable
from typing import TypeVar, assert_never

from litestar import Response, post

from twofold.admin import act_flow, guard
from twofold.admin.act_flow import NotDone, NotLocked
from twofold.admin.bodies import CaseAnswer, ReasonBody
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import NOTHING, problem, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, row_id
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.recovery.outcomes import NotFrozen, Unfrozen
from twofold.resets.outcomes import CaseOpened, Frozen, MissingReason, NotEnabled

T = TypeVar("T")

TAGS = ["Users"]


@post(
    "/users/{user_id:str}/two-factor-resets", tags=TAGS, summary="Ask a user to confirm a reset",
    operation_id="openReset", responses=write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def reset_user(request: AnyRequest, user_id: str, data: ReasonBody) -> Response[CaseAnswer]:
    """Mail a user a link from which they confirm that their two-factor authentication is switched off."""
    outcome = _act(request, user_id, data, act_flow.reset)
    if isinstance(outcome, CaseOpened):
        return Response(CaseAnswer(outcome.id, outcome.state.value), status_code=201)
    return _refused(outcome)


@post(
    "/users/{user_id:str}/unlock", status_code=204, tags=TAGS, summary="Unlock a user",
    operation_id="unlockUser", responses=NOTHING | write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def unlock_user(request: AnyRequest, user_id: str, data: ReasonBody) -> Response[None]:
    """Lift a user's lock; their authenticators stay. Harmless where there is none."""
    outcome = _act(request, user_id, data, act_flow.unlock)
    if isinstance(outcome, Unlocked | NotLocked):
        return Response(None, status_code=204)
    return _refused(outcome)


@post(
    "/users/{user_id:str}/unfreeze", status_code=204, tags=TAGS, summary="Unfreeze a user",
    operation_id="unfreezeUser", responses=NOTHING | write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def unfreeze_user(request: AnyRequest, user_id: str, data: ReasonBody) -> Response[None]:
    """Let a frozen user come back: their password is void, and a link to choose a new one is mailed."""
    outcome = _act(request, user_id, data, act_flow.unfreeze)
    if isinstance(outcome, Unfrozen | NotFrozen):
        return Response(None, status_code=204)
    return _refused(outcome)


def _act(request: AnyRequest, user_id: str, data: ReasonBody, do: Callable[..., T]) -> T | NoSuchUser:
    at = clock.now()
    actor, wanted = guard.overseer(request, at), row_id(user_id)
    if wanted is None:
        return NoSuchUser()
    return do(context_of(request), actor, wanted, data.reason, origin=Origin(at, client_info_of(request)))


def _refused(outcome: NotDone) -> AnyResponse:
    match outcome:
        case NotEnabled():
            return problem(409, "not_enabled")
        case NotYourself():
            return problem(409, "not_yourself")
        case Frozen():
            return problem(409, "frozen")
        case LockIsFinal():
            return problem(409, "lock_is_final")
        case MissingReason():
            detail = "reason: 3 to 500 characters, none of them invisible"
            return problem(400, "invalid_request", detail=detail, fields=["reason"])
        case NoMail():
            return problem(503, "no_mail")
        case NoSuchUser():
            return problem(404, "not_found")
        case _:
            assert_never(outcome)


handlers = [reset_user, unlock_user, unfreeze_user]
