"""The forced set-up: where a policy requires a second factor, the mailbox is proved before the authenticator.

The password alone is not proof enough: whoever stole it would enrol a phone of their own.
"""

import hmac
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.factors import enrolment_flow as enrolments
from twofold.factors import flow as factors
from twofold.factors.outcomes import Confirmed, EnrolmentExpired, MalformedCode, Opened, WrongConfirmation
from twofold.kit.house import House
from twofold.kit.outbox import Entry
from twofold.kit.tokens import random_digits
from twofold.kit.vault import Sealed
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.signin import records
from twofold.signin.attempt import LIFE, MAILED_CODE_LIFE, Attempt, Expired, OutOfOrder, Step, guard
from twofold.signin.finish_flow import finish
from twofold.signin.outcomes import Due, GoesOn, MailedCodeClosed, SignedIn, WrongMailedCode
from twofold.signin.take_flow import take, take_with_user

CODE_DIGITS = 6


class MailedCode(NamedTuple):
    """What the letter with the code tells: the six digits, and until when they hold."""

    code: str
    valid_until: datetime


def mail_a_code(house: House, connection: sa.Connection, attempt: Attempt, at: datetime) -> lockouts.Wait | None:
    """Ask the outbox for a letter with a code; three an hour go out. The code is minted at delivery."""
    wait = lockouts.charge_mail(connection, attempt.person, at)
    if wait is None:
        records.note_mailed(connection, attempt)
        directory.tell(house, connection, attempt.person, "sign_in_code", at, attempt=str(attempt.id))
    return wait


def mint_mailed_code(house: House, connection: sa.Connection, entry: Entry, at: datetime) -> MailedCode | None:
    """Make the code of a letter that is about to go out; None when its sign-in is over and nobody needs it."""
    attempt = records.by_id(connection, UUID(entry.facts["attempt"]))
    if attempt is None or not isinstance(guard(attempt, attempt.channel, Step.VERIFY_EMAIL, at), Attempt):
        return None
    code, expires_at = random_digits(CODE_DIGITS), at + MAILED_CODE_LIFE
    sealed = house.vault.seal(code.encode(), _mail_identity(attempt))
    stored = records.store_mailed_code(connection, attempt, sealed, expires_at)
    return MailedCode(code, expires_at) if stored else None


def resend(
    house: House,
    sign_in: str,
    *,
    channel: str,
    at: datetime,
) -> GoesOn | lockouts.Wait | MailedCodeClosed | Expired | OutOfOrder:
    """Send another code; the one before it stops counting when the new one goes out."""
    with house.db.write() as connection:
        attempt = take(connection, sign_in, channel, Step.VERIFY_EMAIL, at)
        if not isinstance(attempt, Attempt):
            return attempt
        closed = lockouts.mailbox_closed(connection, attempt.person, at)
        if closed is not None:
            return MailedCodeClosed(closed.seconds)
        wait = mail_a_code(house, connection, attempt, at)
        return GoesOn(Step.VERIFY_EMAIL.value, attempt.expires_at) if wait is None else wait


def submit_mailed_code(
    house: House,
    sign_in: str,
    typed: str,
    *,
    channel: str,
    visitor: Visitor,
    at: datetime,
) -> GoesOn | WrongMailedCode | MailedCodeClosed | MalformedCode | Expired | OutOfOrder:
    """Take the code from the mailbox, charged before it is compared; the set-up is next."""
    code = "".join(letter for letter in typed[:40] if not letter.isspace())
    if len(code) != CODE_DIGITS or not code.isascii() or not code.isdigit():
        return MalformedCode()
    with house.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.VERIFY_EMAIL, at)
        if not isinstance(attempt, Attempt):
            return attempt
        left = lockouts.charge_mailed_code(connection, attempt.person, at)
        if isinstance(left, lockouts.Wait):
            return MailedCodeClosed(left.seconds)
        right = _is_mailed_code(house, connection, attempt, code, at)
        audit.record(
            connection, "mailbox_proved" if right else "mailed_code_wrong", at=at, account_id=attempt.person.account_id,
            actor=audit.user(attempt.person.id) if right else audit.NOBODY, subject_id=attempt.person.id,
            result="done" if right else "refused", visitor=visitor,
        )  # fmt: skip
        if not right:
            return WrongMailedCode(left)
        lockouts.mailed_code_right(connection, attempt.person)
        records.advance(connection, attempt, Step.SET_UP, at + LIFE)
        if channel == "page":  # so that showing the page, a GET, changes nothing
            enrolments.open_for(house, connection, attempt.person, _opener_of(attempt), at=at)
        return GoesOn(Step.SET_UP.value, at + LIFE)


