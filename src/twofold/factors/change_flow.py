"""Changing factors that exist: a new backup code, another name, one authenticator less, everything off.

Each takes password and code; the password is checked first, and a wrong one leaves the code untouched.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.factors import flow as factors
from twofold.factors import proof as proofs
from twofold.factors import records
from twofold.factors.enrolment_flow import NAME_LENGTH
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    MalformedCode,
    NoSuchAuthenticator,
    NotEnabled,
    Passed,
    ProofRefused,
    RequiredByPolicy,
    SessionOver,
)
from twofold.kit.house import House
from twofold.kit.tokens import digest, new_token
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session

LAST_QUESTION_LIFE = timedelta(minutes=10)

T = TypeVar("T")
R = TypeVar("R")


class Proofs(NamedTuple):
    """What every change of factors takes, and the browser or client it comes from."""

    password: str
    code: str
    client: str | None


ProofsRefused = lockouts.WrongPassword | lockouts.Wait | ProofRefused | MalformedCode | NotEnabled | SessionOver


def regenerate(
    house: House,
    session: Session,
    given: Proofs,
    *,
    visitor: Visitor,
    at: datetime,
    seen: bool,
) -> Changed | ProofsRefused:
    """Put a new backup code in the place of the old one; `seen` where the answer itself hands it to a program."""

    def change(connection: sa.Connection, person: Person, _passed: Passed) -> Changed:
        code = factors.new_backup_code(connection, person, at, seen=seen)
        version = directory.end_sessions(connection, person.id)
        token = _go_on(house, connection, session, person, version, "backup_code_regenerated", visitor, at)
        return Changed(token, code, "regenerated")

    return with_proofs(house, session, given, change, door="regenerate", visitor=visitor, at=at)


def ask_removal(
    house: House,
    session: Session,
    given: Proofs,
    *,
    visitor: Visitor,
    at: datetime,
) -> AwaitsLastQuestion | RequiredByPolicy | ProofsRefused:
    """Prove a removal; what is left is the last question, within ten minutes."""
    if _required(house, session.person, at):
        return RequiredByPolicy()

    def change(connection: sa.Connection, person: Person, passed: Passed) -> AwaitsLastQuestion:
        token = new_token("remove")
        records.ask_removal(
            connection,
            {
                "session_id": session.id,
                "user_id": person.id,
                "account_id": person.account_id,
                "token_hash": digest(token),
                "expires_at": at + LAST_QUESTION_LIFE,
            },
        )
        return AwaitsLastQuestion(token, passed.new_backup_code)

    return with_proofs(house, session, given, change, door="remove", visitor=visitor, at=at)


def answer_removal(
    house: House,
    session: Session,
    confirmation: str,
    *,
    visitor: Visitor,
    at: datetime,
) -> Changed | RequiredByPolicy | SessionOver:
    """Carry a proved removal out. SessionOver: it was not proved in this session, or more than ten minutes ago."""
    with house.db.write() as connection:
        person = _hold_with_policy(connection, session)
        if person is None:
            return SessionOver()
        if _required(house, person, at):
            return RequiredByPolicy()
        if factors.hold(connection, person.id).locked:
            return SessionOver()
        if not records.is_removal_asked(connection, session.id, digest(confirmation), at):
            return SessionOver()
        return _remove(house, connection, session, person, visitor, at)


def remove(
    house: House,
    session: Session,
    given: Proofs,
    *,
    visitor: Visitor,
    at: datetime,
) -> Changed | RequiredByPolicy | ProofsRefused:
    """Switch two-factor authentication off at once, for clients that ask their own last question."""
    if _required(house, session.person, at):
        return RequiredByPolicy()

    def change(connection: sa.Connection, person: Person, _passed: Passed) -> Changed:
        return _remove(house, connection, session, person, visitor, at)

    def why_not(_connection: sa.Connection, person: Person) -> RequiredByPolicy | None:
        return RequiredByPolicy() if _required(house, person, at) else None

    return with_proofs(
        house, session, given, change, why_not, door="remove", visitor=visitor, at=at, hold=_hold_with_policy,
    )  # fmt: skip


def remove_one(
    house: House,
    session: Session,
    authenticator: UUID,
    given: Proofs,
    *,
    visitor: Visitor,
    at: datetime,
) -> Changed | NoSuchAuthenticator | LastAuthenticator | ProofsRefused:
    """Remove one authenticator; the last one goes only with two-factor authentication itself."""
    with house.db.read() as connection:
        refused = _why_not_one(connection, session.person, authenticator)
    if refused is not None:
        return refused

    def change(connection: sa.Connection, person: Person, passed: Passed) -> Changed:
        records.delete_authenticator(connection, person.id, authenticator)
        version = directory.factors_changed(connection, person.id, at, since=person.second_factor_since)
        token = _go_on(house, connection, session, person, version, "authenticator_removed", visitor, at)
        return Changed(token, passed.new_backup_code, "removed_one")

    def why_not(connection: sa.Connection, person: Person) -> NoSuchAuthenticator | LastAuthenticator | None:
        return _why_not_one(connection, person, authenticator)

    return with_proofs(house, session, given, change, why_not, door="remove_one", visitor=visitor, at=at)


def rename(
    house: House,
    session: Session,
    authenticator: UUID,
    name: str,
    *,
    visitor: Visitor,
    at: datetime,
) -> bool | NoSuchAuthenticator:
    """Give an authenticator another name; False when the name is empty, too long or has control characters."""
    text = name.strip()
    if not 1 <= len(text) <= NAME_LENGTH or not text.isprintable():
        return False
    with house.db.write() as connection:
        if not records.rename(connection, session.person.id, authenticator, text):
            return NoSuchAuthenticator()
        audit.record(
            connection, "authenticator_renamed", at=at, account_id=session.person.account_id,
            actor=audit.user(session.person.id), subject_id=session.person.id, visitor=visitor, details={"name": text},
        )  # fmt: skip
    return True


def with_proofs(
    house: House,
    session: Session,
    given: Proofs,
    change: Callable[[sa.Connection, Person, Passed], T],
    why_not: Callable[[sa.Connection, Person], R | None] = lambda _connection, _person: None,
    *,
    door: str,
    visitor: Visitor,
    at: datetime,
    hold: Callable[[sa.Connection, Session], Person | None] | None = None,
) -> T | R | ProofsRefused:
    """Carry a change out for somebody who proves password and second factor.

    `hold` may hold more than the user. `why_not` looks once more at what is held, before a backup code is spent on a
    change that cannot be.
    """
    if not session.person.has_second_factor:
        return NotEnabled()
    proof = proofs.parse(given.code)
    if isinstance(proof, proofs.Malformed):
        return MalformedCode()
    proved = lockouts.prove_password(
        house, session.person.email, given.password, client=given.client, address=visitor.address, at=at,
    )  # fmt: skip
    if not isinstance(proved, lockouts.Proved):
        return proved
    with house.db.write() as connection:
        lockouts.settle(connection, proved)
        person = (hold or _hold)(connection, session)
        if person is None:
            return SessionOver()
        refused = why_not(connection, person)
        if refused is not None:
            return refused
        factors.hold(connection, person.id)
        passed = factors.prove(house, connection, person, proof, door=door, visitor=visitor, at=at)
        if not isinstance(passed, Passed):
            return passed
        return change(connection, person, passed)


def _hold(connection: sa.Connection, session: Session) -> Person | None:
    """Hold the user of a session; None when it has ended since it was read."""
    person = directory.hold_person(connection, session.person.id)
    return None if person is None or person.security_version != session.person.security_version else person


def _hold_with_policy(connection: sa.Connection, session: Session) -> Person | None:
    """Hold the user of a session and their account's policy, which rests on who has a second factor."""
    directory.lock_account(connection, session.person.account_id)
    return _hold(connection, session)


