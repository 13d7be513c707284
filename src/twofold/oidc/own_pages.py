"""The page of one's own applications, and the way to it."""

from typing import Any

from litestar import get, post

from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, forget_cookie, row_id
from twofold.kit.words import gettext as _
from twofold.oidc import own_flow, scope_words
from twofold.oidc.own_flow import OwnApplication
from twofold.sessions import flow as sessions
from twofold.sessions import guard

APPLICATIONS = "/applications"
SEARCH_FROM = 12  # so many are looked through at a glance


@get("/")
@quick
def home(request: AnyRequest) -> AnyResponse:
    """Lead to where people belong: their applications, the operator's product, or the profile."""
    context, session = context_of(request), guard.session_of_page(request, clock.now())
    if session is not None and own_flow.list_own(context, session):
        return see_other(APPLICATIONS)
    return see_other(guard.home(context.settings))


@get(APPLICATIONS)
@quick
def show_applications(request: AnyRequest) -> AnyResponse:
    """Show what somebody can open, and what each application may see of them."""
    session = guard.signed_in(request, clock.now())
    listed, search = own_flow.list_own(context_of(request), session), request.query_params.get("q", "").strip()
    found = [own for own in listed if search.casefold() in own.name.casefold()]
    notice = _("Access removed. If you use that application again, you sign in to it again.")
    return page(
        request, "oidc/applications.html", viewer=guard.viewer_of(session), search=search,
        searchable=len(listed) >= SEARCH_FROM, applications=[_view(own) for own in found],
        notice=notice if request.query_params.get("done") else None,
    )  # fmt: skip


@post("/applications/{application:str}/remove-access")
@quick
def remove_access(request: AnyRequest, application: str) -> AnyResponse:
    """End what an application may see of somebody; where that is nothing, it stays so."""
    at = clock.now()
    session, wanted = guard.signed_in(request, at), row_id(application)
    if wanted is not None:
        own_flow.revoke(context_of(request), session, wanted, origin=Origin(at, client_info_of(request)))
    return see_other(f"{APPLICATIONS}?done=1")


@post("/applications/sign-out-everywhere")
@quick
def sign_out_everywhere(request: AnyRequest) -> AnyResponse:
    """End every session of somebody, and with them all that applications hold."""
    at, context = clock.now(), context_of(request)
    session, origin = guard.signed_in(request, at), Origin(at, client_info_of(request))
    sessions.end_others(context.db, session, origin=origin)
    sessions.sign_out(context.db, session, origin=origin)
    return see_other("/sign-in?signed_out=1", [forget_cookie(context.settings, "session")])


def _view(own: OwnApplication) -> dict[str, Any]:
    return {**own._asdict(), "sees": scope_words.of_scope(own.scope)}


handlers = [home, show_applications, remove_access, sign_out_everywhere]
