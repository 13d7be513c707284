"""Getting somebody in, or in again: invitations, unfreezing, and what voids the links that are under way."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.authority import oversees
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.visitor import Visitor
from twofold.lockouts import invitation_flow as invitations
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.recovery import browser_records, records
from twofold.recovery.outcomes import Invited, NoMail, NotFrozen, NotInvited, NotYourself, Unfrozen
from twofold.recovery.password_flow import ask_link
from twofold.recovery.password_link import Purpose, quiet_until


def invite(
    house: House,
    connection: sa.Connection,
    person: Person,
    at: datetime,
    by: audit.Actor,
    *,
    visitor: Visitor = audit.HERE,
) -> Invited | NotInvited | NoMail:
    """Mail a user without a password a link to choose one; a newer invitation takes the place of an older.

    Where the address is somebody's in another account, the same is written down, and its owner is told instead. Within
    24 hours of a confirmed reset the letter waits until they are over. One that waits already is not repeated.
    """
    why = _why_not_invited(person)
    if why is not None:
        return NotInvited(why)
    if not house.outbox.configured:
        return NoMail()
    not_before = records.promised(connection, person.id, at)
    if not_before is None:
        not_before = quiet_until(person, at)
        if by.kind != "user":
            invitations.note(connection, person.account_id, person.email, at)
        owner = directory.find_person_by_email(connection, person.email) or person
        ask_link(
            house, connection, person, Purpose.INVITATION, at, not_before=not_before,
            by=by.id if by.kind == "user" else None, recipient=owner.email,
        )  # fmt: skip
    audit.record(
        connection, "invited", at=at, account_id=person.account_id, actor=by, subject_id=person.id, visitor=visitor,
    )  # fmt: skip
    return Invited(not_before)


def invite_again(
    house: House,
    connection: sa.Connection,
    person: Person,
    at: datetime,
    by: audit.Actor,
    *,
    visitor: Visitor = audit.HERE,
) -> Invited | NotInvited | NoMail | TooManyInvitations | InvitedToday:
    """Invite a user, whose row is held, once more, as far as their account may.

    Raises:
        IntegrityError: their address was free, and somebody else got it at the same moment.

    """
    why = _why_not_invited(person)
    if why is not None:
        return NotInvited(why)
    if not house.outbox.configured:
        return NoMail()
    account = directory.find_account(connection, person.account_id)
    refused = None if account is None else invitations.charge(connection, account, person.email, at)
    if refused is not None:
        return refused
    return invite(house, connection, directory.claim_address(connection, person), at, by, visitor=visitor)


def unfreeze(
    house: House,
    connection: sa.Connection,
    person: Person,
    *,
    actor: audit.Actor,
    reason: str,
    visitor: Visitor = audit.HERE,
    at: datetime,
) -> Unfrozen | NotFrozen | NotYourself | NoMail:
    """Let a frozen user come back: their old password is void, and a link to choose a new one is mailed.

    Within 24 hours of a confirmed reset the letter waits until they are over. Only the command line unfreezes without a
    mail server; the user then has no password until there is one, or an operator sets it.
    """
    if actor.kind == "user" and actor.id == person.id:
        return NotYourself()
    held = directory.hold_person(connection, person.id)
    if held is None or held.frozen_at is None:
        return NotFrozen()
    if not house.outbox.configured and actor.kind != audit.CONSOLE.kind:
        return NoMail()
    directory.change_user(connection, held.id, {"frozen_at": None}, ends_sessions=False)
    directory.void_password(connection, held.id)
    back = held._replace(frozen_at=None, password_hash=None, password_set_at=None)
    not_before = quiet_until(back, at)
    records.void(connection, held.id)
    ask_link(house, connection, back, Purpose.UNFROZEN, at, not_before=not_before)
    audit.record(
        connection, "unfrozen", at=at, account_id=held.account_id, actor=actor, subject_id=held.id, reason=reason,
        visitor=visitor,
    )  # fmt: skip
    _tell_admins(house, connection, back, actor, reason, at)
    return Unfrozen(house.outbox.configured, not_before)


def void_links(connection: sa.Connection, user_id: UUID) -> None:
    """Make every open link of a user worthless, invitations too; for whoever changes address, password or active."""
    records.void(connection, user_id)
    browser_records.void(connection, user_id)


def void_links_of_account(connection: sa.Connection, account_id: UUID) -> None:
    """Make every open link of a whole account worthless, invitations too; for whoever switches it to SSO."""
    records.void_of_account(connection, account_id)
    browser_records.void_of_account(connection, account_id)


def forget_nobodies(connection: sa.Connection, nobodies: Sequence[UUID]) -> int:
    """Delete what was written down for ids that nobody has, when a link was asked for an address that nobody has."""
    return records.forget_nobodies(connection, nobodies) + browser_records.forget_nobodies(connection, nobodies)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete links whose time is over; for the clean-up."""
    return records.forget_over(connection, at) + browser_records.forget_over(connection, at)


def _why_not_invited(person: Person) -> str | None:
    if person.sso:
        return "sso"
    if person.password_hash is not None:
        return "has_password"
    if person.frozen_at is not None:
        return "frozen"
    return None if person.active else "inactive"


def _tell_admins(
    house: House,
    connection: sa.Connection,
    person: Person,
    actor: audit.Actor,
    reason: str,
    at: datetime,
) -> None:
    """Tell the administrators when it was none of them: a support agent, an operator or the command line."""
    who = directory.find_person(connection, actor.id) if actor.kind == "user" and actor.id is not None else None
    if who is not None and who.role == "admin" and oversees(who, person):
        return
    directory.tell_admins(
        house, connection, person.account_id, "member_unfrozen", at, except_id=person.id, name=person.name,
        email=person.email, user_id=str(person.id), by=actor.kind if who is None else who.name, reason=reason,
    )  # fmt: skip
