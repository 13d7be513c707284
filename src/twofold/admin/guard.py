"""Who may use the administrators' pages: administrators of an account, and over the API support agents as well."""

from datetime import datetime

from litestar.exceptions import NotFoundException

from twofold.directory.user import User
from twofold.kit.http.problems import problem
from twofold.kit.http.requests import AnyRequest, ShortCircuit
from twofold.sessions import guard
from twofold.sessions.session import Session


def administrator(request: AnyRequest, at: datetime) -> Session:
    """Return the session of an administrator's page; anybody else who is signed in gets 404.

    Raises:
        ShortCircuit: nobody is signed in, or a policy asks for a second factor first.
        NotFoundException: whoever is signed in is no administrator.

    """
    session = guard.signed_in(request, at)
    if session.user.role != "admin":
        raise NotFoundException
    return session


def overseer(request: AnyRequest, at: datetime) -> User:
    """Return the administrator or support agent who makes an API call.

    Raises:
        ShortCircuit: 401 without a session, 403 for anybody else's.

    """
    session = guard.caller(request, at)
    if not session.of_overseer:
        raise ShortCircuit(problem(403, "not_allowed"))
    return session.user


def calling_administrator(request: AnyRequest, at: datetime) -> Session:
    """Return the session of an administrator who makes an API call.

    Raises:
        ShortCircuit: 401 without a session, 403 for anybody else's.

    """
    session = guard.caller(request, at)
    if session.user.role != "admin":
        raise ShortCircuit(problem(403, "not_allowed"))
    return session
