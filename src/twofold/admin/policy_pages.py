"""The account's policy: what it is, whom a change would stop, by name, and only then the change."""

from datetime import datetime
from typing import NamedTuple, assert_never

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import guard, policy_flow, words
from twofold.admin.dates import as_day, parse_moment
from twofold.admin.policy import POLICIES, Policy, normalised, reminders
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
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, reader_of, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.kit.moments import deadline
from twofold.kit.words import gettext as _
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session

SHOWN = 100


class PolicyForm(NamedTuple):
    """What stands in the form."""

    policy: str
    required_from: str


@get("/account/policy")
@quick
def show_policy(request: AnyRequest) -> AnyResponse:
    """Show the policy and the form that changes it."""
    at = clock.now()
    session = guard.administrator(request, at)
    refused = policy_flow.why_not_offered(context_of(request), session.user, at)
    policy = policy_flow.current(session.user)
    typed = PolicyForm(policy.policy, as_day(policy.required_from, zone_of_account(request, session.user.account_id)))
    return _policy_page(
        request, session, typed, not_offered=None if refused is None else words.not_offered(refused.reason)
    )


@post("/account/policy")
@quick
def submit_policy(request: AnyRequest, body: bytes) -> AnyResponse:
    """Show whom a required policy would stop; save it once that was seen. One that stops nobody is saved at once."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.administrator(request, at)
    typed = PolicyForm(form["policy"], form["required_from"].strip())
    policy = _asked(typed, policy_flow.current(session.user), zone_of_account(request, session.user.account_id))
    if policy is None:
        return _policy_page(request, session, typed, 400, _wrong(typed))
    if policy.is_required and not form["confirm"]:
        return _preview_page(request, session, typed, policy, at)
    outcome = policy_flow.change_policy(
        context_of(request), session, policy, origin=Origin(at, client_info_of(request)), most=0,
    )  # fmt: skip
    if isinstance(outcome, PolicySaved):
        return see_other("/account/policy?done=saved")
    return _refused_page(request, session, typed, outcome)


def _preview_page(
    request: AnyRequest, session: Session, typed: PolicyForm, policy: Policy, at: datetime
) -> AnyResponse:
    outcome = policy_flow.preview(context_of(request), session, policy, at, SHOWN)
    if not isinstance(outcome, Preview):
        return _refused_page(request, session, typed, outcome)
    stopped, from_at = outcome.stopped, outcome.from_at or at
    day = deadline(from_at, reader_of(request))
    summary = words.stopped(stopped.number, stopped.of, stopped.admins, at_once=from_at <= at, day=day)
    return page(
        request, "admin/policy_preview.html", viewer=viewer_of(session), typed=typed, stopped=stopped, summary=summary,
        roles={user.role: words.role(user.role) for user in stopped.people},
        stops_viewer=not session.user.has_second_factor and any(p.id == session.user.id for p in stopped.people),
    )  # fmt: skip


def _refused_page(request: AnyRequest, session: Session, typed: PolicyForm, outcome: PolicyRefused) -> AnyResponse:
    match outcome:
        case NotOffered(reason):
            return _policy_page(request, session, typed, 409, not_offered=words.not_offered(reason))
        case WouldLockOutLastAdmin():
            is_off = session.user.policy == "off"
            errors = {"policy": words.would_lock_out(is_off=is_off)}
            return _policy_page(request, session, typed, 409, errors, to_set_up=not is_off)
        case NoMail():
            return _policy_page(request, session, typed, 409, {"policy": words.no_mail()})
        case NoLongerAdmin():
            raise NotFoundException
        case _:
            assert_never(outcome)


def _asked(typed: PolicyForm, current: Policy, zone: str) -> Policy | None:
    """Read what the form asks for; None when it makes no sense. A day that was shown and sent back stays."""
    if typed.policy not in POLICIES:
        return None
    required_from = parse_moment(typed.required_from, zone) if typed.required_from else None
    if typed.required_from == as_day(current.required_from, zone):
        required_from = current.required_from
    if typed.policy == "required" and typed.required_from and required_from is None:
        return None
    return Policy(typed.policy, required_from if typed.policy == "required" else None)


def _wrong(typed: PolicyForm) -> dict[str, str]:
    if typed.policy not in POLICIES:
        return {"policy": _("Choose one of the three.")}
    return {"required_from": _("Enter the date like 2027-03-05, or leave it empty for at once.")}


def _policy_page(
    request: AnyRequest,
    session: Session,
    typed: PolicyForm,
    status: int = 200,
    errors: dict[str, str] | None = None,
    *,
    not_offered: str | None = None,
    to_set_up: bool = False,
) -> AnyResponse:
    notices = {"saved": _("Saved. All administrators are told by email."), "time-zone": _("The time zone is saved.")}
    notice, at = notices.get(request.query_params.get("done", "")), clock.now()
    current = normalised(policy_flow.current(session.user), at)
    return page(
        request, "admin/policy.html", status, viewer=viewer_of(session), typed=typed, errors=errors or {},
        not_offered=not_offered, notice=None if errors else notice, to_set_up=to_set_up,
        current=current, reminders=reminders(current, at),
        zone=zone_of_account(request, session.user.account_id),
    )  # fmt: skip


handlers = [show_policy, submit_policy]
