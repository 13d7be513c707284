"""Giving somebody access, or giving it back: invitations, unfreezing, and what voids links that were mailed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import accounts_flow, add_user_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.authority import oversees
from twofold.directory.refusals import NoMail, NotYourself
from twofold.directory.user import User
from twofold.events import directory_kinds, kinds
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import invitation_flow as invitations
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.recovery import browser_records, records
from twofold.recovery.outcomes import Invited, NotFrozen, NotInvited, Unfrozen
from twofold.recovery.password_flow import ask_link
from twofold.recovery.password_link import Purpose, quiet_until
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason


def invite(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    origin: Origin,
) -> Invited | NotInvited | NoMail:
    """Mail a user without a password a link to choose one; a newer invitation takes the place of an older.

    Where the address is somebody's in another account, the same is written down, and its owner is told instead. Within
    24 hours of a confirmed reset the letter waits until they are over. One that waits already is not repeated.
    """
    why = _why_not_invited(user)
    if why is not None:
        return NotInvited(why)
    if not context.outbox.configured:
        return NoMail()
    not_before = records.promised(connection, user.id, origin.at)
    if not_before is None:
        not_before = quiet_until(user, origin.at)
        if origin.actor.kind != "user":
            invitations.note(connection, user.account_id, user.email, origin.at)
        owner = directory.find_user_by_email(connection, user.email) or user
        ask_link(
            context, connection, user, Purpose.INVITATION, origin.at, not_before=not_before,
            by=origin.actor.id if origin.actor.kind == "user" else None, recipient=owner.email,
        )  # fmt: skip
    audit.record(connection, directory_kinds.Invited(), origin=origin, account_id=user.account_id, subject_id=user.id)
    return Invited(not_before)


def invite_again(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    origin: Origin,
) -> Invited | NotInvited | NoMail | TooManyInvitations | InvitedToday:
    """Invite a user, whose row is held, once more, as far as their account may.

    Raises:
        IntegrityError: their address was free, and somebody else got it at the same moment.

    """
    why = _why_not_invited(user)
    if why is not None:
        return NotInvited(why)
    if not context.outbox.configured:
        return NoMail()
    account = accounts_flow.find_account(connection, user.account_id)
    refused = None if account is None else invitations.charge(connection, account, user.email, origin.at)
    if refused is not None:
        return refused
    return invite(context, connection, add_user_flow.claim_address(connection, user), origin)


def unfreeze(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    *,
    origin: Origin,
    reason: str,
) -> Unfrozen | NotFrozen | NotYourself | NoMail:
    """Let a frozen user come back: their old password is void, and a link to choose a new one is mailed.

    Within 24 hours of a confirmed reset the letter waits until they are over. Only the command line unfreezes without a
    mail server; the user then has no password until there is one, or an operator sets it.
    """
    if origin.actor.kind == "user" and origin.actor.id == user.id:
        return NotYourself()
    held = directory.lock_user_row(connection, user.id)
    if held is None or held.frozen_at is None:
        return NotFrozen()
    if not context.outbox.configured and origin.actor.kind != acting.CONSOLE.kind:
        return NoMail()
    directory.change_user(connection, held.id, {"frozen_at": None}, ends_sessions=False)
    directory.void_password(connection, held.id)
    back = held._replace(frozen_at=None, password_hash=None, password_set_at=None)
    not_before = quiet_until(back, origin.at)
    records.void(connection, held.id)
    ask_link(context, connection, back, Purpose.UNFROZEN, origin.at, not_before=not_before)
    sessions.end_outdated(connection, held.id, EndReason.PASSWORD_CHANGED, origin.at)
    audit.record(
        connection, kinds.Unfrozen(), origin=origin, account_id=held.account_id, subject_id=held.id, reason=reason
    )
    _notify_admins(context, connection, back, origin.actor, reason, origin.at)
    return Unfrozen(context.outbox.configured, not_before)


def void_links(connection: sa.Connection, user_id: UUID) -> None:
    """Void every open link of a user, invitations too; for whoever changes address, password or active."""
    records.void(connection, user_id)
    browser_records.void(connection, user_id)


def void_links_of_account(connection: sa.Connection, account_id: UUID) -> None:
    """Void every open link of a whole account, invitations too; for whoever switches it to SSO."""
    records.void_of_account(connection, account_id)
    browser_records.void_of_account(connection, account_id)


def forget_decoys(connection: sa.Connection, decoys: Sequence[UUID]) -> int:
    """Delete the links of decoy letters, by the made-up user ids that they were stored under; return how many."""
    return records.forget_decoys(connection, decoys) + browser_records.forget_decoys(connection, decoys)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete links whose time is over, and return how many; for the clean-up."""
    return records.forget_over(connection, at) + browser_records.forget_over(connection, at)


def _why_not_invited(user: User) -> str | None:
    if user.sso:
        return "sso"
    if user.password_hash is not None:
        return "has_password"
    if user.frozen_at is not None:
        return "frozen"
    return None if user.active else "inactive"


def _notify_admins(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    actor: acting.Actor,
    reason: str,
    at: datetime,
) -> None:
    """Tell the administrators when it was none of them: a support agent, an operator or the command line."""
    who = directory.find_user(connection, actor.id) if actor.kind == "user" and actor.id is not None else None
    if who is not None and who.role == "admin" and oversees(who, user):
        return
    notice_flow.notify_admins(
        context, connection, user.account_id, Notice.MEMBER_UNFROZEN, at, except_id=user.id, name=user.name,
        email=user.email, user_id=str(user.id), by=actor.kind if who is None else who.name, reason=reason,
    )  # fmt: skip
