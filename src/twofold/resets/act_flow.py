"""What somebody does about a case that is open: send it again, cancel it, approve it.

Who acts must oversee the user and be somebody else; only the user answers.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.authority import may_act
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.visitor import Visitor
from twofold.resets import records
from twofold.resets.case import Act, Case, State, allows, may_approve, sees, standing
from twofold.resets.flow import close_if_dead, holds_still, post_link
from twofold.resets.history_flow import actor_of, note, tell_of_support
from twofold.resets.outcomes import Acted, ActRefused, NoMail, NoSuchCase, NotYourself, WrongState


def send_again(
    house: House,
    actor: Person,
    case_id: UUID,
    *,
    visitor: Visitor = audit.HERE,
    at: datetime,
) -> Acted | NoMail | ActRefused:
    """Send another link; the one before it dies when the new one goes out."""
    if not house.outbox.configured:
        return NoMail()
    with house.db.write() as connection:
        case = _held(connection, actor, case_id, Act.SEND, at)
        if not isinstance(case, Case):
            return case
        records.change(connection, case.id, letter=post_link(house, connection, case.key, case.asked.email, at))
        note(connection, case.key, "sent_again", actor=actor_of(actor), words=case.reason, visitor=visitor, at=at)
        tell_of_support(house, connection, actor, case.subject, "sent_again", case.reason, at)
        return _acted(connection, case)


def cancel(
    house: House,
    actor: Person,
    case_id: UUID,
    *,
    visitor: Visitor = audit.HERE,
    at: datetime,
) -> Acted | ActRefused:
    """Take the request back: its links die at once and the user's account stays as it is."""
    with house.db.write() as connection:
        case = _held(connection, actor, case_id, Act.CANCEL, at)
        if not isinstance(case, Case):
            return case
        records.change(connection, case.id, state=State.CANCELLED, ended_at=at)
        note(connection, case.key, "cancelled", actor=actor_of(actor), words=case.reason, visitor=visitor, at=at)
        tell_of_support(house, connection, actor, case.subject, "cancelled", case.reason, at)
        return _acted(connection, case)


def approve(
    house: House,
    actor: Person,
    case_id: UUID,
    *,
    visitor: Visitor = audit.HERE,
    at: datetime,
) -> Acted | ActRefused:
    """Vouch for a case whose user can prove only their mailbox: somebody who is neither requester nor subject does."""
    with house.db.write() as connection:
        case = _held(connection, actor, case_id, Act.APPROVE, at)
        if not isinstance(case, Case):
            return case
        if not may_approve(case, actor):
            return NotYourself()
        records.change(connection, case.id, approved_by=actor.id, approved_at=at)
        note(connection, case.key, "approved", actor=actor_of(actor), words=case.reason, visitor=visitor, at=at)
        tell_of_support(house, connection, actor, case.subject, "approved", case.reason, at)
        return _acted(connection, case)


def _held(
    connection: sa.Connection,
    actor: Person,
    case_id: UUID,
    act: Act,
    at: datetime,
) -> Case | ActRefused:
    """Find a case to act on and hold its user, or say why this person cannot."""
    seen = records.find(connection, case_id)
    if seen is None or not sees(actor, seen) or not holds_still(connection, actor):
        return NoSuchCase()
    directory.hold_person(connection, seen.subject.id)
    case = records.find(connection, case_id) or seen
    if not may_act(actor, case.subject):
        return NotYourself()
    if not allows(case, act, at):
        close_if_dead(connection, case, at)
        return WrongState(standing(case, at))
    return case


def _acted(connection: sa.Connection, case: Case) -> Acted:
    return Acted(records.find(connection, case.id) or case)
