"""The page on which administrators set the time zone of their account."""

from typing import assert_never

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import guard, time_zone_flow
from twofold.admin.time_zone_flow import NoLongerAdmin, ZoneSaved
from twofold.admin.views import zone_of_account
from twofold.directory.refusals import Refused
from twofold.kit import clock, time_zones
from twofold.kit.acting import Origin
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session


@get("/account/time-zone")
@quick
def show_zone(request: AnyRequest) -> AnyResponse:
    """Show the time zone and the form that changes it."""
    session = guard.administrator(request, clock.now())
    return _page(request, session, zone_of_account(request, session.user.account_id))


@post("/account/time-zone")
@quick
def submit_zone(request: AnyRequest, body: bytes) -> AnyResponse:
    """Set the time zone."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.administrator(request, at)
    origin = Origin(at, client_info_of(request))
    outcome = time_zone_flow.change_zone(context_of(request), session, form["time_zone"], origin=origin)
    match outcome:
        case ZoneSaved():
            return see_other("/account/policy?done=time-zone")
        case Refused(_, field, why):
            return _page(request, session, form["time_zone"], 400, {field: why})
        case NoLongerAdmin():
            raise NotFoundException
        case _:
            assert_never(outcome)


def _page(
    request: AnyRequest, session: Session, zone: str, status: int = 200, errors: dict[str, str] | None = None
) -> AnyResponse:
    return page(
        request, "admin/time_zone.html", status, viewer=viewer_of(session), zone=zone, zones=time_zones.of_places(),
        errors=errors or {},
    )  # fmt: skip


handlers = [show_zone, submit_zone]
