"""From an application's request to a code for it: at once, or kept while somebody proves who they are."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto import bearer_sealed
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.network import network_of
from twofold.oidc import application_flow, consent_flow, key_flow, rule_flow
from twofold.oidc import authorization_records as records
from twofold.oidc.answer import Answer
from twofold.oidc.application import Application
from twofold.oidc.authorization import Need, OtherAccount, Ready, Standing, Unmet, decide, silently
from twofold.oidc.request import (
    AuthorizationRequest,
    Parameters,
    Prompt,
    Refused,
    error_fields,
    parse,
    refusal,
    return_address,
)
from twofold.sessions.methods import authenticated_at
from twofold.sessions.session import Session

CODE_LIFE = timedelta(seconds=60)
LIFE = timedelta(hours=1)  # to prove who one is
MOST_OF_A_NETWORK, MOST = 1_000, 20_000  # that wait at the same time, each of some KiB


class Unaddressed(NamedTuple):
    """Who asks is unknown, or where the answer is to go is not theirs: nobody is led there."""

    field: str  # client_id | redirect_uri | request_uri


class Asked(NamedTuple):
    """A request in order, and whose it is."""

    request: AuthorizationRequest
    application: Application


class Rejected(NamedTuple):
    """A request of a known application that is not in order; the answer says so to it."""

    application: Application
    answer: Answer


class Waiting(NamedTuple):
    """Such a request that was kept for a browser; what was proved after `proved_after` was proved for it."""

    asked: Asked
    proved_after: datetime


class Denied(NamedTuple):
    """Whoever is signed in cannot use the application, or not as it asks; the answer says so to it."""

    application: Application
    why: OtherAccount | Unmet
    answer: Answer


class Due(NamedTuple):
    """Something has to be proved or set up first, for this application."""

    need: Need
    application: Application


class _Kept(msgspec.Struct, frozen=True):
    request: AuthorizationRequest
    proved_after: datetime


def read(context: AppContext, parameters: Parameters, at: datetime) -> Asked | Rejected | Unaddressed:
    """Read a request; an error goes back to whoever asked only where that is an application of ours."""
    application = application_flow.find(context.db, parameters.values.get("client_id", ""))
    if application is None:
        return Unaddressed("client_id")
    uri = return_address(parameters, application)
    if uri is None:
        return Unaddressed("redirect_uri")
    asked = checked(context, parameters, application, uri, at)
    if isinstance(asked, Refused):
        return Rejected(application, refusal(parameters, uri, context.settings.base_url, asked))
    return Asked(asked, application)


def checked(
    context: AppContext, parameters: Parameters, application: Application, redirect_uri: str, at: datetime
) -> AuthorizationRequest | Refused:
    """Read a request of an application whose redirect address is known to be its own, and whom it names."""
    asked = parse(parameters, application, redirect_uri)
    return asked if isinstance(asked, Refused) else _with_subject(context, asked, at)


def answer(
    context: AppContext, asked: Asked, session: Session | None, *, stepped_down: bool, at: datetime
) -> Answer | Due | Denied:
    """Answer a request as it comes: with a code where the session is all that it asks for."""
    issuer = context.settings.base_url
    decided = _decide(context, asked, session, None, stepped_down=stepped_down, at=at)
    if isinstance(decided, Need | OtherAccount | Unmet) and Prompt.NONE in asked.request.prompts:
        decided = silently(decided)
    if not isinstance(decided, Ready):
        return _refused(asked, decided, issuer)
    with context.db.write(durable=False) as connection:
        return _with_code(context, connection, asked.request, decided.session, at)


def resume(
    context: AppContext,
    waiting: Waiting,
    session: Session | None,
    *,
    authorization: UUID,
    browser: str,
    stepped_down: bool,
    at: datetime,
    agreed: Origin | None = None,
) -> Answer | Due | Denied | None:
    """Answer a request that was kept, once all is proved: one code. None where it was answered meanwhile.

    `agreed` says from where somebody agreed just now to what the application may see.
    """
    decided = _decide(
        context, waiting.asked, session, waiting.proved_after, stepped_down=stepped_down, at=at, agreed=agreed
    )
    if isinstance(decided, Need):
        return Due(decided, waiting.asked.application)
    with context.db.write(durable=agreed is not None) as connection:
        if not records.take(connection, authorization, digest(browser), at):
            return None
        if not isinstance(decided, Ready):
            return _refused(waiting.asked, decided, context.settings.base_url)
        if agreed is not None:
            asked, user = waiting.asked, decided.session.user
            consent_flow.agree(connection, user, asked.application, asked.request.scope, origin=agreed)
        return _with_code(context, connection, waiting.asked.request, decided.session, at)


def refuse(context: AppContext, waiting: Waiting, *, authorization: UUID, browser: str, at: datetime) -> Answer | None:
    """Answer a request whose person does not agree to it (RFC 6749 section 4.1.2.1); None likewise."""
    refused = Refused("access_denied", "Whoever is signed in did not agree.")
    with context.db.write(durable=False) as connection:
        if not records.take(connection, authorization, digest(browser), at):
            return None
    return waiting.asked.request.answer(context.settings.base_url, **error_fields(refused))


def keep(
    context: AppContext, request: AuthorizationRequest, session: Session | None, *, browser: str, origin: Origin
) -> UUID | None:
    """Keep a request for a browser for an hour; None where there is no room, of its network or at all."""
    authorization, at = new_id(), origin.at
    # Another node's clock may be ahead: what was proved before is told by its own time as well.
    before = at if session is None else max(at, authenticated_at(session.methods))
    kept = msgspec.json.encode(_Kept(request, before)).decode()
    values = {
        "id": authorization,
        "browser": digest(browser),
        "network": network_of(origin.client.address),
        "sealed": bearer_sealed.seal(kept, browser, _identity(authorization)),
        "expires_at": at + LIFE,
    }
    with context.db.write(durable=False) as connection:
        stored = records.keep(connection, values, of_network=MOST_OF_A_NETWORK, in_all=MOST)
    return authorization if stored else None


def find(context: AppContext, authorization: UUID, *, browser: str, at: datetime) -> Waiting | None:
    """Find a request that waits for this browser; None also where its application is gone."""
    with context.db.read() as connection:
        sealed = records.find(connection, authorization, digest(browser), at)
    text = None if sealed is None else bearer_sealed.read(sealed, browser, _identity(authorization))
    if text is None:
        return None
    kept = msgspec.json.decode(text, type=_Kept)
    application = application_flow.find(context.db, str(kept.request.client_id))
    return None if application is None else Waiting(Asked(kept.request, application), kept.proved_after)


def _with_subject(context: AppContext, asked: AuthorizationRequest, at: datetime) -> AuthorizationRequest | Refused:
    """Read whom the ID token names that an application gives back; one of us, however old (section 3.1.2.2)."""
    if asked.id_token_hint is None:
        return asked
    claims: Mapping[str, Any] | None = key_flow.verify(context, asked.id_token_hint, at)
    if claims is None or not isinstance(claims.get("sub"), str):
        return Refused("invalid_request", "id_token_hint is no ID token of this issuer.")
    if asked.subject not in (None, claims["sub"]):
        return Refused("invalid_request", "claims names somebody else than id_token_hint.")
    return msgspec.structs.replace(asked, id_token_hint=None, subject=claims["sub"])


def _decide(
    context: AppContext,
    asked: Asked,
    session: Session | None,
    proved_after: datetime | None,
    *,
    stepped_down: bool,
    at: datetime,
    agreed: Origin | None = None,
) -> Ready | Need | Refused | OtherAccount | Unmet:
    may_set_up = session is not None and session.user.eligibility(context.settings.two_factor_editions, at).offered
    before = consent_flow.agreed_before(context, session, asked.application)
    standing = Standing(stepped_down, may_set_up, before, agreed is not None)
    application = rule_flow.with_rule(context, asked.application, session)
    return decide(asked.request, application, session, standing, proved_after=proved_after, at=at)


def _refused(asked: Asked, why: Need | OtherAccount | Unmet | Refused, issuer: str) -> Answer | Due | Denied:
    if isinstance(why, Need):
        return Due(why, asked.application)
    if isinstance(why, OtherAccount | Unmet):
        denied = asked.request.answer(issuer, **error_fields(silently(why)))
        return Denied(asked.application, why, denied)
    return asked.request.answer(issuer, **error_fields(why))


def _with_code(
    context: AppContext, connection: sa.Connection, request: AuthorizationRequest, session: Session, at: datetime
) -> Answer:
    code = context.vault.new_token("code")
    records.store_code(
        connection,
        {
            "code_hash": digest(code),
            "application_id": request.client_id,
            "user_id": session.user.id,
            "account_id": session.user.account_id,
            "session_id": session.id,
            "redirect_uri": request.redirect_uri,
            "challenge": request.challenge,
            "nonce": request.nonce,
            "scope": request.scope,
            "expires_at": at + CODE_LIFE,
        },
    )
    return request.answer(context.settings.base_url, code=code)


def _identity(authorization: UUID) -> str:
    return f"authorizations.sealed:{authorization}"
