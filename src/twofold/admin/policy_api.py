"""The policy over the API: the same flow as the page."""

from typing import assert_never

from litestar import Response, get, put

from twofold.admin import guard, policy_flow
from twofold.admin.bodies import PolicyAnswer, PolicyBody, PolicyChangeAnswer, StoppedUser
from twofold.admin.dates import parse_moment
from twofold.admin.policy import Policy
from twofold.admin.policy_flow import (
    NoLongerAdmin,
    NotOffered,
    PolicyRefused,
    PolicySaved,
    Preview,
    WouldLockOutLastAdmin,
)
from twofold.admin.views import zone_of_account
from twofold.directory.refusals import NoMail
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of

TAGS = ["Policy"]
MOST = 1000


@get(
    "/account/policy", operation_id="showPolicy", tags=TAGS, summary="Show the two-factor policy",
    responses=refusals(401, 403),
)  # fmt: skip
@quick
def show_policy(request: AnyRequest) -> PolicyAnswer:
    """Show the policy of the administrator's account."""
    return PolicyAnswer(*policy_flow.current(guard.calling_administrator(request, clock.now()).user))


@put(
    "/account/policy", operation_id="changePolicy", tags=TAGS, summary="Set the two-factor policy",
    responses=write_refusals(401, 403, 409),
)  # fmt: skip
@quick
def set_policy(request: AnyRequest, data: PolicyBody) -> Response[PolicyChangeAnswer]:
    """Set the policy, or with `dry_run` only tell whom it would stop. A date that does not lie ahead means at once."""
    at, context = clock.now(), context_of(request)
    session = guard.calling_administrator(request, at)
    policy = _asked(data, zone_of_account(request, session.user.account_id))
    if policy is None:
        detail = "required_from: a day or a moment, and only with the policy required"
        return problem(400, "invalid_request", detail=detail, fields=["required_from"])
    if data.dry_run:
        preview = policy_flow.preview(context, session, policy, at, MOST)
        return _answer(preview, saved=False) if isinstance(preview, Preview) else _refused(preview)
    outcome = policy_flow.change_policy(context, session, policy, origin=Origin(at, client_info_of(request)), most=MOST)
    return _answer(outcome.preview, saved=True) if isinstance(outcome, PolicySaved) else _refused(outcome)


def _asked(data: PolicyBody, zone: str) -> Policy | None:
    if data.required_from is None:
        return Policy(data.policy)
    required_from = parse_moment(data.required_from, zone)
    return None if required_from is None or data.policy != "required" else Policy(data.policy, required_from)


def _answer(preview: Preview, *, saved: bool) -> AnyResponse:
    stopped = preview.stopped
    affected = [StoppedUser(user.id, user.name, user.email, user.role) for user in stopped.people]
    answer = PolicyChangeAnswer(*preview.policy, saved, affected, stopped.number, stopped.admins, stopped.of)
    return Response(answer, status_code=200)


def _refused(outcome: PolicyRefused) -> AnyResponse:
    match outcome:
        case NotOffered(reason):
            return problem(403, "not_offered", reason=reason.value)
        case WouldLockOutLastAdmin():
            return problem(409, "would_lock_out_last_admin")
        case NoMail():
            return problem(409, "no_mail")
        case NoLongerAdmin():
            return problem(403, "not_allowed")
        case _:
            assert_never(outcome)


handlers = [show_policy, set_policy]
