"""What applications do with codes and tokens: exchange, refresh, ask about, revoke (RFC 6749, RFC 7009, RFC 7662)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import preference_flow
from twofold.events import application_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.oidc import authorization_records, claims, consent_flow, grant_flow, key_flow
from twofold.oidc.application import Application
from twofold.oidc.grant_flow import Issued, Replayed
from twofold.oidc.request import Refused
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session, holds

_BAD_CODE = Refused("invalid_grant", "The code is unknown, used, older than a minute, or not for this request.")
_BAD_REFRESH = Refused("invalid_grant", "The refresh token is unknown, used or over, or its session has ended.")


class Code(NamedTuple):
    """A code, and what has to come with it."""

    code: str
    redirect_uri: str
    verifier: str | None


class Tokens(NamedTuple):
    """What an application is handed; `seconds` is how long the access token lives."""

    issued: Issued
    id_token: str
    seconds: int


def exchange(
    context: AppContext, application: Application, given: Code, *, origin: Origin, session: Session | None = None
) -> Tokens | Refused:
    """Exchange a code for tokens, once; a second use ends what the first one gave (RFC 6749 section 4.1.2).

    `session` is that of the code, where it was read with the application.
    """
    at, grant_id = origin.at, new_id()
    with context.db.write() as connection:
        redeemed = authorization_records.redeem(
            connection, code_hash=digest(given.code), application_id=application.id, redirect_uri=given.redirect_uri,
            answered=claims.challenge_of(given.verifier), grant_id=grant_id, at=at,
        )  # fmt: skip
        if redeemed is None:
            _end_if_used(connection, application, given.code, origin)
            return _BAD_CODE
        if session is None or session.id != redeemed.session_id:
            session = sessions.find_by_id(context, connection, redeemed.session_id, at)
        if session is None or not holds(session, context.settings.session_idle, at):
            return _BAD_CODE
        if not _may_use(context, application, session, at):
            return _BAD_CODE
        if not consent_flow.note_use(connection, application, session, redeemed.scope, at):
            return _BAD_CODE
        issued = grant_flow.begin(
            context, connection, session, grant_id=grant_id, application=application, scope=redeemed.scope, at=at
        )
        audit.record(
            connection, application_kinds.ApplicationSignedIn(
                application=str(application.id), name=application.name, session=str(session.id)
            ),
            origin=origin.by(acting.user(session.user.id)), account_id=session.user.account_id,
            subject_id=session.user.id,
        )  # fmt: skip
    return _with_id_token(context, application, issued, redeemed.nonce, at)


def refresh(
    context: AppContext, application: Application, token: str, scope: str | None, *, origin: Origin
) -> Tokens | Refused:
    """Exchange a refresh token for the next one (RFC 6749 section 6, RFC 9700 section 4.14.2)."""
    at = origin.at
    with context.db.write() as connection:
        found = grant_flow.by_refresh(context, connection, token, at)
        if found is None or found.held.application_id != application.id:
            return _BAD_REFRESH
        session = found.held.session
        if not _may_use(context, application, session, at):
            return _BAD_REFRESH
        narrowed = _narrowed(found.held.scope, scope)
        if narrowed is None:
            return Refused("invalid_scope", "The scope is more than was granted.")
        issued = grant_flow.refresh(context, connection, application, token, found, narrowed, at)
        if isinstance(issued, Replayed):
            grant_flow.end(connection, issued.grant_id, "refresh_token_reused", origin=origin)
            return _BAD_REFRESH
        sessions.note_use(connection, session, at)
    return _with_id_token(context, application, issued, None, at)


def userinfo(context: AppContext, token: str, at: datetime) -> dict[str, Any] | Refused:
    """Return what an access token allows to say of its user (RFC 6750 section 3.1)."""
    held = grant_flow.by_access(context, token, at)
    if held is None:
        return Refused("invalid_token", "The access token is unknown or over, or its session has ended.")
    if "openid" not in held.scope.split(" "):
        return Refused("insufficient_scope", "The access token was not asked for with openid.")
    user = held.session.user
    if "profile" not in held.scope.split(" "):
        return claims.userinfo(user, held.scope)
    chosen = preference_flow.choices_of_user(context, user.id)
    return claims.userinfo(user, held.scope, locale=chosen.language, zone=chosen.zone or chosen.account_zone)


def introspect(context: AppContext, application: Application, token: str, at: datetime) -> Mapping[str, Any]:
    """Tell an application of a token: of an access token, which it has been shown, or of a refresh token of its own."""
    issuer = context.settings.base_url
    is_refresh = token.startswith(grant_flow.REFRESH)
    held, kind = None if is_refresh else grant_flow.by_access(context, token, at), "Bearer"
    if is_refresh:
        with context.db.read() as connection:
            found = grant_flow.by_refresh(context, connection, token, at)
        is_own = found is not None and found.replaced_at is None and found.held.application_id == application.id
        if found is not None and is_own and _may_use(context, application, found.held.session, at):
            held, kind = found.held, "refresh_token"
    if held is None:
        return {"active": False}
    return claims.introspection(
        held.session, held.application_id, issuer=issuer, scope=held.scope, kind=kind, expires_at=held.expires_at
    )


def revoke(context: AppContext, application: Application, token: str, *, origin: Origin) -> None:
    """End a token of an application: an access token alone, a refresh token with all that came of it (RFC 7009).

    Of one that is unknown, over or another application's nothing is said.
    """
    token_hash = grant_flow.access_hash(context, token, origin.at)
    with context.db.write() as connection:
        refresh_token = grant_flow.by_refresh(context, connection, token, origin.at)
        if refresh_token is not None:
            if refresh_token.held.application_id == application.id:
                grant_flow.end(connection, refresh_token.held.grant_id, "revoked", origin=origin)
            return
        held = grant_flow.by_access_in(context, connection, token_hash, origin.at)
        if held is not None and held.application_id == application.id:
            grant_flow.drop_access(connection, token_hash)


def _end_if_used(connection: sa.Connection, application: Application, code: str, origin: Origin) -> None:
    grant_id = authorization_records.grant_of(connection, digest(code), application.id)
    if grant_id is not None:
        grant_flow.end(connection, grant_id, "code_reused", origin=origin)


def _may_use(context: AppContext, application: Application, session: Session, at: datetime) -> bool:
    """Tell whether an application is for the account of a session, as it is registered now, and its user may go on."""
    is_for_them = not application.accounts or session.user.account_id in application.accounts
    return is_for_them and not sessions.must_set_up(context.settings, session, at)


def _narrowed(granted: str, asked: str | None) -> str | None:
    """Return the scope of a new access token; None where more is asked for than was granted."""
    if asked is None:
        return granted
    scopes = granted.split(" ")
    wanted = asked.split(" ")
    return " ".join(scope for scope in scopes if scope in wanted) if set(wanted) <= set(scopes) else None


def _with_id_token(
    context: AppContext, application: Application, issued: Issued, nonce: str | None, at: datetime
) -> Tokens:
    issuer, session = context.settings.base_url, issued.session
    if application.jwt_access_tokens:
        access = claims.access_token(
            session, application.id, issuer=issuer, scope=issued.scope, token_id=issued.access_token, at=at,
            expires_at=issued.expires_at,
        )  # fmt: skip
        signed = key_flow.sign(context, access, application.algorithm, at, typ=grant_flow.JWT_TYPE)
        issued = issued._replace(access_token=signed)
    told = claims.id_token(
        session, application.id, issuer=issuer, nonce=nonce, access_token=issued.access_token, at=at
    )  # fmt: skip
    seconds = int((issued.expires_at - at).total_seconds())
    return Tokens(issued, key_flow.sign(context, told, application.algorithm, at), seconds)
