"""Requests that an application pushes by itself, so that a browser carries only their name (RFC 9126)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto import bearer_sealed
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.network import network_of
from twofold.oidc import application_flow, authorize_flow
from twofold.oidc import authorization_records as records
from twofold.oidc.application import Application
from twofold.oidc.authorize_flow import MOST, MOST_OF_A_NETWORK, Asked
from twofold.oidc.request import AuthorizationRequest, Parameters, Refused, return_address

NAMES = "urn:ietf:params:oauth:request_uri:"  # section 2.2
LIFE = timedelta(seconds=60)
PROOFS = ("client_secret", "client_assertion", "client_assertion_type")  # who asks, and not what


class Pushed(NamedTuple):
    """The name of a request that was kept, and for how long."""

    request_uri: str
    seconds: int


class NoRoom(msgspec.Struct, frozen=True):
    """Too many wait already, of this application or of its network."""


def push(
    context: AppContext, application: Application, form: Mapping[str, str], *, origin: Origin
) -> Pushed | Refused | NoRoom:
    """Check a request of an application that has proved to be it, and keep it for a minute (section 2.1)."""
    if "request_uri" in form:
        return Refused("invalid_request", "A request that is pushed has no request_uri.")
    asks = {name: value for name, value in form.items() if value and name not in PROOFS}
    parameters = Parameters(asks, frozenset())
    uri = return_address(parameters, application)
    if uri is None:
        return Refused("invalid_request", "redirect_uri is missing, or not one of the application.")
    asked = authorize_flow.checked(context, parameters, application, uri, origin.at)
    return asked if isinstance(asked, Refused) else _kept(context, application, asked, origin)


def is_pushed(parameters: Parameters) -> bool:
    """Tell whether a browser brings the name of a request in place of the request."""
    return parameters.values.get("request_uri", "").startswith(NAMES)


def take(context: AppContext, parameters: Parameters, at: datetime) -> Asked | None:
    """Return the request that was pushed under a name, once, to the application that pushed it (section 4).

    What else the browser brings counts for nothing: nobody vouches for it (RFC 9101 section 6.3).
    """
    pushed, _, token = parameters.values["request_uri"].removeprefix(NAMES).partition(".")
    application = application_flow.find(context.db, parameters.values.get("client_id", ""))
    try:
        named = UUID(pushed)
    except ValueError:
        return None
    if application is None:
        return None
    with context.db.write(durable=False) as connection:
        sealed = records.take_pushed(connection, named, digest(token), at)
    text = None if sealed is None else bearer_sealed.read(sealed, token, _identity(named, application.id))
    return None if text is None else Asked(msgspec.json.decode(text, type=AuthorizationRequest), application)


def _kept(
    context: AppContext, application: Application, asked: AuthorizationRequest, origin: Origin
) -> Pushed | NoRoom:
    pushed, token = new_id(), context.vault.new_token("request")
    sealed = bearer_sealed.seal(msgspec.json.encode(asked).decode(), token, _identity(pushed, application.id))
    values = {
        "id": pushed,
        "browser": digest(token),
        "network": network_of(origin.client.address) if application.public else str(application.id),
        "sealed": sealed,
        "expires_at": origin.at + LIFE,
    }
    with context.db.write(durable=False) as connection:
        stored = records.keep(connection, values, of_network=MOST_OF_A_NETWORK, in_all=MOST)
        if not stored and records.forget_over(connection, origin.at):
            stored = records.keep(connection, values, of_network=MOST_OF_A_NETWORK, in_all=MOST)
    return Pushed(f"{NAMES}{pushed}.{token}", int(LIFE.total_seconds())) if stored else NoRoom()


def _identity(pushed: UUID, application_id: UUID) -> str:
    """Name the row and the application: under another client_id it opens as little as in another row."""
    return f"authorizations.sealed:pushed:{pushed}:{application_id}"
