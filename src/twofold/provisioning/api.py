"""The operator's API: accounts and their users, with an operator key; support agents may look."""

from typing import Annotated, Any, assert_never
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.params import Parameter

from twofold.directory import accounts_flow
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, row_id
from twofold.provisioning import account_flow, guard, new_user_flow
from twofold.provisioning.account_flow import CustomerAccount
from twofold.provisioning.bodies import (
    AccountAnswer,
    AccountChangeBody,
    AccountsAnswer,
    MadeUserAnswer,
    NewAccountBody,
    NewUserBody,
)
from twofold.provisioning.new_user_flow import MadeUser
from twofold.provisioning.views import refused_problem

TAGS = ["Accounts"]
PAGE = 50
MOST = 200

Limit = Annotated[int, Parameter(ge=1, le=MOST, description=f"How many to a page, {PAGE} unless told.")]
After = Annotated[str | None, Parameter(max_length=100, description="`next` of the page before.")]


@get("/accounts", operation_id="listAccounts", tags=TAGS, summary="List accounts", responses=refusals(401, 403))
@quick
def list_accounts(request: AnyRequest, cursor: After = None, limit: Limit = PAGE) -> Response[AccountsAnswer]:
    """List customers' accounts, a page at a time; with an operator key or as a support agent."""
    guard.operator_or_support(request, clock.now())
    after = None if cursor is None else row_id(cursor)
    if cursor is not None and after is None:
        return problem(400, "invalid_request", detail="cursor: it is none of ours", fields=["cursor"])
    found = account_flow.list_accounts(context_of(request).db, after, limit)
    answer = AccountsAnswer([_answer(account) for account in found.accounts], str(found.next) if found.next else None)
    return Response(answer, status_code=200)


@get(
    "/accounts/{account:str}", operation_id="showAccount", tags=TAGS, summary="Look at an account",
    responses=refusals(401, 403, 404),
)  # fmt: skip
@quick
def show_account(request: AnyRequest, account: str) -> Response[AccountAnswer]:
    """Look at one account; with an operator key or as a support agent."""
    guard.operator_or_support(request, clock.now())
    wanted = row_id(account)
    return problem(404, "not_found") if wanted is None else _show(request, wanted, 200)


@post(
    "/accounts", operation_id="createAccount", tags=TAGS, summary="Make an account",
    responses=write_refusals(401, 403, 409),
)  # fmt: skip
@quick
def create_account(request: AnyRequest, data: NewAccountBody) -> Response[AccountAnswer]:
    """Make an account; two-factor authentication is on offer from its first day where its edition includes it."""
    at = clock.now()
    actor = guard.operator(request, at)
    asked = AccountChange(**msgspec.structs.asdict(data))
    made = accounts_flow.create_account(
        context_of(request).db, asked, origin=Origin(at, client_info_of(request), actor)
    )
    return refused_problem(made) if isinstance(made, Refused) else _show(request, made, 201)


@patch(
    "/accounts/{account:str}", operation_id="changeAccount", tags=TAGS, summary="Change an account",
    responses=write_refusals(401, 403, 404, 409),
)  # fmt: skip
@quick
def change_account(request: AnyRequest, account: str, data: AccountChangeBody) -> Response[AccountAnswer]:
    """Change an account; factors that exist keep protecting their users whatever changes here."""
    at = clock.now()
    actor = guard.operator(request, at)
    wanted = row_id(account)
    if wanted is None:
        return problem(404, "not_found")
    outcome = account_flow.change_account(
        context_of(request).db, wanted, _asked(data), origin=Origin(at, client_info_of(request), actor),
    )  # fmt: skip
    match outcome:
        case CustomerAccount():
            return Response(_answer(outcome), status_code=200)
        case Refused():
            return refused_problem(outcome)
        case None:
            return problem(404, "not_found")
        case _:
            assert_never(outcome)


@post(
    "/accounts/{account:str}/users",
    operation_id="createUser",
    tags=TAGS,
    summary="Make a user",
    responses=write_refusals(401, 403, 404, 409, 422),
)
@takes_password
def create_user(request: AnyRequest, account: str, data: NewUserBody) -> Response[MadeUserAnswer]:
    """Make a user in an account. Without a password they are mailed a link to choose one (unless they use SSO)."""
    at = clock.now()
    actor = guard.operator(request, at)
    wanted = row_id(account)
    if wanted is None:
        return problem(404, "not_found")
    new = NewUser(data.email, data.name, data.role, data.licensed, data.password, data.active)
    outcome = new_user_flow.create_user(
        context_of(request), wanted, new, origin=Origin(at, client_info_of(request), actor),
    )  # fmt: skip
    match outcome:
        case MadeUser(user, invited):
            answer = MadeUserAnswer(user.id, user.email, user.name, user.role, user.licensed, user.active, invited)
            return Response(answer, status_code=201)
        case Refused():
            return refused_problem(outcome)
        case None:
            return problem(404, "not_found")
        case _:
            assert_never(outcome)


def _show(request: AnyRequest, account_id: UUID, status: int) -> AnyResponse:
    found = account_flow.find_account(context_of(request).db, account_id)
    return problem(404, "not_found") if found is None else Response(_answer(found), status_code=status)


def _answer(account: CustomerAccount) -> AccountAnswer:
    return AccountAnswer(*account)


def _asked(data: AccountChangeBody) -> AccountChange:
    said: dict[str, Any] = msgspec.structs.asdict(data)
    told = {name: value for name, value in said.items() if value is not msgspec.UNSET}
    return AccountChange(**told, unlimited_seats="seats" in told and told["seats"] is None)


handlers = [list_accounts, show_account, create_account, change_account, create_user]
