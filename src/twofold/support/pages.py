"""The support agent's pages: search, an account, a person. They show and lead on; acting is in `act_pages`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import get
from litestar.exceptions import NotFoundException

from twofold.admin import people_flow, words
from twofold.admin.cursor import PeopleCursor
from twofold.admin.user_filter import STATES, UserFilter
from twofold.admin.views import find_summary
from twofold.directory.user import User
from twofold.kit import clock, cursors
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, reader_of
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of, row_id
from twofold.kit.words import gettext as _
from twofold.resets import flow as resets
from twofold.resets.views import case_view
from twofold.sessions.guard import viewer_of
from twofold.support import audit_flow, flow, guard
from twofold.support.audit_search import Filters
from twofold.support.audit_views import days_of
from twofold.support.search import SearchCursor
from twofold.support.views import account_row, account_view, address, summary_view

LONGEST_SEARCH = 100  # characters
CASES = 5
EVENTS = 20


@get("/support")
@quick
def show_search(request: AnyRequest) -> AnyResponse:
    """Search accounts and people; without a search the accounts are listed."""
    at = clock.now()
    session, context = guard.agent(request, at), context_of(request)
    text = _asked(request, "q")
    after, people_after = (cursors.read(_asked(request, name), SearchCursor) for name in ("accounts", "people"))
    accounts = flow.find_accounts(context.db, text, after)
    people = flow.find_people(context, text, people_after, at) if text else flow.PeopleFound([], None)
    return page(
        request, "support/search.html", viewer=viewer_of(session), q=text,
        accounts=[account_row(one) for one in accounts.accounts], is_first=after is None and people_after is None,
        people=[summary_view(listed, session.user) for listed in people.people], first_url=_url(text),
        more_accounts=_url(text, accounts=accounts.next), more_people=_url(text, people=people.next),
    )  # fmt: skip


@get("/support/accounts/{account:str}")
@quick
def show_account(request: AnyRequest, account: str) -> AnyResponse:
    """Show an account: what it has, its people, its resets."""
    at = clock.now()
    session, context, account_id = guard.agent(request, at), context_of(request), row_id(account)
    details = None if account_id is None else flow.account_details(context.db, account_id)
    if details is None:
        raise NotFoundException
    state, text = _asked(request, "state"), _asked(request, "q")
    state = state if state in STATES else ""
    wanted = UserFilter(people_flow.rules_of(context, details.account, at), state, text)
    found = people_flow.find_page(
        context, details.account.id, wanted, cursors.read(_asked(request, "cursor", 2000), PeopleCursor), at
    )
    return page(
        request, "support/account.html", viewer=viewer_of(session), account=account_view(details), state=state, q=text,
        states=words.states(), people=[summary_view(listed, session.user) for listed in found.people],
        previous_url=_people_url(details.account.id, state, text, found.previous),
        next_url=_people_url(details.account.id, state, text, found.next),
        **_cases(request, session.user, at, account_id=details.account.id),
    )  # fmt: skip


@get("/support/users/{user_id:str}")
@quick
def show_user(request: AnyRequest, user_id: str) -> AnyResponse:
    """Show a person: how they are protected, what is open, what happened lately, and what can be done for them."""
    at = clock.now()
    session, context = guard.agent(request, at), context_of(request)
    listed = find_summary(request, session.user, user_id, at)
    user = listed.user
    case = resets.open_cases_of(context, [user.id], at).get(user.id)
    open_case = None if case is None else case_view(case, session.user, context.settings.product_name, at)
    history = audit_flow.read_page(context.db, user.account_id, Filters(user_id=user.id), None, EVENTS)
    return page(
        request, "support/person.html", viewer=viewer_of(session), user=summary_view(listed, session.user),
        account_id=user.account_id, days=days_of(history.events, reader_of(request)),
        frozen_at=user.frozen_at, password_set_at=user.password_set_at, sso=user.sso,
        password_unproven=user.password_unproven, notice=_notice(request),
        reset=open_case, notice_of_reset=_asked(request, "done") == "reset",
        all_events=address(f"/support/accounts/{user.account_id}/audit", [("person", str(user.id))]),
        **_cases(request, session.user, at, user_id=user.id),
    )  # fmt: skip


def _cases(
    request: AnyRequest, agent: User, at: datetime, account_id: UUID | None = None, user_id: UUID | None = None
) -> dict[str, Any]:
    context = context_of(request)
    cases = resets.cases_for(context, agent, account_id=account_id, user_id=user_id).cases
    shown = [case_view(case, agent, context.settings.product_name, at) for case in cases[:CASES]]
    return {"cases": shown, "more_cases": len(cases) > CASES}


def _asked(request: AnyRequest, name: str, longest: int = LONGEST_SEARCH) -> str:
    text = str(request.query_params.get(name, "")).strip()[:longest]
    return "" if "\0" in text else text


def _url(text: str, **after: SearchCursor | None) -> str | None:
    """Return the address of a list's next page; None where there is none."""
    if after and None in after.values():
        return None
    return address("/support", [("q", text), *((name, cursors.write(c)) for name, c in after.items() if c is not None)])


def _people_url(account_id: UUID, state: str, text: str, cursor: PeopleCursor | None) -> str | None:
    if cursor is None:
        return None
    return address(
        f"/support/accounts/{account_id}", [("q", text), ("state", state), ("cursor", cursors.write(cursor))]
    )


def _notice(request: AnyRequest) -> str | None:
    notices = {
        "reset": _("The email is on its way. Nothing changes until they confirm the reset from it, within 15 minutes."),
        "unlocked": _("Unlocked. The wrong codes no longer count."),
        "not_locked": _("They were no longer locked, so nothing was done."),
        "unfrozen": _(
            "Unfrozen. Their old password is void; an email lets them choose a new one. Within 24 hours of a reset it "
            "waits until they are over."
        ),
        "not_frozen": _("They were no longer frozen, so nothing was done."),
    }
    return notices.get(_asked(request, "done"))


handlers = [show_search, show_account, show_user]
