"""Remind all: one page that says whom, and sends the emails."""

from typing import assert_never

from litestar import get, post

from twofold.admin import guard, remind_all_flow, words
from twofold.admin.remind_all_flow import Reminded
from twofold.directory.refusals import NoMail
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.sessions.guard import viewer_of


@get("/account/adoption/remind")
@quick
def show_reminder(request: AnyRequest) -> AnyResponse:
    """Say how many people will be reminded, and of what."""
    return _page(request)


@post("/account/adoption/remind")
@quick
def send_reminders(request: AnyRequest) -> AnyResponse:
    """Remind everybody who lacks a second factor and could have one."""
    at = clock.now()
    session = guard.administrator(request, at)
    origin = Origin(at, client_info_of(request))
    outcome = remind_all_flow.remind_all(context_of(request), session.user, origin=origin)
    match outcome:
        case Reminded(people):
            return see_other(f"/account/adoption?done={'reminded' if people else 'nobody_reminded'}")
        case NoMail():
            return _page(request, 503, words.no_mail())
        case _:
            assert_never(outcome)


def _page(request: AnyRequest, status: int = 200, error: str = "") -> AnyResponse:
    at = clock.now()
    session = guard.administrator(request, at)
    waiting = remind_all_flow.count_waiting(context_of(request), session.user, at)
    return page(
        request, "admin/remind.html", status, viewer=viewer_of(session), waiting=waiting, most=remind_all_flow.MOST,
        errors={"": error} if error else {},
    )  # fmt: skip


handlers = [show_reminder, send_reminders]
