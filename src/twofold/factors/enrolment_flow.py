"""Setting an authenticator up: opened with password (and code, where a factor exists), confirmed by a code of the app.

An enrolment belongs to whoever opened it, a session or a sign-in attempt: nobody else sees or confirms it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.factors import flow as factors
from twofold.factors import proof as proofs
from twofold.factors import records, totp
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
    ProofRefused,
    SessionOver,
    TooMany,
    WrongConfirmation,
)
from twofold.kit.db import AnyRow
from twofold.kit.house import House
from twofold.kit.tokens import new_id, random_bytes
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session

LIFE = timedelta(minutes=15)
MOST_AUTHENTICATORS = 5
NAME_LENGTH = 40
DEFAULT_NAME = "Authenticator app"


class SetUp(NamedTuple):
    """What somebody sends to open an enrolment; `code` only counts where a factor exists."""

    password: str
    code: str
    client: str | None
    name: str = ""
    replaces: UUID | None = None


OpenRefused = (
    lockouts.WrongPassword
    | lockouts.Wait
    | ProofRefused
    | MalformedCode
    | NotOffered
    | TooMany
    | NoSuchAuthenticator
    | SessionOver
)


def open_in_session(
    house: House,
    session: Session,
    asked: SetUp,
    *,
    visitor: Visitor,
    at: datetime,
) -> Opened | OpenRefused:
    """Open an enrolment from the profile: the password first, then the code of a factor that exists."""
    person = session.person
    proof = proofs.parse(asked.code)
    if person.has_second_factor and isinstance(proof, proofs.Malformed):
        return MalformedCode()
    proved = lockouts.prove_password(
        house, person.email, asked.password, client=asked.client, address=visitor.address, at=at,
    )  # fmt: skip
    if not isinstance(proved, lockouts.Proved):
        return proved
    with house.db.write() as connection:
        lockouts.settle(connection, proved)
        held = directory.hold_person(connection, person.id)
        if held is None or held.security_version != session.person.security_version:
            return SessionOver()
        person = held
        refused = _why_not(house, connection, person, asked.replaces, at)
        if refused is not None:
            return refused
        new_backup_code = None
        if person.has_second_factor:
            if isinstance(proof, proofs.Malformed):
                return MalformedCode()
            passed = factors.prove(house, connection, person, proof, door="set_up", visitor=visitor, at=at)
            if not isinstance(passed, Passed):
                return passed
            new_backup_code = passed.new_backup_code
        return open_for(
            house, connection, person, opener_of(session), at=at, name=asked.name, replaces=asked.replaces,
            spent=new_backup_code,
        )  # fmt: skip


def open_for(
    house: House,
    connection: sa.Connection,
    person: Person,
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
    sealed = house.vault.seal(secret, factors.identity("enrolments", enrolment))
    opened = Opened(enrolment, secret, _readable(name) or DEFAULT_NAME, replaces, at + LIFE, spent)
    records.open_enrolment(
        connection,
        {
            "user_id": person.id,
            "id": enrolment,
            "account_id": person.account_id,
            "opener": opener,
            "security_version": person.security_version,
            "name": opened.name,
            "replaces": replaces,
            "new_backup_code": not person.has_second_factor or replaces is not None or spent is not None,
            "key_id": sealed.key_id,
            "box": sealed.box,
            "wrong": 0,
            "expires_at": opened.expires_at,
        },
    )
    return opened


def find(house: House, connection: sa.Connection, person: Person, opener: str, at: datetime) -> Opened | None:
    """Show an open enrolment again, on reload, to the one who opened it."""
    row = records.find_enrolment(connection, person.id, opener, at)
    if row is None or row.security_version != person.security_version:
        return None
    return Opened(row.id, factors.secret_of(house, row, "enrolments"), row.name, row.replaces, row.expires_at)


def confirm_in_session(
    house: House,
    session: Session,
    enrolment: UUID,
    code: str,
    *,
    visitor: Visitor,
    at: datetime,
) -> Changed | WrongConfirmation | EnrolmentExpired | MalformedCode | Locked:
    """Confirm an enrolment from the profile; the session goes on under a new token, all others end.

    A lock that fell since it was opened holds here as well: while locked, no factor changes.
    """
    with house.db.write() as connection:
        person = directory.hold_person(connection, session.person.id)
        if person is None or person.security_version != session.person.security_version:
            return EnrolmentExpired()
        counts = factors.hold(connection, person.id)
        if counts.locked:
            return Locked(counts.final)
        outcome = confirm(house, connection, person, opener_of(session), enrolment, code, visitor=visitor, at=at)
        if not isinstance(outcome, Confirmed):
            return outcome
        renewed = sessions.renew(
            house, connection, session, security_version=outcome.security_version, visitor=visitor, at=at, proved="otp",
        )  # fmt: skip
        return Changed(renewed.token, outcome.backup_code, outcome.change)


def confirm(
    house: House,
    connection: sa.Connection,
    person: Person,
    opener: str,
    enrolment: UUID,
    code: str,
    *,
    visitor: Visitor,
    at: datetime,
) -> Confirmed | WrongConfirmation | EnrolmentExpired | MalformedCode:
    """Confirm an enrolment with a code of the new app: from here on it protects its user.

    Ten wrong ones void the enrolment; they never charge the lock, because nothing of the user's can be guessed here.
    """
    proof = proofs.parse(code)
    if not isinstance(proof, proofs.AppCode):
        return MalformedCode()
    factors.hold(connection, person.id)
    row = records.charge_enrolment(connection, person.id, opener, enrolment, at)
    if row is None or row.security_version != person.security_version:
        return EnrolmentExpired()
    verdict = totp.match(factors.secret_of(house, row, "enrolments"), proof.digits, at, totp.NEVER)
    if not isinstance(verdict, totp.Accepted):
        drift = verdict.seconds if isinstance(verdict, totp.Drift) else None
        return WrongConfirmation(records.MOST_WRONG_CONFIRMATIONS - row.wrong, drift)
    if row.replaces is not None and not records.delete_authenticator(connection, person.id, row.replaces):
        return EnrolmentExpired()
    return _protect(house, connection, person, row, verdict.step, visitor=visitor, at=at)


def opener_of(session: Session) -> str:
    """Name a session as the opener of an enrolment."""
    return f"session:{session.id}"


def _readable(name: str) -> str:
    return "".join(letter for letter in name.strip() if letter.isprintable())[:NAME_LENGTH]


def _why_not(
    house: House,
    connection: sa.Connection,
    person: Person,
    replaces: UUID | None,
    at: datetime,
) -> NotOffered | TooMany | NoSuchAuthenticator | None:
    offer = person.eligibility(house.settings.two_factor_editions, at)
    if not person.has_second_factor and not offer.offered:
        return NotOffered(offer)
    own = {row.id for row in records.authenticators_of(connection, person.id)}
    if replaces is not None and replaces not in own:
        return NoSuchAuthenticator()
    if replaces is None and len(own) >= MOST_AUTHENTICATORS:
        return TooMany()
    return None


def _protect(
    house: House,
    connection: sa.Connection,
    person: Person,
    row: AnyRow,
    step: int,
    *,
    visitor: Visitor,
    at: datetime,
) -> Confirmed:
    authenticator = new_id()
    secret = factors.secret_of(house, row, "enrolments")
    sealed = house.vault.seal(secret, factors.identity("authenticators", authenticator))
    records.close_enrolment(connection, person.id)
    records.insert_authenticator(
        connection,
        {
            "id": authenticator,
            "user_id": person.id,
            "account_id": person.account_id,
            "name": row.name,
            "key_id": sealed.key_id,
            "box": sealed.box,
            "last_step": step,  # the code that confirmed counts as used
            "given_away": "",
            "created_at": at,
            "last_used_at": at,
        },
    )
    if not person.has_second_factor:
        lockouts.open_budget(connection, person)
    backup_code = factors.new_backup_code(connection, person, at) if row.new_backup_code else None
    version = directory.factors_changed(connection, person.id, at, since=person.second_factor_since or at)
    change = "set_up" if not person.has_second_factor else "added" if row.replaces is None else "replaced"
    audit.record(
        connection, f"two_factor_{change}", at=at, account_id=person.account_id, actor=audit.user(person.id),
        subject_id=person.id, visitor=visitor, details={"authenticator": row.name},
    )  # fmt: skip
    directory.tell(
        house, connection, person, f"two_factor_{change}", at, authenticator=row.name, address=visitor.address,
        browser=visitor.browser,
    )  # fmt: skip
    return Confirmed(change, backup_code, person.security_version if version is None else version)
