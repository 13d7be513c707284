"""What an administrator does for somebody of their account, with a reason; a support agent does the same in any.

Nobody acts for themselves. Whoever lost the right while their page was open finds nobody there.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.authority import may_act, oversees
from twofold.directory.flow import NewUser, Refused
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.lockouts import invitation_flow as invitations
from twofold.lockouts.flow import LockIsFinal, NotYourself, Unlocked
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.recovery import flow as recovery
from twofold.recovery.outcomes import Invited, NoMail, NotFrozen, NotInvited, Unfrozen
from twofold.recovery.outcomes import NotYourself as NotUnfreezingYourself
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened, MissingReason, OpenRefused


class NobodyThere(msgspec.Struct, frozen=True):
    """There is nobody by that id whom the asker oversees."""


class NotLocked(msgspec.Struct, frozen=True):
    """There is no lock (any more), so nothing was done."""


class Made(msgspec.Struct, frozen=True):
    """Somebody was made, and an invitation to them is on its way."""

    person: Person


def reset(
    house: House, actor: Person, user_id: UUID, reason: str, *, visitor: Visitor, at: datetime
) -> CaseOpened | OpenRefused | NobodyThere:
    """Ask somebody by e-mail to confirm that their two-factor authentication is switched off."""
    with house.db.read() as connection:
        person = _overseen(connection, actor, user_id)
    if person is None:
        return NobodyThere()
    return resets.open_case(house, actor, person, reason, visitor=visitor, at=at)


def unlock(
    house: House, actor: Person, user_id: UUID, reason: str, *, visitor: Visitor, at: datetime
) -> Unlocked | NotLocked | LockIsFinal | NotYourself | NobodyThere | MissingReason:
    """Lift somebody's lock; their authenticator stays."""
    words = reason.strip()
    with house.db.write() as connection:
        person = _overseen(connection, actor, user_id, hold=True)
        if person is None:
            return NobodyThere()
        if not may_act(actor, person):
            return NotYourself()
        if not resets.usable_reason(words):
            return MissingReason()
        if (
            not lockouts.counts(connection, person.id).locked
            and lockouts.mailbox_closed(connection, person, at) is None
        ):
            return NotLocked()
        outcome = lockouts.unlock(
            house, connection, person, actor=audit.user(actor.id), reason=words, visitor=visitor, at=at,
        )  # fmt: skip
        if isinstance(outcome, Unlocked):
            _tell_of_support(house, connection, actor, person, words, at)
        return outcome


def unfreeze(
    house: House, actor: Person, user_id: UUID, reason: str, *, visitor: Visitor, at: datetime
) -> Unfrozen | NotFrozen | NotUnfreezingYourself | NobodyThere | MissingReason | NoMail:
    """Let somebody in again who was frozen: their old password is void, and a link to choose another is mailed."""
    words = reason.strip()
    with house.db.write() as connection:
        person = _overseen(connection, actor, user_id, hold=True)
        if person is None:
            return NobodyThere()
        if not may_act(actor, person):
            return NotUnfreezingYourself()
        if not resets.usable_reason(words):
            return MissingReason()
        return recovery.unfreeze(
            house, connection, person, actor=audit.user(actor.id), reason=words, visitor=visitor, at=at,
        )  # fmt: skip


def invite(
    house: House, actor: Person, new: NewUser, *, visitor: Visitor, at: datetime
) -> Made | Refused | NoMail | NobodyThere | TooManyInvitations | InvitedToday:
    """Make somebody in the actor's account and mail them a link to choose a password.

    An address of another account's is answered alike: it stands in the list as invited, and its owner is told by mail.
    """
    if not house.outbox.configured:
        return NoMail()
    prepared = directory.prepare_user(house, new._replace(password=None))
    if isinstance(prepared, Refused):
        return prepared
    by = audit.user(actor.id)
    with house.db.write() as connection:
        if not _still_holds(connection, actor):
            return NobodyThere()
        place = directory.place_for(connection, actor.account_id, prepared, as_placeholder=True)
        if isinstance(place, Refused):
            return place
        if place is None:
            raise RuntimeError("the account of somebody who is signed in is gone")
        refused = invitations.charge(connection, place.account, prepared.new.email, at)
        if refused is not None:
            return refused
        made = directory.store_user(connection, place, prepared, actor=by, at=at, visitor=visitor)
        if isinstance(made, Refused):
            return made
        person = directory.find_person(connection, made)
        if person is None:
            raise RuntimeError("somebody who was just made is gone")
        recovery.invite(house, connection, person, at, by, visitor=visitor)
        return Made(person)


def invite_again(
    house: House, actor: Person, user_id: UUID, *, visitor: Visitor, at: datetime
) -> Invited | NotInvited | NobodyThere | NoMail | TooManyInvitations | InvitedToday:
    """Mail somebody who has no password yet another link to choose one; the link before it dies."""
    try:
        return _invite_again(house, actor, user_id, visitor=visitor, at=at)
    except sa.exc.IntegrityError:  # their address was free for a moment, and is not any more
        return _invite_again(house, actor, user_id, visitor=visitor, at=at)


def _invite_again(
    house: House, actor: Person, user_id: UUID, *, visitor: Visitor, at: datetime
) -> Invited | NotInvited | NobodyThere | NoMail | TooManyInvitations | InvitedToday:
    with house.db.write() as connection:
        directory.lock_account(connection, actor.account_id)  # before the user and the domain: one order, no deadlock
        person = _overseen(connection, actor, user_id, hold=True)
        if person is None:
            return NobodyThere()
        return recovery.invite_again(house, connection, person, at, audit.user(actor.id), visitor=visitor)


def _overseen(connection: sa.Connection, actor: Person, user_id: UUID, *, hold: bool = False) -> Person | None:
    """Find whom the actor oversees, if the actor still is who they were when their request began."""
    find = directory.hold_person if hold else directory.find_person
    person = find(connection, user_id)
    seen = person is not None and oversees(actor, person) and _still_holds(connection, actor)
    return person if seen else None


def _still_holds(connection: sa.Connection, actor: Person) -> bool:
    """Tell whether an actor has lost nothing since their request began: role, active and frozen raise the version."""
    acting = directory.find_person(connection, actor.id)
    return acting is not None and acting.security_version == actor.security_version


def _tell_of_support(
    house: House, connection: sa.Connection, actor: Person, person: Person, reason: str, at: datetime
) -> None:
    """Tell an account's administrators that a support agent unlocked one of its users, and why."""
    if actor.role == "support":
        directory.tell_admins(
            house, connection, person.account_id, "member_unlocked", at, except_id=person.id, name=person.name,
            email=person.email, user_id=str(person.id), by=actor.name, reason=reason,
        )  # fmt: skip
