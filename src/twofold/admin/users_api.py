"""Users over the API: administrators see and help those of their account, support agents those of any.

Changing a user is one call for administrators and, with an operator key, for operators; the rules are the same.
"""

from datetime import datetime
from typing import Annotated, Any, assert_never
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.params import Parameter, QueryParameter

from twofold.admin import act_flow, guard, people_flow
from twofold.admin.act_flow import Made
from twofold.admin.bodies import (
    InvitationBody,
    InvitedAnswer,
    UserAnswer,
    UserChangeBody,
    UsersAnswer,
    user_answer,
)
from twofold.admin.cursor import PeopleCursor
from twofold.admin.dates import parse_moment
from twofold.admin.user_filter import STATES, UserFilter
from twofold.directory import accounts_flow, preference_flow
from twofold.directory.account import Account
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import NoMail, NoSuchUser, Refused
from twofold.directory.user import User
from twofold.kit import acting, clock, cursors
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, client_info_of, context_of, row_id
from twofold.kit.time_zones import DEFAULT_ZONE
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.provisioning import flow as provisioning
from twofold.provisioning import guard as operators
from twofold.provisioning.flow import UserChange
from twofold.provisioning.views import refused_problem

TAGS = ["Users"]
PAGE = 50
MOST = 200

Limit = Annotated[int, Parameter(ge=1, le=MOST, description=f"How many to a page, {PAGE} unless told.")]
After = Annotated[str | None, Parameter(max_length=1000, description="`next` of the page before.")]
State = Annotated[
    str, QueryParameter(name="state", max_length=20, description=f"One of {', '.join(filter(None, STATES))}.")
]
Search = Annotated[str, Parameter(max_length=100, description="Any part of a name or an address.")]
WhichAccount = Annotated[str | None, Parameter(max_length=100, description="For support agents: which account.")]


@get("/users", operation_id="listUsers", tags=TAGS, summary="List users", responses=refusals(401, 403, 404))
@quick
def list_users(
    request: AnyRequest,
    account: WhichAccount = None,
    in_state: State = "",
    search: Search = "",
    cursor: After = None,
    limit: Limit = PAGE,
) -> Response[UsersAnswer]:
    """List the users of the administrator's account by name; a support agent names the account."""
    at, context = clock.now(), context_of(request)
    viewer = guard.overseer(request, at)
    listed = _account_of(request, viewer, account)
    after = None if cursor is None else cursors.read(cursor, PeopleCursor)
    wrong = [
        *(["account"] if viewer.role == "support" and account is None else []),
        *(["state"] if in_state not in STATES else []),
        *(["cursor"] if cursor is not None and after is None else []),
    ]
    if wrong:
        return problem(400, "invalid_request", detail=f"{', '.join(wrong)}: missing or none of ours", fields=wrong)
    if listed is None:
        return problem(404, "not_found")
    user_filter = UserFilter(people_flow.rules_of(context, listed, at), in_state, search.strip())
    account_id = listed.account_id if isinstance(listed, User) else listed.id
    found = people_flow.find_page(context, account_id, user_filter, after, at, limit)
    users = [user_answer(summary) for summary in found.people]
    return Response(UsersAnswer(users, cursors.write(found.next) if found.next else None), status_code=200)


@get(
    "/users/{user_id:str}", operation_id="showUser", tags=TAGS, summary="Look at a user",
    responses=refusals(401, 403, 404),
)  # fmt: skip
@quick
def show_user(request: AnyRequest, user_id: str) -> Response[UserAnswer]:
    """Look at one user, with the state of their two-factor authentication."""
    at = clock.now()
    viewer, user_filter = guard.overseer(request, at), row_id(user_id)
    found = None if user_filter is None else people_flow.find_user(context_of(request), viewer, user_filter, at)
    return problem(404, "not_found") if found is None else Response(user_answer(found), status_code=200)


