"""Who may use the operator's API: an operator key, and support agents where reading is enough."""

from datetime import datetime

from twofold.audit import flow as audit
from twofold.kit.problems import problem
from twofold.kit.web.requests import AnyRequest, Turned, bearer, house_of, note_held
from twofold.provisioning import key_flow
from twofold.sessions import guard as sessions

KIND = "tf_operator_"


def operator(request: AnyRequest, at: datetime) -> audit.Actor:
    """Return the operator key that a call carries, as the one who acts.

    Raises:
        Turned: 401 for a key that is unknown or revoked, or no token at all; 403 for a session, whoever's it is.

    """
    actor = operator_key(request, at)
    if actor is None:
        sessions.caller(request, at)
        raise Turned(problem(403, "not_allowed"))
    return actor


def operator_key(request: AnyRequest, at: datetime) -> audit.Actor | None:
    """Return the operator key that a call carries, None when it carries something else, such as a session token.

    Raises:
        Turned: 401 for an operator key that is unknown or revoked.

    """
    token = bearer(request)
    if token is None or not token.startswith(KIND):
        return None
    key_id = key_flow.find_key(house_of(request).db, token, at)
    note_held(request, token, holds=key_id is not None)
    if key_id is None:
        raise Turned(problem(401, "not_signed_in", detail="This operator key is unknown or was revoked."))
    return audit.Actor("operator", key_id)


def operator_or_support(request: AnyRequest, at: datetime) -> audit.Actor:
    """Return who reads across accounts: an operator key or a support agent.

    Raises:
        Turned: 401 without either, 403 for anybody else's session.

    """
    actor = operator_key(request, at)
    if actor is not None:
        return actor
    session = sessions.caller(request, at)
    if not session.of_agent:
        raise Turned(problem(403, "not_allowed"))
    return audit.user(session.person.id)
