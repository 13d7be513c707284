"""What a user does in their own profile beside second factors: another password."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.password import Weakness, normalise
from twofold.factors import flow as factors
from twofold.factors import proof as proofs
from twofold.factors.outcomes import MalformedCode, Passed, ProofRefused, SessionOver
from twofold.kit.house import House
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session


class NewPassword(NamedTuple):
    """What somebody sends to change their password; `code` only counts where a factor exists."""

    password: str
    new_password: str
    code: str
    client: str | None


class PasswordChanged(msgspec.Struct, frozen=True):
    """The password is changed and every other session ended; this one goes on under a new token."""

    session_token: str
    new_backup_code: str | None


class NoPassword(msgspec.Struct, frozen=True):
    """The user's organisation signs in elsewhere by now, there: nobody of it has a password here."""

    url: str | None


PasswordRefused = lockouts.WrongPassword | lockouts.Wait | ProofRefused | MalformedCode | SessionOver


def change_password(
    house: House,
    session: Session,
    asked: NewPassword,
    *,
    visitor: Visitor,
    at: datetime,
) -> PasswordChanged | NoPassword | Weakness | PasswordRefused:
    """Change the password: the old one first, then the code where a factor exists."""
    if session.person.sso:
        return NoPassword(session.person.sso_url)
    new = normalise(asked.new_password)
    weak = directory.weak_password(new, session.person.email, session.person.name)
    if weak is not None:
        return weak
    proof = proofs.parse(asked.code)
    if session.person.has_second_factor and isinstance(proof, proofs.Malformed):
        return MalformedCode()
    proved = lockouts.prove_password(
        house, session.person.email, asked.password, client=asked.client, address=visitor.address, at=at,
    )  # fmt: skip
    if not isinstance(proved, lockouts.Proved):
        return proved
    hashed = house.hasher.hash(new)
    with house.db.write() as connection:
        lockouts.settle(connection, proved)
        person = directory.hold_person(connection, session.person.id)
        if person is None or person.security_version != session.person.security_version:
            return SessionOver()
        if person.sso:
            return NoPassword(person.sso_url)
        new_backup_code = None
        if person.has_second_factor:
            if isinstance(proof, proofs.Malformed):
                return MalformedCode()
            passed = factors.prove(house, connection, person, proof, door="password", visitor=visitor, at=at)
            if not isinstance(passed, Passed):
                return passed
            new_backup_code = passed.new_backup_code
        version = directory.set_password(connection, person.id, hashed, at, by_mail=False)
        audit.record(
            connection, "password_changed", at=at, account_id=person.account_id, actor=audit.user(person.id),
            subject_id=person.id, visitor=visitor,
        )  # fmt: skip
        directory.tell(
            house, connection, person, "password_changed", at, address=visitor.address, browser=visitor.browser,
        )  # fmt: skip
        raised = person.security_version if version is None else version
        renewed = sessions.renew(house, connection, session, security_version=raised, visitor=visitor, at=at)
        return PasswordChanged(renewed.token, new_backup_code)
