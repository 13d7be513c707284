"""The API's step-up: the same flow as the page."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, post

from twofold.factors.proof_views import given_in_call, refused_proofs_problem
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import takes_password
from twofold.kit.http.problems import problem, write_refusals
from twofold.kit.http.requests import AnyRequest, client_info_of, client_token, context_of
from twofold.kit.schema_names import schema_name
from twofold.sessions import guard, methods
from twofold.signin.bodies import Code, Password
from twofold.signin.outcomes import Due
from twofold.signin.step_up_flow import PasswordRequired, Proofs, SteppedUp, step_up


@schema_name("StepUp")
class StepUpBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is proved again: the password, a code (the backup code or a passkey in its place), or both."""

    password: Password | None = None
    code: Code | None = None
    backup_code: Code | None = None
    credential: dict[str, Any] | None = None


@schema_name("SteppedUpSession")
class SteppedUpAnswer(msgspec.Struct, omit_defaults=True):
    """The session's new token, when its factors were proved last, and what they add up to."""

    session_token: str
    authenticated_at: datetime
    acr: str
    second_factor_at: datetime | None = None
    new_backup_code: str | None = None


@post(
    "/session/step-up",
    operation_id="stepUp",
    status_code=200,
    tags=["Session and password"],
    summary="Prove password or second factor again",
    responses=write_refusals(401, 403, 409, 423),
)
@takes_password
def submit_step_up(request: AnyRequest, data: StepUpBody) -> Response[SteppedUpAnswer]:
    """Prove the password, the second factor, or both again; the session goes on under a new token and the same sid."""
    at = clock.now()
    session = guard.caller(request, at)
    if data.code is not None and data.backup_code is not None:
        return problem(400, "invalid_request", detail="Send either code or backup_code.", fields=["code"])
    code = given_in_call(session, data.code or data.backup_code, data.credential)
    if data.password is None and code is None:
        return problem(400, "invalid_request", detail="Send password, code or both.", fields=["password"])
    outcome = step_up(
        context_of(request), session, Proofs(data.password, code, client_token(request)), channel="api",
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SteppedUp(started, proved, new_backup_code):
            answer = SteppedUpAnswer(
                started.token, methods.authenticated_at(proved), methods.acr(proved),
                methods.second_factor_at(proved), new_backup_code,
            )  # fmt: skip
            return Response(answer, status_code=200)
        case PasswordRequired():
            return problem(401, "invalid_password", detail="A code was wrong: send the password as well.")
        case Due():
            return problem(401, "not_signed_in")
        case _:
            return refused_proofs_problem(outcome)


handlers = [submit_step_up]
