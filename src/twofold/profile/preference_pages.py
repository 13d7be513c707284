"""The page on which somebody chooses the language and the time zone that pages and mails are in."""

from typing import assert_never

from litestar import get, post

from twofold.directory import preference_flow as preferences
from twofold.directory.refusals import Refused
from twofold.factors.outcomes import SessionOver
from twofold.kit import clock, time_zones
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of
from twofold.kit.moments import Choices
from twofold.kit.words import gettext as _
from twofold.profile import preference_flow
from twofold.profile.preference_flow import PreferencesSaved
from twofold.sessions import guard
from twofold.sessions.session import Session


@get("/profile/preferences")
@quick
def show_preferences(request: AnyRequest) -> AnyResponse:
    """Show what the user has chosen."""
    session = guard.signed_in(request, clock.now())
    return _page(request, session, preferences.choices_of_user(context_of(request), session.user.id))


@post("/profile/preferences")
@quick
def submit_preferences(request: AnyRequest, body: bytes) -> AnyResponse:
    """Store what the user chooses."""
    form = parse_form(body, request.headers.get("content-type", ""))
    session = guard.signed_in(request, clock.now())
    language, zone = form["language"] or None, form["time_zone"] or None
    outcome = preference_flow.choose(context_of(request), session, language, zone)
    match outcome:
        case PreferencesSaved():
            return see_other("/profile/preferences?done=1")
        case Refused(_code, field, why):
            return _page(request, session, Choices(language, zone), 400, {field: why})
        case SessionOver():
            return see_other("/sign-in")
        case _:
            assert_never(outcome)


def _page(
    request: AnyRequest, session: Session, chosen: Choices, status: int = 200, errors: dict[str, str] | None = None
) -> AnyResponse:
    notice = _("Saved.") if request.query_params.get("done") and not errors else None
    return page(
        request, "profile/preferences.html", status, viewer=guard.viewer_of(session), chosen=chosen,
        zones=time_zones.of_places(), at=clock.now(), notice=notice, errors=errors or {},
    )  # fmt: skip


handlers = [show_preferences, submit_preferences]
