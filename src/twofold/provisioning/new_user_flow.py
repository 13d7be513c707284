"""A new user, as operators make one: with a password, or with an invitation to choose one."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.flow import NewUser, Refused
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.visitor import Visitor
from twofold.recovery import flow as recovery
from twofold.recovery.outcomes import Invited


class MadeUser(NamedTuple):
    """The user is made; `invited` where a letter with a link to choose a password is on its way."""

    person: Person
    invited: bool


def create_user(
    house: House,
    account_id: UUID | None,
    new: NewUser,
    *,
    actor: audit.Actor,
    visitor: Visitor,
    at: datetime,
) -> MadeUser | Refused | None:
    """Make a user in an account (None: the operator's own, for support agents). None: there is no such account.

    Without a password they are invited by mail, in the same transaction; who signs in elsewhere needs neither.
    """
    prepared = directory.prepare_user(house, new)
    if isinstance(prepared, Refused):
        return prepared
    if _needs_mail(house, account_id, new) and not house.outbox.configured:
        why = "Without a password an invitation is mailed, and there is no mail server (TWOFOLD_SMTP_URL)."
        return Refused("no_mail", "password", why)
    with house.db.write() as connection:
        made = directory.add_user(connection, account_id, prepared, actor=actor, at=at, visitor=visitor)
        if not isinstance(made, UUID):
            return made
        person = directory.find_person(connection, made)
        if person is None:
            return None
        invited = recovery.invite(house, connection, person, at, actor, visitor=visitor)
    return MadeUser(person, isinstance(invited, Invited))


def _needs_mail(house: House, account_id: UUID | None, new: NewUser) -> bool:
    if new.password is not None or not new.active:
        return False
    if account_id is None:
        return True
    with house.db.read() as connection:
        account = directory.find_account(connection, account_id)
    return account is not None and not account.sso
