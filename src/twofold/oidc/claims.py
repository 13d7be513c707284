"""What tokens and userinfo say of whoever signed in: read from the session, never more than was proved. Pure."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from twofold.directory.user import User
from twofold.sessions.methods import acr, amr, authenticated_at
from twofold.sessions.session import Session

ID_TOKEN_LIFE = timedelta(minutes=10)
LOGOUT_TOKEN_LIFE = timedelta(minutes=2)  # as OpenID Connect Back-Channel Logout 1.0 section 2.4 recommends
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def id_token(
    session: Session, application_id: UUID, *, issuer: str, nonce: str | None, access_token: str, at: datetime
) -> dict[str, Any]:
    """Return the claims of an ID token (OpenID Connect Core sections 2 and 3.1.3.6)."""
    return {
        "iss": issuer,
        "sub": str(session.user.id),
        "aud": str(application_id),
        "azp": str(application_id),
        "iat": seconds(at),
        "exp": seconds(at + ID_TOKEN_LIFE),
        **authentication(session),
        **({} if nonce is None else {"nonce": nonce}),
        "at_hash": _half_hash(access_token),
    }


def access_token(
    session: Session,
    application_id: UUID,
    *,
    issuer: str,
    scope: str,
    token_id: str,
    at: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    """Return the claims of an access token that is a JWT (RFC 9068 section 2.2); its audience is the application."""
    return {
        "iss": issuer,
        "sub": str(session.user.id),
        "aud": str(application_id),
        "client_id": str(application_id),
        "iat": seconds(at),
        "exp": seconds(expires_at),
        "jti": token_id,
        "scope": scope,
        **authentication(session),
    }


def authentication(session: Session) -> dict[str, Any]:
    """Return what was proved in a session, and when."""
    return {
        "sid": str(session.id),
        "auth_time": seconds(authenticated_at(session.methods)),
        "acr": acr(session.methods),
        "amr": amr(session.methods),
    }


def userinfo(user: User, scope: str, *, locale: str | None = None, zone: str | None = None) -> dict[str, Any]:
    """Return what the scopes of a token allow to say of a user (OpenID Connect Core section 5.4)."""
    scopes = scope.split(" ")
    told: dict[str, Any] = {"sub": str(user.id)}
    if "profile" in scopes:
        known = {"name": user.name, "locale": locale, "zoneinfo": zone}
        told |= {name: value for name, value in known.items() if value is not None}
    if "email" in scopes:
        # Nobody gives an address themselves: it is invited, which proves the mailbox, or the operator answers for it.
        told |= {"email": user.email, "email_verified": True}
    if "account" in scopes:
        told |= {
            "account_id": str(user.account_id),
            "account_name": user.account_name,
            "edition": user.edition,
            "role": user.role,
            "licensed": user.licensed,
        }
    return told


def introspection(
    session: Session, application_id: UUID, *, issuer: str, scope: str, kind: str, expires_at: datetime
) -> dict[str, Any]:
    """Return what is told of a token that holds (RFC 7662 section 2.2, RFC 9470 section 6.2)."""
    return {
        "active": True,
        "iss": issuer,
        "sub": str(session.user.id),
        "client_id": str(application_id),
        "scope": scope,
        "token_type": kind,
        "exp": seconds(expires_at),
        "account_id": str(session.user.account_id),
        **authentication(session),
    }


def logout_token(
    *, issuer: str, application_id: UUID, user_id: UUID, session_id: UUID, token_id: UUID, at: datetime
) -> Mapping[str, Any]:
    """Return the claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4)."""
    return {
        "iss": issuer,
        "sub": str(user_id),
        "aud": str(application_id),
        "iat": seconds(at),
        "exp": seconds(at + LOGOUT_TOKEN_LIFE),
        "jti": str(token_id),
        "sid": str(session_id),
        "events": {LOGOUT_EVENT: {}},
    }


def challenge_of(verifier: str | None) -> str | None:
    """Return the challenge (S256) that a verifier answers (RFC 7636 section 4.6); None for none."""
    return None if verifier is None else _base64url(hashlib.sha256(verifier.encode()).digest())


def seconds(at: datetime) -> int:
    """Return a moment as tokens say it: whole seconds since 1970."""
    return int(at.timestamp())


def _half_hash(token: str) -> str:
    """Return `at_hash`: the left half of the SHA-256, as both RS256 and ES256 have it."""
    return _base64url(hashlib.sha256(token.encode()).digest()[:16])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
