"""The forced set-up: where a policy requires a second factor, the mailbox is proved before the authenticator.

The password alone is not proof enough: whoever stole it would enrol a phone of their own.
"""

import hmac
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog

from twofold.audit import flow as audit
from twofold.directory import notice_flow
from twofold.events import kinds
from twofold.events.notices import Notice
from twofold.factors import enrolment_flow as enrolments
from twofold.factors import kinds_flow
from twofold.factors import passkey_registration_flow as registrations
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.outcomes import Confirmed, EnrolmentExpired, MalformedCode, Opened, WrongConfirmation
from twofold.factors.passkeys import flow as passkeys
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import random_digits
from twofold.kit.crypto.vault import Sealed, VaultError
from twofold.kit.mail.outbox import Entry
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import Method, columns, with_proved
from twofold.signin import records
from twofold.signin.attempt import LIFE, MAILED_CODE_LIFE, Attempt, Expired, OutOfOrder, Step, guard
from twofold.signin.finish_flow import finish
from twofold.signin.outcomes import Due, GoesOn, MailedCodeClosed, SignedIn, WrongMailedCode
from twofold.signin.take_flow import take, take_with_user

CODE_DIGITS = 6

log = structlog.get_logger("twofold.signin")


class MailedCode(NamedTuple):
    """What the letter with the code tells: the six digits, and until when they hold."""

    code: str
    valid_until: datetime


class MailState(NamedTuple):
    """Where the code from the mailbox stands: when the newest was sent, if it was; what may still be asked for.

    `closed_until` is the end of the day for which wrong codes closed this step.
    """

    sent_at: datetime | None
    left: mail_limits.MailsLeft
    closed_until: datetime | None


def mail_state(context: AppContext, attempt: Attempt, at: datetime) -> MailState:
    """Tell where the code from the mailbox of an attempt stands; changes nothing."""
    with context.db.read() as connection:
        mailed = records.mailed_code(connection, attempt)
        closed = mail_limits.mailbox_closed(connection, attempt.user, at)
        left = mail_limits.mails_left(connection, attempt.user, at)
    return MailState(
        None if mailed is None else mailed[1] - MAILED_CODE_LIFE, left,
        None if closed is None else at + timedelta(seconds=closed.seconds),
    )  # fmt: skip


def mail_a_code(context: AppContext, connection: sa.Connection, attempt: Attempt, at: datetime) -> lockouts.Wait | None:
    """Ask the outbox for a letter with a code; three an hour go out. The code is minted at delivery."""
    wait = mail_limits.charge_mail(connection, attempt.user, at)
    if wait is None:
        records.note_mailed(connection, attempt)
        notice_flow.notify(context, connection, attempt.user, Notice.SIGN_IN_CODE, at, attempt=str(attempt.id))
    return wait


def mint_mailed_code(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> MailedCode | None:
    """Make the code of a letter that is about to go out; None when its sign-in is over and nobody needs it."""
    attempt = records.by_id(connection, UUID(entry.facts["attempt"]))
    if attempt is None or not isinstance(guard(attempt, attempt.channel, Step.VERIFY_EMAIL, at), Attempt):
        return None
    code, expires_at = random_digits(CODE_DIGITS), at + MAILED_CODE_LIFE
    sealed = context.vault.seal(code.encode(), _mail_identity(attempt))
    stored = records.store_mailed_code(connection, attempt, sealed, expires_at)
    return MailedCode(code, expires_at) if stored else None


def resend(
    context: AppContext,
    sign_in: str,
    *,
    channel: str,
    at: datetime,
) -> GoesOn | lockouts.Wait | MailedCodeClosed | Expired | OutOfOrder:
    """Send another code; the one before it stops counting when the new one goes out."""
    with context.db.write() as connection:
        attempt = take(connection, sign_in, channel, Step.VERIFY_EMAIL, at)
        if not isinstance(attempt, Attempt):
            return attempt
        closed = mail_limits.mailbox_closed(connection, attempt.user, at)
        if closed is not None:
            return MailedCodeClosed(closed.seconds)
        wait = mail_a_code(context, connection, attempt, at)
        return GoesOn(Step.VERIFY_EMAIL.value, attempt.expires_at) if wait is None else wait


def submit_mailed_code(
    context: AppContext,
    sign_in: str,
    typed: str,
    *,
    channel: str,
    origin: Origin,
) -> GoesOn | WrongMailedCode | MailedCodeClosed | MalformedCode | Expired | OutOfOrder:
    """Take the code from the mailbox, charged before it is compared; the set-up is next."""
    code = "".join(letter for letter in typed[:40] if not letter.isspace())
    if len(code) != CODE_DIGITS or not code.isascii() or not code.isdigit():
        return MalformedCode()
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.VERIFY_EMAIL, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        mailed = _mailed_code(context, connection, attempt, origin.at)
        if isinstance(mailed, Expired):
            return mailed
        left = mail_limits.charge_mailed_code(connection, attempt.user, origin.at)
        if isinstance(left, lockouts.Wait):
            return MailedCodeClosed(left.seconds)
        right = hmac.compare_digest(mailed, code.encode())
        audit.record(
            connection,
            kinds.MailboxProved() if right else kinds.MailedCodeWrong(),
            origin=origin.by(acting.user(attempt.user.id) if right else acting.NOBODY),
            account_id=attempt.user.account_id,
            subject_id=attempt.user.id,
            result="done" if right else "refused",
        )
        if not right:
            return WrongMailedCode(left)
        mail_limits.mailed_code_right(connection, attempt.user)
        records.advance(connection, attempt, Step.SET_UP, origin.at + LIFE)
        if channel == "page":  # so that showing the page, a GET, changes nothing
            _open_all(context, connection, attempt, origin)
        return GoesOn(Step.SET_UP.value, origin.at + LIFE)


def open_enrolment(
    context: AppContext,
    sign_in: str,
    *,
    channel: str,
    at: datetime,
) -> tuple[Attempt, Opened] | Expired | OutOfOrder:
    """Open the enrolment of a forced set-up, in the place of any before it."""
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.SET_UP, at)
        if not isinstance(attempt, Attempt):
            return attempt
        return attempt, enrolments.open_for(context, connection, attempt.user, opener_of(attempt), at=at)


