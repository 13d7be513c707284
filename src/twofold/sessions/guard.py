"""Who may pass: the session of a request, or the answer that refuses it."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from twofold.kit.http.problems import problem
from twofold.kit.http.render import see_other
from twofold.kit.http.requests import (
    AnyRequest,
    ShortCircuit,
    bearer,
    context_of,
    cookie,
    forget_cookie,
    local_path,
    note_held,
)
from twofold.sessions import flow
from twofold.sessions.session import Session


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


def signed_in(request: AnyRequest, at: datetime) -> Session:
    """Return the session of a page request.

    Raises:
        ShortCircuit: nobody is signed in (on to the sign-in page), or a policy asks for a second factor first.

    """
    session = session_of_page(request, at)
    if session is None:
        back = local_path(request.scope["path"]) if request.method == "GET" else ""
        gone = [forget_cookie(context_of(request).settings, "session")] if cookie(request, "session") else []
        raise ShortCircuit(see_other(f"/sign-in?return_to={quote(back)}" if back else "/sign-in", gone))
    if stepped_down(request, session, at):
        raise ShortCircuit(see_other("/sign-in/set-up"))
    return session


def session_of_page(request: AnyRequest, at: datetime) -> Session | None:
    """Return the session of the browser's cookie, stepped down or not, if there is one."""
    return _find(request, cookie(request, "session"), at)


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
    user, editions = session.user, context_of(request).settings.two_factor_editions
    return not user.has_second_factor and user.eligibility(editions, at).required


def _find(request: AnyRequest, token: str | None, at: datetime) -> Session | None:
    if token is None:
        return None
    context = context_of(request)
    session = flow.find(context.db, context.settings, token, at)
    note_held(request, token, holds=session is not None)
    return session
