"""The pages of reset cases for administrators and support agents: all of them, and one with its history."""

from typing import assert_never
from urllib.parse import urlencode

from litestar import get, post

from twofold.directory.refusals import NoMail, NotYourself
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, row_id
from twofold.kit.words import gettext as _
from twofold.resets import act_flow, flow, help_flow, words
from twofold.resets.case import Act
from twofold.resets.outcomes import Acted, ActRefused, NoSuchCase, WrongState
from twofold.resets.views import case_view, help_view, overseer
from twofold.sessions import guard

LIST = "/resets"
CASE = "/resets/case/{case_id:str}"


@get(LIST)
@quick
def list_cases(request: AnyRequest) -> AnyResponse:
    """List the cases of the account; for support agents of all, or of the one that the address names."""
    at, context = clock.now(), context_of(request)
    session = overseer(request, at)
    asked = request.query_params
    account, after = asked.get("account", ""), asked.get("cursor", "")
    listing = flow.cases_for(context, session.user, account_id=row_id(account), after=after)
    asked_for = [] if after else help_flow.open_requests(context, session.user, at, row_id(account))
    shown = [case_view(case, session.user, context.settings.product_name, at) for case in listing.cases]
    return page(
        request, "resets/list.html", viewer=guard.viewer_of(session), cases=shown, first_page=not after,
        asked_for=[help_view(row, session.user) for row in asked_for],
        first_url=_list_url(account), next_url=_list_url(account, listing.next_cursor) if listing.next_cursor else None,
    )  # fmt: skip


@get(CASE)
@quick
def show_case(request: AnyRequest, case_id: str) -> AnyResponse:
    """Show a case with its history, and what can be done about it."""
    at, context = clock.now(), context_of(request)
    session, wanted = overseer(request, at), row_id(case_id)
    found = NoSuchCase() if wanted is None else flow.case_for(context, session.user, wanted)
    if isinstance(found, NoSuchCase):
        return _no_such(request)
    case, history = found
    view = case_view(case, session.user, context.settings.product_name, at)
    lines = [{"at": line.at, "words": words.event(line, context.settings.product_name)} for line in history]
    return page(
        request, "resets/case.html", viewer=guard.viewer_of(session), case=view, acts=view["acts"], history=lines,
        notice=_notice(request),
    )  # fmt: skip


@post(f"{CASE}/cancellation")
@quick
def cancel(request: AnyRequest, case_id: str) -> AnyResponse:
    """Take the request back."""
    return _act(request, case_id, Act.CANCEL)


@post(f"{CASE}/delivery")
@quick
def send_again(request: AnyRequest, case_id: str) -> AnyResponse:
    """Send another link."""
    return _act(request, case_id, Act.SEND)


@post(f"{CASE}/approval")
@quick
def approve(request: AnyRequest, case_id: str) -> AnyResponse:
    """Approve a case whose user can prove only their mailbox."""
    return _act(request, case_id, Act.APPROVE)


def _act(request: AnyRequest, case_id: str, act: Act) -> AnyResponse:
    at, wanted = clock.now(), row_id(case_id)
    actor = overseer(request, at).user
    if wanted is None:
        return _no_such(request)
    acts = {Act.CANCEL: act_flow.cancel, Act.SEND: act_flow.send_again, Act.APPROVE: act_flow.approve}
    outcome: Acted | NoMail | ActRefused = acts[act](
        context_of(request), actor, wanted, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    back = (f"{LIST}/case/{wanted}", _("Back to the reset"))
    match outcome:
        case Acted():
            return see_other(f"{LIST}/case/{wanted}?done={act.value}")
        case NoSuchCase():
            return _no_such(request)
        case NotYourself():
            what = _("This has to be done by somebody who is neither the person nor the one who asked.")
            return problem_page(request, 409, _("Not done"), what, "", back)
        case WrongState(state):
            what = _("This reset has changed in the meantime: %(state)s.") % {"state": words.state(state)}
            return problem_page(request, 409, _("Not done"), what, "", back)
        case NoMail():
            what = _("This installation has no mail server, so no link can be sent.")
            return problem_page(request, 503, _("Not sent"), what, _("Tell the people who run it."), back)
        case _:
            assert_never(outcome)


def _notice(request: AnyRequest) -> str | None:
    done = request.query_params.get("done", "")
    return words.done(Act(done)) if done in {Act.SEND, Act.CANCEL, Act.APPROVE} else None


def _list_url(account: str, cursor: str | None = None) -> str:
    query = urlencode({name: value for name, value in (("account", account), ("cursor", cursor)) if value})
    return f"{LIST}?{query}" if query else LIST


def _no_such(request: AnyRequest) -> AnyResponse:
    link = (LIST, _("Resets"))
    return problem_page(request, 404, _("Not found"), _("There is no such reset."), "", link)


handlers = [list_cases, show_case, cancel, send_again, approve]