def open_enrolment(
    house: House,
    sign_in: str,
    *,
    channel: str,
    at: datetime,
) -> tuple[Attempt, Opened] | Expired | OutOfOrder:
    """Open the enrolment of a forced set-up, in the place of any before it."""
    with house.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.SET_UP, at)
        if not isinstance(attempt, Attempt):
            return attempt
        return attempt, enrolments.open_for(house, connection, attempt.person, _opener_of(attempt), at=at)


def find_enrolment(house: House, attempt: Attempt, at: datetime) -> Opened | None:
    """Show the open enrolment of an attempt again, as a reloaded page does; changes nothing."""
    with house.db.read() as connection:
        return enrolments.find(house, connection, attempt.person, _opener_of(attempt), at)


def confirm_enrolment(
    house: House,
    sign_in: str,
    enrolment: UUID,
    typed: str,
    *,
    channel: str,
    client: str | None,
    visitor: Visitor,
    at: datetime,
) -> SignedIn | Due | WrongConfirmation | EnrolmentExpired | MalformedCode | Expired | OutOfOrder:
    """Confirm a forced set-up with a code of the new app.

    On pages the backup code then rests in the attempt until it is saved; a program gets it with its session.
    """
    with house.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.SET_UP, at)
        if not isinstance(attempt, Attempt):
            return attempt
        person = attempt.person
        outcome = enrolments.confirm(
            house, connection, person, _opener_of(attempt), enrolment, typed, visitor=visitor, at=at,
        )  # fmt: skip
        if not isinstance(outcome, Confirmed):
            return outcome
        attempt = attempt._replace(security_version=outcome.security_version)
        methods = (*attempt.methods, "otp")
        if channel == "api":
            factors.backup_code_saved(connection, person.id, outcome.backup_code or "")
            return finish(
                house, connection, attempt, methods, client=client, visitor=visitor, at=at,
                new_backup_code=outcome.backup_code,
            )  # fmt: skip
        sealed = seal_backup_code(house, attempt, outcome.backup_code or "")
        records.advance(
            connection, attempt, Step.SAVE_BACKUP_CODE, at + LIFE, methods=" ".join(methods),
            security_version=outcome.security_version, backup_key_id=sealed.key_id, backup_box=sealed.box,
        )  # fmt: skip
        return Due(sign_in, Step.SAVE_BACKUP_CODE.value, at + LIFE)


def show_backup_code(house: House, attempt: Attempt) -> str | None:
    """Show the new backup code of an attempt again, until its owner says that it is saved."""
    with house.db.read() as connection:
        return shown_backup_code(house, connection, attempt)


def shown_backup_code(house: House, connection: sa.Connection, attempt: Attempt) -> str | None:
    """Return the new backup code that an attempt keeps, as people read it."""
    sealed = records.backup_code(connection, attempt)
    return None if sealed is None else house.vault.open(sealed, _backup_identity(attempt)).decode()


def seal_backup_code(house: House, attempt: Attempt, code: str) -> Sealed:
    """Seal a new backup code for the attempt that keeps it."""
    return house.vault.seal(code.encode(), _backup_identity(attempt))


def _is_mailed_code(house: House, connection: sa.Connection, attempt: Attempt, code: str, at: datetime) -> bool:
    mailed = records.mailed_code(connection, attempt)
    if mailed is None or at >= mailed[1]:
        return False
    return hmac.compare_digest(house.vault.open(mailed[0], _mail_identity(attempt)), code.encode())


def _opener_of(attempt: Attempt) -> str:
    return f"attempt:{attempt.id}"


def _mail_identity(attempt: Attempt) -> str:
    return f"sign_in_attempts.mail:{attempt.id}"


def _backup_identity(attempt: Attempt) -> str:
    return f"sign_in_attempts.backup:{attempt.id}"
