"""How far two-factor authentication has come in an account: numbers, a line over time, who is missing, as CSV too."""

from collections.abc import Iterator
from datetime import datetime

from litestar import get
from litestar.response import Stream

from twofold.admin import adoption_flow, guard, people_flow, remind_all_flow, words
from twofold.admin.cursor import PeopleCursor
from twofold.admin.spreadsheet import csv
from twofold.admin.user_filter import UserFilter
from twofold.admin.user_summary import UserSummary
from twofold.admin.views import user_view
from twofold.directory.user import User
from twofold.kit import clock, cursors
from twofold.kit.context import AppContext
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of
from twofold.kit.words import gettext as _
from twofold.sessions.guard import viewer_of

COLUMNS = (
    "name", "email", "role", "licensed", "status", "two_factor", "reason", "since", "last_used", "required_from",
    "exception_until",
)  # fmt: skip


@get("/account/adoption")
@quick
def show_adoption(request: AnyRequest) -> AnyResponse:
    """Show how many have two-factor authentication, since when, and by name who does not and why."""
    at, context = clock.now(), context_of(request)
    session = guard.administrator(request, at)
    adoption = adoption_flow.show(context, session.user, at)
    user_filter = UserFilter(people_flow.rules_of(context, session.user, at), "without")
    cursor = cursors.read(request.query_params.get("cursor", ""), PeopleCursor)
    found = people_flow.find_page(context, session.user.account_id, user_filter, cursor, at)
    return page(
        request, "admin/adoption.html", viewer=viewer_of(session), adoption=adoption, plot=adoption.plot,
        notice=_notice(request), waiting=remind_all_flow.count_waiting(context, session.user, at),
        badges_of={share.state: words.state(share.state) for share in adoption.shares},
        people=[user_view(summary, session.user) for summary in found.people],
        previous_url=None if found.previous is None else f"/account/adoption?cursor={cursors.write(found.previous)}",
        next_url=None if found.next is None else f"/account/adoption?cursor={cursors.write(found.next)}",
    )  # fmt: skip


def _notice(request: AnyRequest) -> str | None:
    notices = {
        "reminded": _("The reminders are on their way."),
        "nobody_reminded": _("There was nobody left to remind, so nothing was sent."),
    }
    return notices.get(request.query_params.get("done", ""))


@get("/account/adoption.csv")
@quick
def download_adoption(request: AnyRequest) -> AnyResponse:
    """Give everybody's state as a spreadsheet."""
    at = clock.now()
    session = guard.administrator(request, at)
    headers = {"Content-Disposition": f'attachment; filename="two-factor-{at:%Y-%m-%d}.csv"'}
    return Stream(_lines(context_of(request), session.user, at), media_type="text/csv", headers=headers)


def _lines(context: AppContext, viewer: User, at: datetime) -> Iterator[str]:
    yield csv([COLUMNS])
    for people in adoption_flow.everybody(context, viewer, at):
        yield csv(map(_row, people))


def _row(summary: UserSummary) -> tuple[str, ...]:
    user = summary.user
    moments = (
        user.second_factor_since,
        summary.last_used_at,
        summary.offer.required_from,
        user.exception_until,
    )
    since, last_used, required_from, exception_until = (
        "" if moment is None else moment.isoformat(timespec="seconds") for moment in moments
    )
    return (
        user.name, user.email, user.role, "yes" if user.licensed else "no", summary.presence.value,
        summary.two_factor.value, words.because(summary), since, last_used, required_from, exception_until,
    )  # fmt: skip


handlers = [show_adoption, download_adoption]
