"""Signing out at the wish of an application (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from twofold.kit.context import AppContext
from twofold.oidc import application_flow, key_flow
from twofold.oidc.answer import with_query
from twofold.oidc.application import Application
from twofold.oidc.request import LONGEST, Parameters
from twofold.sessions.session import Session


class Wished(NamedTuple):
    """A wish in order: who wishes it, where the browser goes then, and the session that its ID token names."""

    application: Application | None
    address: str | None
    sid: str | None
    subject: str | None

    def names(self, session: Session) -> bool:
        """Tell whether the ID token is one of this session: then nobody is asked."""
        return self.sid == str(session.id) and self.subject == str(session.user.id)


class NotInOrder(NamedTuple):
    """Nothing is ended, and nobody is led anywhere; the parameter that is wrong."""

    field: str


def read(context: AppContext, parameters: Parameters | None, at: datetime) -> Wished | NotInOrder:
    """Read a wish; where the browser is led then has to be an address of the application, letter by letter."""
    if parameters is None or parameters.doubled:
        return NotInOrder("query")
    values = parameters.values
    hint = _hint(context, values.get("id_token_hint"), at)
    if hint is None:
        return NotInOrder("id_token_hint")
    client_id, audience = values.get("client_id"), hint.get("aud")
    if client_id is not None and audience not in (None, client_id):
        return NotInOrder("client_id")
    named = client_id or audience
    application = application_flow.find(context.db, named) if isinstance(named, str) else None
    if client_id is not None and application is None:
        return NotInOrder("client_id")
    uri, state = values.get("post_logout_redirect_uri"), values.get("state", "")
    if uri is not None and (application is None or uri not in application.post_logout_redirect_uris):
        return NotInOrder("post_logout_redirect_uri")
    if len(state) > LONGEST:
        return NotInOrder("state")
    address = None if uri is None else with_query(uri, {"state": state} if state else {})
    return Wished(application, address, _text(hint.get("sid")), _text(hint.get("sub")))


def _hint(context: AppContext, token: str | None, at: datetime) -> Mapping[str, Any] | None:
    """Return the claims of an ID token of ours, expired or not; none for none, None for anything else."""
    return {} if token is None else key_flow.verify(context, token, at)


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None
