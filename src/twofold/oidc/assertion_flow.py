"""Who an application with keys is: proved by an assertion that it signed, once (`private_key_jwt`, RFC 7523)."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import extract_compact

from twofold.kit import outbound
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.kit.crypto.vault import Vault
from twofold.oidc import application_flow, client_keys
from twofold.oidc import assertion_records as records
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient
from twofold.oidc.assertion import Proof, proof_of

READ_EVERY = timedelta(minutes=5)  # and sooner for a key that is not known
TRY_EVERY = timedelta(seconds=30)
KEPT = timedelta(hours=1)  # keys that can be read no more are believed for so long
SECONDS = 3.0  # for an application to hand out its keys
KNOWN_AFTERWARDS = timedelta(hours=1)  # another node's clock may be behind

log = structlog.get_logger("twofold.oidc")


class _Named(NamedTuple):
    """What an assertion says of itself before anybody has verified it: whose it is, and signed with which key."""

    client_id: str
    kid: str | None


@dataclass
class _Source:
    """What a process knows of the keys at an address."""

    lock: Lock = field(default_factory=Lock)
    tried_at: datetime | None = None
    read_at: datetime | None = None
    text: str = ""


_sources: WeakKeyDictionary[Vault, dict[str, _Source]] = WeakKeyDictionary()  # a process has one vault


def authenticate(context: AppContext, given: str, client_id: str, at: datetime) -> Application | BadClient:
    """Find the application that signed an assertion; `client_id` is what it says beside, or empty."""
    named = _named_in(given)
    if named is None or client_id not in ("", named.client_id):
        return BadClient()
    application = application_flow.find(context.db, named.client_id)
    if application is None or not application.registration.has_keys:
        return BadClient()
    proof = _verified(context, application, given, named, at)
    if proof is None:
        return BadClient()
    with context.db.write() as connection:
        first = records.use(connection, digest(f"{application.id}:{proof.jti}"), proof.expires_at)
    return application if first else BadClient()


def audiences(issuer: str) -> tuple[str, ...]:
    """Return whom an assertion may be for: the issuer, or an endpoint that takes one (RFC 7523, RFC 9126)."""
    return (issuer, *(f"{issuer}/oidc/{endpoint}" for endpoint in ("token", "par", "introspect", "revoke")))


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete assertions that were over an hour ago; for the clean-up."""
    return records.forget_over(connection, at - KNOWN_AFTERWARDS)


def _named_in(given: str) -> _Named | None:
    try:
        read = extract_compact(given.encode())
        kid, subject = read.headers().get("kid"), json.loads(read.payload)["sub"]
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return _Named(subject, kid if isinstance(kid, str) else None) if isinstance(subject, str) else None


def _verified(context: AppContext, application: Application, given: str, named: _Named, at: datetime) -> Proof | None:
    """Hold an assertion against each key that may have signed it, and then its claims against what is asked of them."""
    algorithm = application.assertion_algorithm
    for entry in _keys_of(context, application, named.kid, at):
        if named.kid is not None and entry.get("kid", named.kid) != named.kid:
            continue
        try:
            key = RSAKey.import_key(entry) if algorithm == "RS256" else ECKey.import_key(entry)
            claims = jwt.decode(given, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError):
            continue
        ours = audiences(context.settings.base_url)
        return proof_of(claims, client_id=named.client_id, audiences=ours, at=at)
    return None


def _keys_of(context: AppContext, application: Application, kid: str | None, at: datetime) -> list[dict[str, Any]]:
    algorithm = application.assertion_algorithm
    if application.jwks_uri is None:
        return client_keys.read_keys(application.jwks or "", algorithm)
    source = _sources.setdefault(context.vault, {}).setdefault(application.jwks_uri, _Source())
    if _is_due(source, algorithm, kid, at):
        with source.lock:
            if _is_due(source, algorithm, kid, at):
                _read(context, application.jwks_uri, source, at)
    if source.read_at is None or at - source.read_at > KEPT:
        return []
    return client_keys.read_keys(source.text, algorithm)


def _is_due(source: _Source, algorithm: str, kid: str | None, at: datetime) -> bool:
    """Tell whether to read keys: they are old, or a key is not among them; not too often, whoever asks."""
    if source.tried_at is not None and abs(at - source.tried_at) < TRY_EVERY:
        return False
    if source.read_at is None or abs(at - source.read_at) >= READ_EVERY:
        return True
    return kid is not None and all(key.get("kid") != kid for key in client_keys.read_keys(source.text, algorithm))


def _read(context: AppContext, address: str, source: _Source, at: datetime) -> None:
    try:
        body = outbound.get(
            address, allowed=context.settings.logout_networks, seconds=SECONDS, most=client_keys.MOST_BYTES
        )
        source.text, source.read_at = body.decode(), at
    except (outbound.NotSent, UnicodeError) as error:
        log.warning("the keys of an application could not be read", address=address, why=str(error))
    source.tried_at = at
