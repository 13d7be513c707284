"""Who may use the operator's API: an operator key, and support agents where reading is enough."""

from datetime import datetime

from twofold.kit import acting
from twofold.kit.http.problems import problem
from twofold.kit.http.requests import AnyRequest, ShortCircuit, bearer, context_of, note_held
from twofold.provisioning import key_flow
from twofold.sessions import guard as sessions

KIND = "tf_operator_"


def operator(request: AnyRequest, at: datetime) -> acting.Actor:
    """Return the operator key that a call carries, as the one who acts.

    Raises:
        ShortCircuit: 401 for a key that is unknown or revoked, or no token at all; 403 for a session, whoever's it is.

    """
    actor = operator_key(request, at)
    if actor is None:
        sessions.caller(request, at)
        raise ShortCircuit(problem(403, "not_allowed"))
    return actor


def operator_key(request: AnyRequest, at: datetime) -> acting.Actor | None:
    """Return the operator key that a call carries, None when it carries something else, such as a session token.

    Raises:
        ShortCircuit: 401 for an operator key that is unknown or revoked.

    """
    token = bearer(request)
    if token is None or not token.startswith(KIND):
        return None
    key_id = key_flow.find_key(context_of(request).db, token, at)
    note_held(request, token, holds=key_id is not None)
    if key_id is None:
        raise ShortCircuit(problem(401, "not_signed_in", detail="This operator key is unknown or was revoked."))
    return acting.Actor("operator", key_id)


def operator_or_support(request: AnyRequest, at: datetime) -> acting.Actor:
    """Return who reads across accounts: an operator key or a support agent.

    Raises:
        ShortCircuit: 401 without either, 403 for anybody else's session.

    """
    actor = operator_key(request, at)
    if actor is not None:
        return actor
    session = sessions.caller(request, at)
    if not session.of_agent:
        raise ShortCircuit(problem(403, "not_allowed"))
    return acting.user(session.user.id)
