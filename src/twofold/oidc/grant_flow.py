"""Grants and their tokens: handed out, rotated, checked and ended. A token never outlives the session it comes from."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.events import application_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto import bearer_sealed
from twofold.kit.crypto.tokens import digest, new_id
from twofold.oidc import authorization_records, grant_records, key_flow
from twofold.oidc.application import Application
from twofold.oidc.grant_records import Held, HeldRefresh
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session, holds

ACCESS_LIFE = timedelta(minutes=15)
JWT_LIFE = timedelta(minutes=5)  # whoever reads one may ask nobody whether it has ended
OPAQUE, REFRESH, NOTHING = "tf_access_", "tf_refresh_", b""
JWT_TYPE = "at+jwt"  # RFC 9068 section 2.1
SAME_SUCCESSOR = timedelta(seconds=10)  # two tabs that refresh at once both go on


class Issued(NamedTuple):
    """The tokens that an application is handed; where access tokens are to be JWTs, `access_token` is the `jti`."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime  # of the access token
    scope: str
    session: Session


class Replayed(NamedTuple):
    """A refresh token that was replaced some time ago: whoever sends it now, somebody has a copy of it."""

    grant_id: UUID


def begin(
    context: AppContext, connection: sa.Connection, session: Session, *, grant_id: UUID, application: Application,
    scope: str, at: datetime,
) -> Issued:  # fmt: skip
    """Store a grant of a session to an application, and its first tokens."""
    grant_records.store_grant(
        connection,
        {
            "id": grant_id,
            "application_id": application.id,
            "user_id": session.user.id,
            "account_id": session.user.account_id,
            "session_id": session.id,
            "scope": scope,
            "created_at": at,
            "expires_at": session.expires_at,
        },
    )
    refresh = None
    if "offline_access" in scope.split(" "):
        refresh = context.vault.new_token("refresh")
        _store_refresh(connection, session, grant_id, refresh)
    return _issue(context, connection, application, Held(grant_id, application.id, scope, at, session), refresh, at)


def refresh(
    context: AppContext, connection: sa.Connection, application: Application, token: str, found: HeldRefresh,
    scope: str, at: datetime,
) -> Issued | Replayed:  # fmt: skip
    """Replace a refresh token that was found by the next one; the same one again gets the same next one for a while."""
    held = found.held._replace(scope=scope)
    successor = context.vault.new_token("refresh")
    if found.replaced_at is None:
        sealed = bearer_sealed.seal(successor, token, _identity(token))
        if grant_records.replace(connection, digest(token), sealed, at):
            _store_refresh(connection, held.session, held.grant_id, successor)
            return _issue(context, connection, application, held, successor, at)
        again = grant_records.by_refresh(connection, digest(token), at)  # another request was quicker
        if again is None:
            return Replayed(held.grant_id)
        found = again
    given = _given_before(token, found, at)
    if given is None:
        return Replayed(held.grant_id)
    return _issue(context, connection, application, held, given, at)


def by_access(context: AppContext, token: str, at: datetime) -> Held | None:
    """Find what an access token gives, if it holds and nothing is asked of its user first: one statement."""
    token_hash = access_hash(context, token, at)
    with context.db.read() as connection:
        held = by_access_in(context, connection, token_hash, at)
    return None if held is None or sessions.must_set_up(context.settings, held.session, at) else held


def access_hash(context: AppContext, token: str, at: datetime) -> bytes:
    """Return under what an access token is kept: an opaque one by itself, a JWT that we signed by its `jti`.

    Anything else is kept under nothing: what a `jti` is kept under anybody can work out.
    """
    if token.startswith(OPAQUE):
        return digest(token)
    claims = key_flow.verify(context, token, at, typ=JWT_TYPE) if "." in token else None
    return NOTHING if claims is None else _hash_of_jti(str(claims["jti"]))


def by_access_in(context: AppContext, connection: sa.Connection, token_hash: bytes, at: datetime) -> Held | None:
    """Find an access token that holds, whatever is asked of its user first: to end it, say."""
    return _holding(context, grant_records.by_access(connection, token_hash, at), at)


def by_refresh(context: AppContext, connection: sa.Connection, token: str, at: datetime) -> HeldRefresh | None:
    """Find a refresh token, also one that was replaced, if its session holds."""
    found = grant_records.by_refresh(connection, digest(token), at)
    return found if found is not None and _holding(context, found.held, at) is not None else None


def end(connection: sa.Connection, grant_id: UUID, why: str, *, origin: Origin) -> None:
    """End a grant with all of its tokens; `why` is `code_reused`, `refresh_token_reused` or `revoked`."""
    ended = grant_records.revoke(connection, grant_id, origin.at)
    if ended is None:
        return
    audit.record(
        connection, application_kinds.ApplicationGrantEnded(application=str(ended.application_id), why=why),
        origin=origin.by(acting.SYSTEM), account_id=ended.account_id, subject_id=ended.user_id,
    )  # fmt: skip


def drop_access(connection: sa.Connection, token_hash: bytes) -> None:
    """End one access token alone."""
    grant_records.drop_access(connection, token_hash)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete requests, codes, grants and tokens that are over; for the clean-up."""
    return authorization_records.forget_over(connection, at) + grant_records.forget_over(connection, at)


def _issue(
    context: AppContext, connection: sa.Connection, application: Application, held: Held, refresh_token: str | None,
    at: datetime,
) -> Issued:  # fmt: skip
    session, is_jwt = held.session, application.jwt_access_tokens
    token = str(new_id()) if is_jwt else context.vault.new_token("access")
    expires_at = min(at + (JWT_LIFE if is_jwt else ACCESS_LIFE), session.expires_at)
    grant_records.store_access(
        connection,
        {
            "token_hash": _hash_of_jti(token) if is_jwt else digest(token),
            "grant_id": held.grant_id,
            "user_id": session.user.id,
            "account_id": session.user.account_id,
            "scope": held.scope,
            "expires_at": expires_at,
        },
    )
    return Issued(token, refresh_token, expires_at, held.scope, session)


def _hash_of_jti(jti: str) -> bytes:
    """Return under what a JWT is kept; only one that we signed is looked for there."""
    return digest(f"jti:{jti}")


def _store_refresh(connection: sa.Connection, session: Session, grant_id: UUID, token: str) -> None:
    grant_records.store_refresh(
        connection,
        {
            "token_hash": digest(token),
            "grant_id": grant_id,
            "user_id": session.user.id,
            "account_id": session.user.account_id,
            "expires_at": session.expires_at,
        },
    )


def _given_before(token: str, found: HeldRefresh, at: datetime) -> str | None:
    """Return the successor that a replaced token got, to its bearer, while that is not long ago."""
    if found.replaced_at is None or found.successor is None or at - found.replaced_at > SAME_SUCCESSOR:
        return None
    return bearer_sealed.read(found.successor, token, _identity(token))


def _holding(context: AppContext, held: Held | None, at: datetime) -> Held | None:
    return held if held is not None and holds(held.session, context.settings.session_idle, at) else None


def _identity(token: str) -> str:
    return f"refresh_tokens.successor:{digest(token).hex()}"
