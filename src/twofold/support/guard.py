"""Who may use the support pages: agents who have proved a second factor. Anybody else who is signed in gets 404."""

from datetime import datetime

from litestar.exceptions import NotFoundException

from twofold.kit.http.requests import AnyRequest
from twofold.sessions import guard
from twofold.sessions.session import Session


def agent(request: AnyRequest, at: datetime) -> Session:
    """Return the session of a support agent's page.

    Raises:
        ShortCircuit: nobody is signed in, or an agent must set up a second factor first.
        NotFoundException: whoever is signed in is no support agent, or proved no second factor in this session.

    """
    session = guard.signed_in(request, at)
    if not session.of_agent:
        raise NotFoundException
    return session
