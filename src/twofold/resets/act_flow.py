"""What somebody does about a case that is open: send it again, cancel it, approve it.

Who acts must oversee the user and be somebody else; only the user answers.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.directory.authority import may_act
from twofold.directory.refusals import NoMail, NotYourself
from twofold.directory.user import User
from twofold.events import reset_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.resets import records
from twofold.resets.case import Act, Case, State, allows, may_approve, sees, standing
from twofold.resets.flow import close_if_dead, post_link
from twofold.resets.history_flow import note, notify_of_support
from twofold.resets.outcomes import Acted, ActRefused, NoSuchCase, WrongState


def send_again(
    context: AppContext,
    actor: User,
    case_id: UUID,
    *,
    origin: Origin,
) -> Acted | NoMail | ActRefused:
    """Send another link; the one before it is void when the new one goes out."""
    if not context.outbox.configured:
        return NoMail()
    by_actor = origin.by(acting.user(actor.id))
    with context.db.write() as connection:
        case = _held(connection, actor, case_id, Act.SEND, origin.at)
        if not isinstance(case, Case):
            return case
        records.change(
            connection, case.id, letter=post_link(context, connection, case.key, case.asked.email, origin.at)
        )
        note(connection, case.key, reset_kinds.ResetSentAgain, origin=by_actor, words=case.reason)
        notify_of_support(context, connection, actor, case.subject, "sent_again", case.reason, origin.at)
        return _acted(connection, case)


def cancel(
    context: AppContext,
    actor: User,
    case_id: UUID,
    *,
    origin: Origin,
) -> Acted | ActRefused:
    """Take the request back: its links are void at once and the user's account stays as it is."""
    by_actor = origin.by(acting.user(actor.id))
    with context.db.write() as connection:
        case = _held(connection, actor, case_id, Act.CANCEL, origin.at)
        if not isinstance(case, Case):
            return case
        records.change(connection, case.id, state=State.CANCELLED, ended_at=origin.at)
        note(connection, case.key, reset_kinds.ResetCancelled, origin=by_actor, words=case.reason)
        notify_of_support(context, connection, actor, case.subject, "cancelled", case.reason, origin.at)
        return _acted(connection, case)


def approve(
    context: AppContext,
    actor: User,
    case_id: UUID,
    *,
    origin: Origin,
) -> Acted | ActRefused:
    """Approve a case whose user can prove only their mailbox: neither its requester nor its subject may."""
    by_actor = origin.by(acting.user(actor.id))
    with context.db.write() as connection:
        case = _held(connection, actor, case_id, Act.APPROVE, origin.at)
        if not isinstance(case, Case):
            return case
        if not may_approve(case, actor):
            return NotYourself()
        records.change(connection, case.id, approved_by=actor.id, approved_at=origin.at)
        note(connection, case.key, reset_kinds.ResetApproved, origin=by_actor, words=case.reason)
        notify_of_support(context, connection, actor, case.subject, "approved", case.reason, origin.at)
        return _acted(connection, case)


def _held(
    connection: sa.Connection,
    actor: User,
    case_id: UUID,
    act: Act,
    at: datetime,
) -> Case | ActRefused:
    """Find a case to act on and hold its user, or say why this person cannot."""
    seen = records.find(connection, case_id)
    if seen is None or not sees(actor, seen) or not directory.is_as_before(connection, actor):
        return NoSuchCase()
    directory.lock_user_row(connection, seen.subject.id)
    case = records.find(connection, case_id) or seen
    if not may_act(actor, case.subject):
        return NotYourself()
    if not allows(case, act, at):
        close_if_dead(connection, case, at)
        return WrongState(standing(case, at))
    return case


def _acted(connection: sa.Connection, case: Case) -> Acted:
    return Acted(records.find(connection, case.id) or case)
