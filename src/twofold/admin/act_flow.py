"""What an administrator does for somebody of their account, with a reason; a support agent does the same in any.

Nobody acts for themselves. Whoever lost the right while their page was open is told that there is no such user.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.directory import accounts_flow, add_user_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.add_user_flow import NewUser
from twofold.directory.authority import may_act, oversees
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself, Refused
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts import invitation_flow as invitations
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.recovery import flow as recovery
from twofold.recovery.outcomes import Invited, NotFrozen, NotInvited, Unfrozen
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened, MissingReason, OpenRefused


class NotLocked(msgspec.Struct, frozen=True):
    """There is no lock (any more), so nothing was done."""


class Made(msgspec.Struct, frozen=True):
    """Somebody was made, and an invitation to them is on its way."""

    user: User


# What can come of resetting, unlocking and unfreezing somebody.
Done = CaseOpened | Unlocked | NotLocked | Unfrozen | NotFrozen
NotDone = OpenRefused | LockIsFinal


def reset(
    context: AppContext, actor: User, user_id: UUID, reason: str, *, origin: Origin
) -> CaseOpened | OpenRefused | NoSuchUser:
    """Ask somebody by email to confirm that their two-factor authentication is switched off."""
    with context.db.read() as connection:
        user = _overseen(connection, actor, user_id)
    if user is None:
        return NoSuchUser()
    return resets.open_case(context, actor, user, reason, origin=origin)


def unlock(
    context: AppContext, actor: User, user_id: UUID, reason: str, *, origin: Origin
) -> Unlocked | NotLocked | LockIsFinal | NotYourself | NoSuchUser | MissingReason:
    """Lift somebody's lock; their authenticator stays."""
    words = reason.strip()
    with context.db.write() as connection:
        user = _hold_for(connection, actor, user_id, words)
        if not isinstance(user, User):
            return user
        if (
            not lockouts.counts(connection, user.id).locked
            and mail_limits.mailbox_closed(connection, user, origin.at) is None
        ):
            return NotLocked()
        outcome = lockouts.unlock(context, connection, user, origin=origin.by(acting.user(actor.id)), reason=words)
        if isinstance(outcome, Unlocked):
            _notify_of_support(context, connection, actor, user, words, origin.at)
        return outcome


def unfreeze(
    context: AppContext, actor: User, user_id: UUID, reason: str, *, origin: Origin
) -> Unfrozen | NotFrozen | NotYourself | NoSuchUser | MissingReason | NoMail:
    """Let somebody in again who was frozen: their old password is void, and a link to choose another is mailed."""
    words = reason.strip()
    with context.db.write() as connection:
        user = _hold_for(connection, actor, user_id, words)
        if not isinstance(user, User):
            return user
        return recovery.unfreeze(context, connection, user, origin=origin.by(acting.user(actor.id)), reason=words)


def invite(
    context: AppContext, actor: User, new: NewUser, *, origin: Origin
) -> Made | Refused | NoMail | NoSuchUser | TooManyInvitations | InvitedToday:
    """Make somebody in the actor's account and mail them a link to choose a password.

    An address of another account's is answered alike: it stands in the list as invited, and its owner is told by mail.

    Raises:
        RuntimeError: the account of the actor is gone, or the new user: neither is ever deleted.

    """
    if not context.outbox.configured:
        return NoMail()
    prepared = add_user_flow.prepare_user(context, new._replace(password=None))
    if isinstance(prepared, Refused):
        return prepared
    by = acting.user(actor.id)
    with context.db.write() as connection:
        if not directory.is_as_before(connection, actor):
            return NoSuchUser()
        place = add_user_flow.place_for(connection, actor.account_id, prepared, as_placeholder=True)
        if isinstance(place, Refused):
            return place
        if place is None:
            raise RuntimeError("the account of somebody who is signed in is gone")
        refused = invitations.charge(connection, place.account, prepared.new.email, origin.at)
        if refused is not None:
            return refused
        made = add_user_flow.store_user(connection, place, prepared, origin=origin.by(by))
        if isinstance(made, Refused):
            return made
        user = directory.find_user(connection, made)
        if user is None:
            raise RuntimeError("somebody who was just made is gone")
        recovery.invite(context, connection, user, origin.by(by))
        return Made(user)


def invite_again(
    context: AppContext, actor: User, user_id: UUID, *, origin: Origin
) -> Invited | NotInvited | NoSuchUser | NoMail | TooManyInvitations | InvitedToday:
    """Mail somebody who has no password yet another link to choose one; the link before it is void."""
    try:
        return _invite_again(context, actor, user_id, origin=origin)
    except sa.exc.IntegrityError:  # their address was free for a moment, and is not any more
        return _invite_again(context, actor, user_id, origin=origin)


def _invite_again(
    context: AppContext, actor: User, user_id: UUID, *, origin: Origin
) -> Invited | NotInvited | NoSuchUser | NoMail | TooManyInvitations | InvitedToday:
    with context.db.write() as connection:
        accounts_flow.lock_account(
            connection, actor.account_id
        )  # before the user and the domain: one order, no deadlock
        user = _overseen(connection, actor, user_id, hold=True)
        if user is None:
            return NoSuchUser()
        return recovery.invite_again(context, connection, user, origin.by(acting.user(actor.id)))


def _overseen(connection: sa.Connection, actor: User, user_id: UUID, *, hold: bool = False) -> User | None:
    """Find whom the actor oversees, if the actor still is who they were when their request began."""
    find = directory.lock_user_row if hold else directory.find_user
    user = find(connection, user_id)
    seen = user is not None and oversees(actor, user) and directory.is_as_before(connection, actor)
    return user if seen else None


def _hold_for(
    connection: sa.Connection, actor: User, user_id: UUID, reason: str
) -> User | NotYourself | NoSuchUser | MissingReason:
    """Hold whom the actor may act on, for a reason that is one."""
    user = _overseen(connection, actor, user_id, hold=True)
    if user is None:
        return NoSuchUser()
    if not may_act(actor, user):
        return NotYourself()
    return user if resets.usable_reason(reason) else MissingReason()


def _notify_of_support(
    context: AppContext, connection: sa.Connection, actor: User, user: User, reason: str, at: datetime
) -> None:
    """Tell an account's administrators that a support agent unlocked one of its users, and why."""
    if actor.role == "support":
        notice_flow.notify_admins(
            context, connection, user.account_id, Notice.MEMBER_UNLOCKED, at, except_id=user.id, name=user.name,
            email=user.email, user_id=str(user.id), by=actor.name, reason=reason,
        )  # fmt: skip