def begin_again(context: AppContext, sign_in: str, *, origin: Origin) -> None:
    """Open everything that the page of a forced set-up shows, in the place of what was open before."""
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, "page", Step.SET_UP, origin.at)
        if isinstance(attempt, Attempt):
            _open_all(context, connection, attempt, origin)


def find_enrolment(context: AppContext, attempt: Attempt, at: datetime) -> Opened | None:
    """Show the open enrolment of an attempt again, as a reloaded page does; changes nothing."""
    with context.db.read() as connection:
        return enrolments.find(context, connection, attempt.user, opener_of(attempt), at)


def confirm_enrolment(
    context: AppContext,
    sign_in: str,
    enrolment: UUID,
    typed: str,
    *,
    channel: str,
    client: str | None,
    origin: Origin,
) -> SignedIn | Due | WrongConfirmation | EnrolmentExpired | MalformedCode | Expired | OutOfOrder:
    """Confirm a forced set-up with a code of the new app.

    On pages the backup code then rests in the attempt until it is saved; a program gets it with its session.
    """
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.SET_UP, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        user = attempt.user
        outcome = enrolments.confirm(context, connection, user, opener_of(attempt), enrolment, typed, origin=origin)
        if not isinstance(outcome, Confirmed):
            return outcome
        method = Method(kinds_flow.TOTP.method, origin.at, second=True)
        return finish_set_up(context, connection, attempt, sign_in, outcome, method, client=client, origin=origin)


def finish_set_up(
    context: AppContext,
    connection: sa.Connection,
    attempt: Attempt,
    sign_in: str,
    confirmed: Confirmed,
    method: Method,
    *,
    client: str | None,
    origin: Origin,
) -> SignedIn | Due | Expired:
    """Go on from a factor of any kind that was just set up."""
    user = attempt.user
    sessions.end_outdated(connection, user.id, EndReason.FACTORS_CHANGED, origin.at)
    attempt = attempt._replace(security_version=confirmed.security_version)
    methods = with_proved(attempt.methods, [method])
    if attempt.channel == "api":
        backup_code.note_saved(connection, user.id, confirmed.backup_code or "")
        return finish(
            context, connection, attempt, methods, client=client, origin=origin,
            new_backup_code=confirmed.backup_code,
        )  # fmt: skip
    sealed = seal_backup_code(context, attempt, confirmed.backup_code or "")
    records.advance(
        connection, attempt, Step.SAVE_BACKUP_CODE, origin.at + LIFE, **columns(methods),
        security_version=confirmed.security_version, backup_key_id=sealed.key_id, backup_box=sealed.ciphertext,
    )  # fmt: skip
    return Due(sign_in, Step.SAVE_BACKUP_CODE.value, origin.at + LIFE)


def show_backup_code(context: AppContext, attempt: Attempt) -> str | None:
    """Show the new backup code of an attempt again, until its owner says that it is saved."""
    with context.db.read() as connection:
        return shown_backup_code(context, connection, attempt)


def shown_backup_code(context: AppContext, connection: sa.Connection, attempt: Attempt) -> str | None:
    """Return the new backup code that an attempt keeps, as people read it; None when there is none to be read."""
    sealed = records.backup_code(connection, attempt)
    code = None if sealed is None else _open(context, attempt, sealed, _backup_identity(attempt))
    return None if code is None else code.decode()


def seal_backup_code(context: AppContext, attempt: Attempt, code: str) -> Sealed:
    """Seal a new backup code for the attempt that keeps it."""
    return context.vault.seal(code.encode(), _backup_identity(attempt))


def _mailed_code(context: AppContext, connection: sa.Connection, attempt: Attempt, at: datetime) -> bytes | Expired:
    """Return the code that was mailed, empty where none holds; Expired where nobody can read it: nothing is charged."""
    mailed = records.mailed_code(connection, attempt)
    if mailed is None or at >= mailed[1]:
        return b""
    code = _open(context, attempt, mailed[0], _mail_identity(attempt))
    return Expired() if code is None else code


def _open(context: AppContext, attempt: Attempt, sealed: Sealed, identity: str) -> bytes | None:
    """Open what an attempt keeps; None where it does not open: then the sign-in has ended, and its user begins anew."""
    try:
        return context.vault.open(sealed, identity)
    except VaultError as error:
        log.error("sign-in ended: a code of it does not open", attempt=str(attempt.id), why=str(error))  # noqa: TRY400 - no trace helps
        return None


def opener_of(attempt: Attempt) -> str:
    """Name a sign-in as the opener of a set-up."""
    return f"attempt:{attempt.id}"


def _open_all(context: AppContext, connection: sa.Connection, attempt: Attempt, origin: Origin) -> None:
    enrolments.open_for(context, connection, attempt.user, opener_of(attempt), at=origin.at)
    party = passkeys.party_of(context.settings)
    if party is not None:
        registrations.open_for(connection, party, attempt.user, opener_of(attempt), origin)


def _mail_identity(attempt: Attempt) -> str:
    return f"sign_in_attempts.mail:{attempt.id}"


def _backup_identity(attempt: Attempt) -> str:
    return f"sign_in_attempts.backup:{attempt.id}"