@post(
    "/invitations", operation_id="inviteUser", tags=TAGS, summary="Invite a user",
    responses=write_refusals(401, 403, 409),
)  # fmt: skip
@quick
def invite(request: AnyRequest, data: InvitationBody) -> Response[InvitedAnswer]:
    """Make a user in the administrator's account and mail them a link to choose a password.

    Somebody who has a sign-in in another account is listed as invited as well, and told by mail why they cannot come.
    """
    at = clock.now()
    session = guard.calling_administrator(request, at)
    new = NewUser(data.email, data.name, data.role, data.licensed)
    outcome = act_flow.invite(context_of(request), session.user, new, origin=Origin(at, client_info_of(request)))
    match outcome:
        case Made(user):
            return Response(InvitedAnswer(user.id), status_code=201)
        case Refused():
            return refused_problem(outcome)
        case TooManyInvitations(most, _, seconds):
            detail = f"{most} invitations are the most within a day."
            return problem(429, "too_many_invitations", retry_after=seconds, detail=detail)
        case InvitedToday(_, seconds):
            detail = "This address was invited within the last day."
            return problem(429, "too_many_invitations", retry_after=seconds, detail=detail, fields=["email"])
        case NoMail():
            return problem(503, "no_mail")
        case NoSuchUser():
            return problem(403, "not_allowed")
        case _:
            assert_never(outcome)


@patch(
    "/users/{user_id:str}", operation_id="changeUser", tags=TAGS, summary="Change a user",
    responses=write_refusals(401, 403, 404, 409, 422),
)  # fmt: skip
@takes_password
def change_user(request: AnyRequest, user_id: str, data: UserChangeBody) -> Response[UserAnswer]:
    """Change a user: as administrator of their account, or with an operator key, which may set address and password.

    A change of role, address or password and deactivation end the user's sessions.
    """
    at, context = clock.now(), context_of(request)
    actor, within = _changer(request, at)
    user_filter = row_id(user_id)
    change = _asked(data, _zone_of(context, user_filter, data))
    if change is None:
        detail = "exception_until: a day or a moment"
        return problem(400, "invalid_request", detail=detail, fields=["exception_until"])
    if user_filter is None:
        return problem(404, "not_found")
    outcome = provisioning.change_user(
        context,
        origin=Origin(at, client_info_of(request), actor),
        subject_id=user_filter,
        change=change,
        within=within,
    )
    match outcome:
        case User():
            found = people_flow.show(context, outcome.id, at)
            return problem(404, "not_found") if found is None else Response(user_answer(found), status_code=200)
        case Refused():
            return refused_problem(outcome)
        case None:
            return problem(404, "not_found")
        case _:
            assert_never(outcome)


def _changer(request: AnyRequest, at: datetime) -> tuple[acting.Actor, UUID | None]:
    """Return who changes a user: an operator key, anywhere, or an administrator, within their account."""
    key = operators.operator_key(request, at)
    if key is not None:
        return key, None
    user = guard.calling_administrator(request, at).user
    return acting.user(user.id), user.account_id


def _account_of(request: AnyRequest, viewer: User, account: str | None) -> User | Account | None:
    """Return what tells of the account to list: the viewer themselves, or the one that a support agent names."""
    if account is None:
        return viewer
    user_filter = row_id(account)
    if viewer.role != "support":
        return viewer if user_filter == viewer.account_id else None
    if user_filter is None:
        return None
    with context_of(request).db.read() as connection:
        return accounts_flow.find_account(connection, user_filter)


def _zone_of(context: AppContext, user_id: UUID | None, data: UserChangeBody) -> str:
    """Return in which zone a day begins for a user, where one is said."""
    if user_id is None or not data.exception_until:
        return DEFAULT_ZONE
    with context.db.read() as connection:
        return preference_flow.choices_of(connection, user_id).account_zone


def _asked(data: UserChangeBody, zone: str) -> UserChange | None:
    """Read what is to be changed; None when the date is none."""
    said: dict[str, Any] = msgspec.structs.asdict(data)
    told = {name: value for name, value in said.items() if value is not msgspec.UNSET}
    if told.get("exception_until") is not None:
        told["exception_until"] = parse_moment(told["exception_until"], zone)
        if told["exception_until"] is None:
            return None
    return UserChange(**told)


handlers = [list_users, show_user, invite, change_user]
