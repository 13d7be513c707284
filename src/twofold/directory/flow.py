"""Users: found, held and changed; add_user_flow.py makes them, accounts_flow.py has their accounts."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import records
from twofold.directory.email_address import domain_of, email_key
from twofold.directory.user import User


def find_user(connection: sa.Connection, user_id: UUID) -> User | None:
    """Find a user and their account by id."""
    return records.user_by_id(connection, user_id)


def seats_taken(connection: sa.Connection, account_id: UUID) -> int:
    """Count the licences of an account that are in use."""
    return records.seats_taken(connection, account_id)


def is_as_before(connection: sa.Connection, user: User) -> bool:
    """Tell whether nothing has ended the sessions of a user since they were read: role, freezing and factors do.

    Whoever acts asks it of themselves, once what they act on is held: their rights may be gone meanwhile.
    """
    now = records.user_by_id(connection, user.id)
    return now is not None and now.security_version == user.security_version


def lock_user_row(connection: sa.Connection, user_id: UUID) -> User | None:
    """Find a user and keep others from changing them until the transaction ends.

    Whatever changes factors, password or version holds the user first, then the budgets: one order, so no deadlock.
    """
    return records.user_by_id(connection, user_id, hold=True)


def find_user_by_email(connection: sa.Connection, email: str) -> User | None:
    """Find a user and their account by an address as somebody typed it."""
    return records.user_by_email(connection, email_key(email))


def user_ids_by_email(connection: sa.Connection, email: str) -> tuple[UUID, UUID] | None:
    """Return the id of the user with an address as somebody typed it, and their account's."""
    return records.user_ids_by_email(connection, email_key(email))


def sso_url(connection: sa.Connection, email: str) -> str | None:
    """Return where somebody with this address signs in when its domain belongs to single sign-on."""
    return records.sso_url_of_domain(connection, domain_of(email))


def other_admins(connection: sa.Connection, account_id: UUID, except_id: UUID) -> int:
    """Count the administrators of an account who are active and not frozen, beside one user; hold the account first.

    Some of them may never have signed in: `lockouts.flow` counts those who can act.
    """
    return records.other_admins(connection, account_id, except_id)


def change_user(connection: sa.Connection, user_id: UUID, values: dict[str, Any], *, ends_sessions: bool) -> int | None:
    """Change a user's row; where the change ends their sessions the security version rises.

    Return the version; None where there is no such user.

    Raises:
        IntegrityError: `values` hold an `email_key` that another user has.

    """
    return records.update_user(connection, user_id, values, ends_sessions=ends_sessions)


def set_password(connection: sa.Connection, user_id: UUID, hashed: str, at: datetime, *, by_mail: bool) -> int | None:
    """Give a user a new password and end their sessions; return the raised version, None where there is no such user.

    One set by mail stays unproven until it has been used with the second factor: the mailbox alone is never both.
    """
    values = {"password_hash": hashed, "password_set_at": at, "password_unproven": by_mail}
    return records.update_user(connection, user_id, values, ends_sessions=True)


def note_first_sign_in(connection: sa.Connection, user: User, at: datetime) -> None:
    """Write down that a user has completed a sign-in, where nothing says so yet: no statement for any after the first.

    Who has a second factor has come to set it up; and their row must not be written once their budget is held.
    """
    if user.first_signed_in_at is None and not user.has_second_factor:
        records.note_first_sign_in(connection, user.id, at)


def void_password(connection: sa.Connection, user_id: UUID) -> int | None:
    """Take a user's password away, because somebody else knows it or may know it. End their sessions.

    Return the raised version; None where there is no such user.
    """
    values = {"password_hash": None, "password_set_at": None, "password_unproven": False}
    return records.update_user(connection, user_id, values, ends_sessions=True)


def password_proven(connection: sa.Connection, user_id: UUID, security_version: int) -> bool:
    """Note that a password has been used together with the second factor.

    `security_version` is that under which it was used. Every new password raises it, so another one that was set by
    mail meanwhile stays unproven; False then.
    """
    return records.password_proven(connection, user_id, security_version)


def strengthen_password(connection: sa.Connection, user_id: UUID, old: str, new: str) -> None:
    """Replace the hash of a password by one made under today's parameters."""
    records.strengthen_password_hash(connection, user_id, old, new)


def factors_changed(
    connection: sa.Connection, user_id: UUID, at: datetime, *, since: datetime | None, passkey_since: datetime | None
) -> int | None:
    """Note that a user's factors changed, and since when they protect (None: no longer). End their sessions.

    Return the raised version; None where there is no such user.
    """
    values: dict[str, Any] = {"second_factor_since": since, "passkey_since": passkey_since, "factors_changed_at": at}
    if since is not None:
        values["password_unproven"] = False
    return records.update_user(connection, user_id, values, ends_sessions=True)


def end_sessions(connection: sa.Connection, user_id: UUID) -> int | None:
    """Raise a user's security version, and return it: sessions and sign-in attempts under the old one are ended."""
    return records.update_user(connection, user_id, {}, ends_sessions=True)
