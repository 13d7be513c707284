"""The people of an account, by name, and what an administrator can change of one of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, assert_never
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import guard, people_count_flow, people_flow, words
from twofold.admin.cursor import PeopleCursor
from twofold.admin.dates import as_day, parse_moment
from twofold.admin.user_filter import STATES, UserFilter
from twofold.admin.user_summary import UserSummary
from twofold.admin.views import find_summary, user_view, zone_of_account
from twofold.directory.refusals import Refused
from twofold.directory.user import User
from twofold.kit import acting, clock, cursors
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.kit.words import gettext as _
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import Keep, UserChange
from twofold.resets import flow as resets
from twofold.resets.views import case_view
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session

LONGEST_SEARCH = 100  # characters


class ListQuery(NamedTuple):
    """What a list of people is narrowed to, as it stands in the address."""

    state: str
    search: str


@get("/people")
@quick
def list_people(request: AnyRequest) -> AnyResponse:
    """List the people of the administrator's account, a page at a time."""
    at = clock.now()
    session = guard.administrator(request, at)
    context, query = context_of(request), request.query_params
    state, search = query.get("state", ""), query.get("q", "").strip()[:LONGEST_SEARCH]
    asked = ListQuery(state if state in STATES else "", search)
    rules = people_flow.rules_of(context, session.user, at)
    user_filter = UserFilter(rules, asked.state, asked.search)
    found = people_flow.find_page(
        context, session.user.account_id, user_filter, cursors.read(query.get("cursor", ""), PeopleCursor), at
    )
    return page(
        request, "admin/people.html", viewer=viewer_of(session), notice=_notice(request),
        counts=people_count_flow.count(context, session.user, rules, at),
        resets=open_resets(request, session.user, [summary.user.id for summary in found.people], at),
        people=[user_view(summary, session.user) for summary in found.people], asked=asked, states=words.states(),
        previous_url=_page_url(asked, found.previous), next_url=_page_url(asked, found.next),
    )  # fmt: skip


@get("/people/{user_id:str}")
@quick
def show_user(request: AnyRequest, user_id: str) -> AnyResponse:
    """Show one person, and what can be done for them."""
    at = clock.now()
    session = guard.administrator(request, at)
    return user_page(request, session, find_summary(request, session.user, user_id, at), at)


@post("/people/{user_id:str}")
@quick
def change_user(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Change somebody's role, licence and exception."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.administrator(request, at)
    summary = find_summary(request, session.user, user_id, at)
    change = _asked_change(summary.user, form, at, zone_of_account(request, session.user.account_id))
    if change is None:
        errors = {"exception_until": _("Enter the date like 2027-03-05, or leave it empty.")}
        return user_page(request, session, summary, at, 400, errors, form)
    return save_change(request, session, summary, change, at, form)


def save_change(
    request: AnyRequest,
    session: Session,
    summary: UserSummary,
    change: UserChange,
    at: datetime,
    form: Form | None = None,
    *,
    done: str = "saved",
) -> AnyResponse:
    """Save a change of somebody, and show them again; or say why it is not possible."""
    outcome = provisioning.change_user(
        context_of(request),
        origin=Origin(at, client_info_of(request), acting.user(session.user.id)),
        subject_id=summary.user.id,
        change=change,
        within=session.user.account_id,
    )
    match outcome:
        case User():
            return see_other(f"/people/{summary.user.id}?done={done}")
        case Refused(code, field, why):
            errors = {field if form is not None else "": words.refused(code, why)}
            status = 400 if code == "invalid_request" else 409
            return user_page(request, session, summary, at, status, errors, form)
        case None:
            raise NotFoundException
        case _:
            assert_never(outcome)


def open_resets(request: AnyRequest, viewer: User, user_ids: Sequence[UUID], at: datetime) -> dict[UUID, Any]:
    """Return, by user, the resets that are open, as somebody who oversees these users sees them."""
    context = context_of(request)
    cases = resets.open_cases_of(context, user_ids, at)
    return {user_id: case_view(case, viewer, context.settings.product_name, at) for user_id, case in cases.items()}


def _asked_change(user: User, form: Form, at: datetime, zone: str) -> UserChange | None:
    """Read what the form asks for; None when its date is none. A date that was shown and sent back stays."""
    until: datetime | Keep | None = Keep.AS_IS
    if form["exception_until"] != _shown_exception(user, at, zone):
        until = parse_moment(form["exception_until"], zone) if form["exception_until"] else None
        if form["exception_until"] and until is None:
            return None
    return UserChange(role=form["role"] or None, licensed=form["licensed"] == "yes", exception_until=until)


def _shown_exception(user: User, at: datetime, zone: str) -> str:
    return as_day(user.running_exception(at), zone)


def user_page(
    request: AnyRequest,
    session: Session,
    summary: UserSummary,
    at: datetime,
    status: int = 200,
    errors: dict[str, str] | None = None,
    form: Form | None = None,
) -> AnyResponse:
    """Show one person, with what is wrong, if anything."""
    user, zone = summary.user, zone_of_account(request, session.user.account_id)
    typed = {
        "role": user.role if form is None else form["role"],
        "licensed": user.licensed if form is None else form["licensed"] == "yes",
        "exception_until": _shown_exception(user, at, zone) if form is None else form["exception_until"],
    }
    return page(
        request, "admin/person.html", status, viewer=viewer_of(session), user=user_view(summary, session.user),
        typed=typed, errors=errors or {}, notice=_notice(request),
        reset=open_resets(request, session.user, [user.id], at).get(user.id),
        notice_of_reset=request.query_params.get("done") == "reset",
    )  # fmt: skip


def _page_url(asked: ListQuery, cursor: PeopleCursor | None) -> str | None:
    if cursor is None:
        return None
    said = {"q": asked.search, "state": asked.state, "cursor": cursors.write(cursor)}
    return "/people?" + urlencode({name: value for name, value in said.items() if value})


def _notice(request: AnyRequest) -> str | None:
    notices = {
        "saved": _("Saved."),
        "reset": _("The email is on its way. Nothing changes until they confirm the reset from it, within 15 minutes."),
        "unlocked": _("Unlocked. The wrong codes no longer count."),
        "not_locked": _("They were no longer locked, so nothing was done."),
        "unfrozen": _(
            "Unfrozen. Their old password is void; an email lets them choose a new one. Within 24 hours of a reset it "
            "waits until they are over."
        ),
        "not_frozen": _("They were no longer frozen, so nothing was done."),
        "deactivated": _("Deactivated. They were signed out everywhere and cannot sign in."),
        "activated": _("Activated."),
        "not_waiting": _("They no longer need an invitation, so none was sent."),
        "no_mail": words.no_mail(),
        "invited": _(
            "The invitation is on its way. Its link works once, for 7 days. Whoever signs in at another organisation "
            "with this address is told by email that yours needs another one."
        ),
        "invited_for_later": _(
            "Their two-factor authentication was reset a short time ago. The link to choose a password goes out by "
            "itself 24 hours after that."
        ),
    }
    return notices.get(request.query_params.get("done", ""))


handlers = [list_people, show_user, change_user]