def _remove(
    house: House,
    connection: sa.Connection,
    session: Session,
    person: Person,
    visitor: Visitor,
    at: datetime,
) -> Changed:
    version = factors.switch_off(connection, person, at)
    token = _go_on(house, connection, session, person, version, "two_factor_removed", visitor, at)
    return Changed(token, None, "removed")


def _required(house: House, person: Person, at: datetime) -> bool:
    return person.eligibility(house.settings.two_factor_editions, at).required


def _why_not_one(
    connection: sa.Connection,
    person: Person,
    authenticator: UUID,
) -> NoSuchAuthenticator | LastAuthenticator | None:
    own = [row.id for row in records.authenticators_of(connection, person.id)]
    if authenticator not in own:
        return NoSuchAuthenticator()
    return LastAuthenticator() if len(own) == 1 else None


def _go_on(
    house: House,
    connection: sa.Connection,
    session: Session,
    person: Person,
    version: int | None,
    kind: str,
    visitor: Visitor,
    at: datetime,
) -> str:
    """Write a change down, tell its user, and let the session that made it go on under a new token."""
    audit.record(
        connection, kind, at=at, account_id=person.account_id, actor=audit.user(person.id), subject_id=person.id,
        visitor=visitor,
    )  # fmt: skip
    directory.tell(house, connection, person, kind, at, address=visitor.address, browser=visitor.browser)
    raised = person.security_version if version is None else version
    return sessions.renew(house, connection, session, security_version=raised, visitor=visitor, at=at).token
