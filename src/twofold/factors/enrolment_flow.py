"""Setting an authenticator up: opened with password (and code, where a factor exists), confirmed by a code of the app.

An enrolment belongs to whoever opened it, a session or a sign-in attempt: nobody else sees or confirms it.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
import structlog

from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.factor_name import readable
from twofold.factors.opening_flow import LIFE, SetUp, opener_of, why_not_offered, with_set_up_proofs
from twofold.factors.outcomes import (
    Changed,
    Confirmed,
    EnrolmentExpired,
    Locked,
    MalformedCode,
    NoSuchAuthenticator,
    NotOffered,
    Opened,
    Passed,
    TooMany,
    WrongConfirmation,
)
from twofold.factors.proof import clean
from twofold.factors.totp import codes as totp
from twofold.factors.totp import flow as totp_flow
from twofold.factors.totp import records
from twofold.factors.totp.authenticator import Enrolment
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id, random_bytes
from twofold.kit.crypto.vault import VaultError
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import Method
from twofold.sessions.session import Session

MOST_AUTHENTICATORS = 5
DEFAULT_NAME = "Authenticator app"


log = structlog.get_logger("twofold.factors")


OpenRefused = factors.ProofsRefused | NotOffered | TooMany | NoSuchAuthenticator


def open_in_session(context: AppContext, session: Session, asked: SetUp, *, origin: Origin) -> Opened | OpenRefused:
    """Open an enrolment from the profile, once enough is proved."""

    def own(connection: sa.Connection, user: User) -> dict[UUID, str]:
        return {app.id: app.name for app in records.authenticators_of(connection, user.id)}

    def why_not(connection: sa.Connection, user: User) -> NotOffered | TooMany | NoSuchAuthenticator | None:
        return _why_not(context, user, own(connection, user), asked.replaces, origin.at)

    def begin(connection: sa.Connection, user: User, passed: Passed) -> Opened:
        kept = "" if asked.replaces is None else own(connection, user)[asked.replaces]
        return open_for(
            context, connection, user, opener_of(session), at=origin.at, name=asked.name.strip() or kept,
            replaces=asked.replaces, spent=passed.new_backup_code,
        )  # fmt: skip

    return with_set_up_proofs(context, session, asked, begin, why_not, origin=origin)


def open_for(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    opener: str,
    *,
    at: datetime,
    name: str = "",
    replaces: UUID | None = None,
    spent: str | None = None,
) -> Opened:
    """Open an enrolment for an opener who has proved enough; a newer one takes the place of an older.

    `spent` is the successor of a backup code that proved the way here; the confirmation then issues a new one.
    """
    enrolment, secret = new_id(), random_bytes(totp.SECRET_BYTES)
    sealed = context.vault.seal(secret, totp_flow.identity("enrolments", enrolment))
    opened = Opened(enrolment, secret, readable(name) or DEFAULT_NAME, replaces, at + LIFE, spent)
    records.open_enrolment(
        connection,
        {
            "user_id": user.id,
            "id": enrolment,
            "account_id": user.account_id,
            "opener": opener,
            "security_version": user.security_version,
            "name": opened.name,
            "replaces": replaces,
            "new_backup_code": not user.has_second_factor or replaces is not None or spent is not None,
            "key_id": sealed.key_id,
            "box": sealed.ciphertext,
            "wrong": 0,
            "expires_at": opened.expires_at,
        },
    )
    return opened


def find(context: AppContext, connection: sa.Connection, user: User, opener: str, at: datetime) -> Opened | None:
    """Show an open enrolment again, on reload, to the one who opened it."""
    found = records.find_enrolment(connection, user.id, opener, at)
    if found is None or found.security_version != user.security_version:
        return None
    secret = _secret_of(context, found)
    return None if secret is None else Opened(found.id, secret, found.name, found.replaces, found.expires_at)


def confirm_in_session(
    context: AppContext,
    session: Session,
    enrolment: UUID,
    code: str,
    *,
    origin: Origin,
) -> Changed | WrongConfirmation | EnrolmentExpired | MalformedCode | Locked:
    """Confirm an enrolment from the profile; the session goes on under a new token, all others end.

    A lock that fell since it was opened holds here as well: while locked, no factor changes.
    """
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        if user is None:
            return EnrolmentExpired()
        counts = factors.hold(connection, user.id)
        if counts.locked:
            return Locked(counts.final)
        outcome = confirm(context, connection, user, opener_of(session), enrolment, code, origin=origin)
        if not isinstance(outcome, Confirmed):
            return outcome
        renewed = sessions.renew(
            context,
            connection,
            session,
            security_version=outcome.security_version,
            ends_others=EndReason.FACTORS_CHANGED,
            origin=origin,
            proved=(Method(kinds_flow.TOTP.method, origin.at, second=True),),
        )
        return Changed(renewed.token, outcome.backup_code, outcome.change)


def confirm(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    opener: str,
    enrolment: UUID,
    code: str,
    *,
    origin: Origin,
) -> Confirmed | WrongConfirmation | EnrolmentExpired | MalformedCode:
    """Confirm an enrolment with a code of the new app: from here on it protects its user.

    Ten wrong ones void the enrolment; they never charge the lock, because nothing of the user's can be guessed here.
    """
    digits = kinds_flow.TOTP.read(clean(code) or "")
    if digits is None:
        return MalformedCode()
    factors.hold(connection, user.id)
    charged = records.charge_enrolment(connection, user.id, opener, enrolment, origin.at)
    if charged is None or charged.security_version != user.security_version:
        return EnrolmentExpired()
    secret = _secret_of(context, charged)
    if secret is None:
        return EnrolmentExpired()
    verdict = totp.match(secret, digits, origin.at, totp.NEVER)
    if not isinstance(verdict, totp.Accepted):
        drift = verdict.seconds if isinstance(verdict, totp.Drift) else None
        return WrongConfirmation(records.MOST_WRONG_CONFIRMATIONS - charged.wrong, drift)
    if charged.replaces is not None and not records.delete_authenticator(connection, user.id, charged.replaces):
        return EnrolmentExpired()
    totp_flow.store_authenticator(context, connection, user, charged, verdict.step, origin.at)
    return factors.protect(
        context, connection, user, kinds_flow.TOTP, charged.name, replaces=charged.replaces is not None,
        new_backup_code=charged.new_backup_code, origin=origin,
    )  # fmt: skip


def _secret_of(context: AppContext, enrolment: Enrolment) -> bytes | None:
    """Open the secret of an enrolment; None where it does not open: then it has ended, and its user begins anew."""
    try:
        return totp_flow.secret_of(context, enrolment, "enrolments")
    except VaultError as error:
        log.error("enrolment ended: its secret does not open", enrolment=str(enrolment.id), why=str(error))  # noqa: TRY400 - no trace helps
        return None


def _why_not(
    context: AppContext,
    user: User,
    own: Collection[UUID],
    replaces: UUID | None,
    at: datetime,
) -> NotOffered | TooMany | NoSuchAuthenticator | None:
    if (refused := why_not_offered(context, user, at)) is not None:
        return refused
    if replaces is not None and replaces not in own:
        return NoSuchAuthenticator()
    if replaces is None and len(own) >= MOST_AUTHENTICATORS:
        return TooMany()
    return None
