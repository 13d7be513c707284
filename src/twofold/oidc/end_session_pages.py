"""Where an application sends people who sign out of it, so that they are signed out here as well."""

from typing import assert_never

from litestar import get, post

from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.machine import FROM_ELSEWHERE
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import (
    AnyRequest,
    AnyResponse,
    client_info_of,
    context_of,
    forget_cookie,
)
from twofold.kit.words import gettext as _
from twofold.oidc import end_session_flow
from twofold.oidc.application import Application
from twofold.oidc.end_session_flow import NotInOrder, Wished
from twofold.oidc.query_views import as_query
from twofold.oidc.request import Parameters, read
from twofold.sessions import flow as sessions
from twofold.sessions import guard
from twofold.sessions.guard import Viewer

END_SESSION = "/oidc/end-session"
SIGNED_OUT = "/sign-in?signed_out=1"


@get(END_SESSION)
@quick
def end_session(request: AnyRequest) -> AnyResponse:
    """Sign out whom the ID token of this session names; ask everybody else who is signed in."""
    at, parameters = clock.now(), read(request.scope["query_string"].decode("latin-1"))
    wished = end_session_flow.read(context_of(request), parameters, at)
    match wished:
        case NotInOrder(field):
            return _not_in_order(request, field)
        case Wished(application, address):
            session = guard.session_of_page(request, at)
            if session is not None and not wished.names(session):
                return _asked(request, application, parameters, guard.viewer_of(session))
            if session is not None:
                sessions.sign_out(context_of(request).db, session, origin=Origin(at, client_info_of(request)))
            return see_other(address or SIGNED_OUT, [forget_cookie(context_of(request).settings, "session")])
        case _:
            assert_never(wished)


@post(END_SESSION, opt=FROM_ELSEWHERE)
@quick
def end_session_by_form(request: AnyRequest, body: bytes) -> AnyResponse:
    """Go on as if it had been a query: with a form of another site browsers send no cookie that says who this is."""
    return see_other(f"{END_SESSION}?{as_query(request, body)}")


@post("/oidc/end-session/confirm")
@quick
def confirm(request: AnyRequest, body: bytes) -> AnyResponse:
    """Sign out whoever said so on our own page, and lead on."""
    at, context = clock.now(), context_of(request)
    wished = end_session_flow.read(context, read(as_query(request, body)), at)
    match wished:
        case NotInOrder(field):
            return _not_in_order(request, field)
        case Wished(application, address):
            session = guard.session_of_page(request, at)
            if session is not None:
                sessions.sign_out(context.db, session, origin=Origin(at, client_info_of(request)))
            gone = [forget_cookie(context.settings, "session")]
            if address is None or application is None:
                return see_other(SIGNED_OUT, gone)
            return page(request, "oidc/signed_out.html", name=application.name, address=address, cookies=gone)
        case _:
            assert_never(wished)


def _asked(
    request: AnyRequest, application: Application | None, parameters: Parameters | None, viewer: Viewer
) -> AnyResponse:
    name = "" if application is None else application.name
    fields = {} if parameters is None else parameters.values
    return page(request, "oidc/sign_out.html", name=name, fields=fields, viewer=viewer)


def _not_in_order(request: AnyRequest, field: str) -> AnyResponse:
    what = _("What the application sent with you is not valid (%(field)s), so nobody was signed out.")
    return problem_page(
        request, 400, _("You were not signed out"), what % {"field": field},
        _("Sign out in your profile, and tell the people who run the application."),
        ("/profile", _("Go to your profile")),
    )  # fmt: skip


handlers = [end_session, end_session_by_form, confirm]
