"""Who may pass: the session of a request, or the answer that refuses it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from twofold.kit.crypto.tokens import new_token
from twofold.kit.http.problems import problem
from twofold.kit.http.render import problem_page, see_other
from twofold.kit.http.requests import (
    AnyRequest,
    AnyResponse,
    ShortCircuit,
    bearer,
    client_info_of,
    context_of,
    cookie,
    local_path,
    note_held,
    note_user,
    row_id,
    set_cookie,
    whole_path,
)
from twofold.kit.words import gettext as _
from twofold.sessions import destination_flow, ending_flow, flow
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import authenticated_at, second_factor_at
from twofold.sessions.session import Session
from twofold.settings import Settings

PROFILE = "/profile"
STEP_UP = "/sign-in/step-up"


class Viewer(NamedTuple):
    """What the pages' header shows of whoever is signed in."""

    name: str
    email: str
    role: str
    account_name: str
    is_admin: bool
    is_support: bool


def viewer_of(session: Session) -> Viewer:
    """Return what the header shows of a session's user."""
    user = session.user
    return Viewer(user.name, user.email, user.role, user.account_name, user.role == "admin", user.role == "support")


def signed_in(request: AnyRequest, at: datetime, otherwise: AnyResponse | None = None) -> Session:
    """Return the session of a page request; `otherwise` is the answer to nobody where they are not to come back here.

    Raises:
        ShortCircuit: nobody is signed in (on to the sign-in page), or a policy asks for a second factor first.

    """
    session = session_of_page(request, at)
    if session is None and otherwise is not None:
        raise ShortCircuit(otherwise)
    if session is None:
        raise ShortCircuit(led_back("/sign-in", request, at))
    if stepped_down(request, session, at):
        raise ShortCircuit(see_other("/sign-in/set-up"))
    return session


def home(settings: Settings) -> str:
    """Return where a sign-in leads that nobody asked for."""
    return settings.home_url or PROFILE


def led_back(first: str, request: AnyRequest, at: datetime) -> AnyResponse:
    """Lead to a page where something is to be proved `first`, and then on to what this request asked for.

    Where that was is kept for this browser alone (destination_flow.py); the address names it by a handle.
    """
    path = local_path(whole_path(request)) if request.method == "GET" else ""
    if path in ("", home(context_of(request).settings)):
        return see_other(first)
    context = context_of(request)
    browser = cookie(request, "destinations") or new_token("destinations")
    address = client_info_of(request).address
    handle = destination_flow.keep(context.db, path, browser=browser, address=address, at=at)
    if handle is None:
        return see_other(first)
    own = set_cookie(context.settings, "destinations", browser)
    return see_other(with_handle(first, str(handle)), [own])


def with_handle(first: str, handle: str) -> str:
    """Return the address of a page that leads on to where a handle stands for; an empty handle for nowhere."""
    return f"{first}{'&' if '?' in first else '?'}return_to={handle}" if handle else first


def proved_within(request: AnyRequest, session: Session, life: timedelta, at: datetime, *, second: bool) -> Session:
    """Return the session of a page request in which the password was proved within `life`; or a `second` factor.

    Raises:
        ShortCircuit: it was not: on to the page where it is, which leads back; 403 where there is no second factor.

    """
    if second and not session.user.has_second_factor:
        what = _("This page asks for a second factor, and you have none.")
        todo = _("Set up two-factor authentication in your profile first.")
        link = (PROFILE, _("Back to your profile"))
        raise ShortCircuit(problem_page(request, 403, _("Not available"), what, todo, link))
    proved = second_factor_at(session.methods) if second else authenticated_at(session.methods)
    if proved is not None and at - proved < life:
        return session
    raise ShortCircuit(led_back(f"{STEP_UP}?needs={'code' if second else 'password'}", request, at))


def destination(request: AnyRequest, handle: str, at: datetime) -> str:
    """Return the path of a handle, if this browser began there; else an empty string."""
    wanted, browser = row_id(handle), cookie(request, "destinations")
    if wanted is None or browser is None:
        return ""
    return destination_flow.find(context_of(request).db, wanted, browser=browser, at=at)


def session_of_page(request: AnyRequest, at: datetime) -> Session | None:
    """Return the session of the browser's cookie, stepped down or not, if there is one."""
    return _find(request, cookie(request, "session"), at)


def why_ended(request: AnyRequest, at: datetime) -> EndReason | None:
    """Say why the session ended whose token this browser still has; None where it ended by time, or where none did."""
    token = cookie(request, "session")
    return None if token is None else ending_flow.reason_of(context_of(request).db, token, at)


def caller(request: AnyRequest, at: datetime, *, even_stepped_down: bool = False) -> Session:
    """Return the session of an API call; only its bearer token counts, never a cookie.

    Raises:
        ShortCircuit: 401 without a session, 403 when a policy asks for a second factor first.

    """
    session = _find(request, bearer(request), at)
    if session is None:
        raise ShortCircuit(problem(401, "not_signed_in"))
    if not even_stepped_down and stepped_down(request, session, at):
        raise ShortCircuit(problem(403, "two_factor_required"))
    return session


def stepped_down(request: AnyRequest, session: Session, at: datetime) -> bool:
    """Tell whether this user must set up a second factor before anything else."""
    return flow.must_set_up(context_of(request).settings, session, at)


def _find(request: AnyRequest, token: str | None, at: datetime) -> Session | None:
    if token is None:
        return None
    context = context_of(request)
    session = flow.find(context.db, context.settings, token, at)
    note_held(request, token, holds=session is not None)
    if session is not None:
        note_user(request, session.user.id)
    return session
