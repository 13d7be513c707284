"""The answer to a reset link: confirmed with the password, or refused. And the reset from the server's command line."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.password import normalise
from twofold.directory.person import Person
from twofold.factors import flow as factors
from twofold.kit.house import House
from twofold.kit.tokens import digest, new_id
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.resets import records
from twofold.resets.case import (
    CONSOLE,
    MOST_WRONG_PASSWORDS,
    OPEN_STATES,
    Case,
    Death,
    Key,
    State,
    needs_approval,
)
from twofold.resets.flow import close_cases_of, close_if_dead, usable_reason
from twofold.resets.history_flow import note, tell_overseers
from twofold.resets.link import Dead, Open, Over, Unknown, Used, link_verdict
from twofold.resets.outcomes import (
    ApprovalRequired,
    ConfirmRefused,
    LinkOver,
    MissingReason,
    NewPasswordRequired,
    NotEnabled,
    NotYet,
    RefusalDone,
    ResetDone,
    SamePassword,
    WrongPassword,
)
from twofold.sessions import flow as sessions


class Given(NamedTuple):
    """What somebody sends to confirm; the new password may stay empty where none is demanded."""

    password: str
    new_password: str = ""


def confirm(
    house: House,
    token: str,
    given: Given,
    *,
    visitor: Visitor = audit.HERE,
    at: datetime,
) -> ResetDone | ConfirmRefused:
    """Switch two-factor authentication off for whoever holds the link and knows the password.

    What needs no password is said before one is charged. Each password is charged to the case and committed before it
    is hashed; there are no waits, but the fifth wrong one closes the case.
    """
    found = _find(house, token, at)
    if isinstance(found, LinkOver):
        return found
    case, person = found
    with house.db.read() as connection:
        not_yet = _why_not_yet(connection, case, person, given)
    if not_yet is not None:
        return not_yet
    with house.db.write() as connection:
        tries = records.charge_password(connection, case.id, digest(token), at)
    if tries is None:
        return _over_meanwhile(house, token, at)
    if not lockouts.verify_password_for_link(house, person, given.password):
        return _wrong_password(house, case, tries, visitor, at)
    hashed = house.hasher.hash(normalise(given.new_password)) if given.new_password else None
    with house.db.write() as connection:
        held = _hold(connection, token, at, charged=True)
        if isinstance(held, LinkOver):
            return held
        case, now = held
        lockouts.hold_counts(connection, now.id)  # a lock that falls just now demands a new password, too
        not_yet = _why_not_yet(connection, case, now, given)
        if not_yet is not None:
            return not_yet
        if now.password_set_at != person.password_set_at:  # what was proved is not their password any more
            return WrongPassword(MOST_WRONG_PASSWORDS - tries)
        if not records.answer(connection, case.id, digest(token), State.CONFIRMED, at):
            return LinkOver(Used(case))
        note(connection, case.key, "confirmed", actor=audit.user(now.id), words=case.reason, visitor=visitor, at=at)
        tell_overseers(house, connection, case, "reset_done_by_user", at)
        done = _switch_off(house, connection, now, hashed, visitor, at)
        sessions.forget_ended(connection, now.id)
        return done


def refuse(house: House, token: str, *, visitor: Visitor = audit.HERE, at: datetime) -> RefusalDone | LinkOver:
    """Close the case as refused: the account stays as it is, and its administrators are told."""
    found = _find(house, token, at)
    if isinstance(found, LinkOver):
        return found
    with house.db.write() as connection:
        held = _hold(connection, token, at)
        if isinstance(held, LinkOver):
            return held
        case, person = held
        if not records.answer(connection, case.id, digest(token), State.REFUSED, at):
            return LinkOver(Used(case))
        note(connection, case.key, "refused", actor=audit.NOBODY, visitor=visitor, at=at)
        directory.tell(
            house, connection, person, "reset_refused_by_you", at, address=visitor.address, browser=visitor.browser,
        )  # fmt: skip
        tell_overseers(house, connection, case, "reset_refused", at)
        return RefusalDone()


def reset_now(
    house: House, connection: sa.Connection, held: Person, reason: str, at: datetime
) -> ResetDone | NotEnabled | MissingReason:
    """Switch the second factor of a user off who is held: for the command line on the server, without asking them."""
    words = reason.strip()
    if not usable_reason(words):
        return MissingReason()
    if not held.has_second_factor:
        return NotEnabled()
    close_cases_of(connection, held.id, at, why=CONSOLE)
    key = Key(new_id(), held.account_id, held.id)
    records.insert(
        connection,
        {
            "id": key.id,
            "account_id": key.account_id,
            "user_id": key.user_id,
            "requester_kind": CONSOLE,
            "reason": words,
            "state": State.CONFIRMED,
            "requested_at": at,
            "email": held.email,
            "second_factor_since": held.second_factor_since,
            "factors_changed_at": held.factors_changed_at,
            "password_tries": 0,
            "ended_at": at,
            "ended_why": CONSOLE,
        },
    )
    note(connection, key, "done_on_the_server", actor=audit.CONSOLE, words=words, at=at)
    return _switch_off(house, connection, held, None, audit.HERE, at)


def _switch_off(
    house: House,
    connection: sa.Connection,
    person: Person,
    hashed: str | None,
    visitor: Visitor,
    at: datetime,
) -> ResetDone:
    """Leave the held user like one who never had a second factor: sessions and sign-ins end, the lock is lifted.

    Links to choose a password die of `reset_confirmed_at`: whoever uses one compares it with the moment the link was
    made, so nothing above this room has to be called.
    """
    factors.switch_off(connection, person, at)
    lockouts.lift_after_reset(connection, person)
    if hashed is not None:
        directory.set_password(connection, person.id, hashed, at, by_mail=False)
    directory.change_user(connection, person.id, {"reset_confirmed_at": at}, ends_sessions=False)
    directory.tell(
        house, connection, person, "reset_done", at, new_password=hashed is not None, address=visitor.address,
        browser=visitor.browser,
    )  # fmt: skip
    return ResetDone(person.eligibility(house.settings.two_factor_editions, at))


def _why_not_yet(connection: sa.Connection, case: Case, person: Person, given: Given) -> NotYet | None:
    """Say what is missing before a password is worth a try."""
    if needs_approval(case):
        return ApprovalRequired()
    if not given.new_password:
        return NewPasswordRequired() if lockouts.locked_since_password(connection, person) else None
    new = normalise(given.new_password)
    if new == normalise(given.password):
        return SamePassword()
    return directory.weak_password(new, person.email, person.name)


def _wrong_password(house: House, case: Case, tries: int, visitor: Visitor, at: datetime) -> WrongPassword:
    """Write a wrong password down. Whoever charged the last try closes the case, so that it happens exactly once."""
    last = tries >= MOST_WRONG_PASSWORDS
    with house.db.write() as connection:
        directory.hold_person(connection, case.subject.id)
        note(connection, case.key, "password_wrong", actor=audit.NOBODY, result="refused", visitor=visitor, at=at)
        closed = {"state": State.CLOSED, "ended_at": at, "ended_why": Death.WRONG_PASSWORDS}
        if last and records.change(connection, case.id, **closed):
            note(connection, case.key, "closed", actor=audit.SYSTEM, words=Death.WRONG_PASSWORDS, at=at)
            tell_overseers(house, connection, case, "reset_closed", at)
    return WrongPassword(MOST_WRONG_PASSWORDS - tries)


def _find(house: House, token: str, at: datetime) -> tuple[Case, Person] | LinkOver:
    """Find the case of an open link and its user; where the case has died meanwhile, write that down."""
    with house.db.read() as connection:
        verdict = link_verdict(records.find_link(connection, digest(token)), at)
        if isinstance(verdict, Open):
            person = directory.find_person(connection, verdict.case.subject.id)
            return LinkOver(Unknown()) if person is None else (verdict.case, person)
    if isinstance(verdict, Dead) and verdict.case.state in OPEN_STATES:
        with house.db.write() as connection:
            _hold(connection, token, at)
    return LinkOver(verdict)


def _hold(
    connection: sa.Connection, token: str, at: datetime, *, charged: bool = False
) -> tuple[Case, Person] | LinkOver:
    """Hold the user of a link and return its case, if it is still open.

    `charged`: the try that leads here has its own place among the five, so a full count does not speak against it.
    """
    seen = records.find_link(connection, digest(token))
    person = None if seen is None else directory.hold_person(connection, seen.case.subject.id)
    if seen is not None:
        records.hold(connection, seen.case.id)
    link = records.find_link(connection, digest(token))
    if link is None or person is None:
        return LinkOver(Unknown())
    if charged:
        link = msgspec.structs.replace(link, case=link.case._replace(password_tries=0))
    verdict = link_verdict(link, at)
    if isinstance(verdict, Open):
        return verdict.case, person
    close_if_dead(connection, link.case, at)
    return LinkOver(verdict)


def _over_meanwhile(house: House, token: str, at: datetime) -> LinkOver:
    """Say what became of a link between the look at it and the charge."""
    with house.db.read() as connection:
        verdict: Open | Over = link_verdict(records.find_link(connection, digest(token)), at)
    return LinkOver(Unknown() if isinstance(verdict, Open) else verdict)
