"""Who may use the administrator's room: administrators of an account, and over the API support agents as well."""

from datetime import datetime

from litestar.exceptions import NotFoundException

from twofold.directory.person import Person
from twofold.kit.problems import problem
from twofold.kit.web.requests import AnyRequest, Turned
from twofold.sessions import guard
from twofold.sessions.session import Session


def administrator(request: AnyRequest, at: datetime) -> Session:
    """Return the session of an administrator's page; for anybody else there is no such page.

    Raises:
        Turned: nobody is signed in, or a policy asks for a second factor first.
        NotFoundException: whoever is signed in is no administrator.

    """
    session = guard.signed_in(request, at)
    if session.person.role != "admin":
        raise NotFoundException
    return session


def overseer(request: AnyRequest, at: datetime) -> Person:
    """Return the administrator or support agent who makes an API call.

    Raises:
        Turned: 401 without a session, 403 for anybody else's.

    """
    session = guard.caller(request, at)
    if not session.of_overseer:
        raise Turned(problem(403, "not_allowed"))
    return session.person


def calling_administrator(request: AnyRequest, at: datetime) -> Session:
    """Return the session of an administrator who makes an API call.

    Raises:
        Turned: 401 without a session, 403 for anybody else's.

    """
    session = guard.caller(request, at)
    if session.person.role != "admin":
        raise Turned(problem(403, "not_allowed"))
    return session
