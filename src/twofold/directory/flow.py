"""What happens to accounts and users: made, changed, given a password."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import records
from twofold.directory.common_passwords import common_passwords
from twofold.directory.email_address import domain_of, email_key, usable
from twofold.directory.password import Weakness, normalise, weakness
from twofold.directory.person import Person
from twofold.kit.db import AnyRow, Database
from twofold.kit.house import House
from twofold.kit.tokens import new_id
from twofold.kit.visitor import Visitor

ROLES = ("member", "admin", "support")
NAME_LENGTH = 120


class Refused(NamedTuple):
    """A change of the directory that is not possible: a stable code, the field it is about, and what to do."""

    code: str
    field: str
    why: str


class AccountChange(NamedTuple):
    """What an operator may say of an account; None leaves a value as it is."""

    name: str | None = None
    edition: str | None = None
    sso: bool | None = None
    sso_domains: Sequence[str] | None = None
    sso_url: str | None = None
    seats: int | None = None


class NewUser(NamedTuple):
    """A user to be made. Without a password they are invited to choose one by mail."""

    email: str
    name: str
    role: str = "member"
    licensed: bool = True
    password: str | None = None


def create_account(
    db: Database,
    change: AccountChange,
    *,
    actor: audit.Actor,
    at: datetime,
    visitor: Visitor = audit.HERE,
) -> UUID | Refused:
    """Make an account: two-factor authentication is on offer from its first day where its edition has it."""
    refused = _why_not_account(change) or (None if change.name else Refused("invalid_request", "name", "Give a name."))
    if refused:
        return refused
    account_id = new_id()
    with db.write() as connection:
        values = {
            "id": account_id,
            "name": (change.name or "").strip(),
            "edition": change.edition or "enterprise",
            "is_operator": False,
            "sso": bool(change.sso),
            "sso_url": change.sso_url,
            "seats": change.seats,
            "policy": "optional",
            "required_from": None,
            "created_at": at,
        }
        if taken := _taken_domain(connection, account_id, change.sso_domains or ()):
            return taken
        records.insert_account(connection, values)
        records.replace_domains(connection, account_id, _folded(change.sso_domains or ()))
        audit.record(
            connection, "account_created", at=at, account_id=account_id, actor=actor, visitor=visitor,
            details={"name": values["name"], "edition": values["edition"], "sso": values["sso"]},
        )  # fmt: skip
    return account_id


def change_account(
    db: Database,
    account_id: UUID,
    change: AccountChange,
    *,
    actor: audit.Actor,
    at: datetime,
    visitor: Visitor = audit.HERE,
) -> UUID | Refused | None:
    """Change an account; no factor that exists is dropped by it. None: there is no such account."""
    with db.write() as connection:
        before = records.account(connection, account_id, lock=True)
        if before is None:
            return None
        values: dict[str, Any] = {
            name: value for name, value in change._asdict().items() if value is not None and name != "sso_domains"
        }
        after = change._replace(
            sso=before.sso if change.sso is None else change.sso,
            sso_url=change.sso_url or before.sso_url,
            sso_domains=records.domains_of(connection, account_id)
            if change.sso_domains is None
            else change.sso_domains,
        )
        refused = _why_not_account(after) or _taken_domain(connection, account_id, after.sso_domains or ())
        if refused:
            return refused
        if values:
            records.update_account(connection, account_id, values)
        if change.sso_domains is not None:
            records.replace_domains(connection, account_id, _folded(change.sso_domains))
        audit.record(
            connection, "account_changed", at=at, account_id=account_id, actor=actor, visitor=visitor,
            details={name: value for name, value in change._asdict().items() if value is not None},
        )  # fmt: skip
    return account_id


def create_user(
    house: House,
    account_id: UUID | None,
    new: NewUser,
    *,
    actor: audit.Actor,
    at: datetime,
    visitor: Visitor = audit.HERE,
) -> UUID | Refused | None:
    """Make a user in an account (None: the operator's own). None is returned when there is no such account."""
    refused = _why_not_user(new)
    if refused:
        return refused
    if (new.role == "support") != (account_id is None):
        return Refused(
            "invalid_request", "role", "Support agents belong to the operator's account and nobody else does."
        )
    hashed = None
    if new.password is not None:
        password = normalise(new.password)
        weak = weak_password(password, new.email, new.name)
        if weak is not None:
            return Refused("weak_password", "password", weak.value)
        hashed = house.hasher.hash(password)
    user_id = new_id()
    with house.db.write() as connection:
        home = (
            records.operator_account(connection)
            if account_id is None
            else records.account(connection, account_id, lock=True)
        )
        if home is None or (account_id is not None and home.is_operator):
            return None
        if records.person_by_email(connection, email_key(new.email)) is not None:
            return Refused("email_taken", "email", "Somebody with this e-mail address exists already.")
        if new.licensed and home.seats is not None and records.seats_taken(connection, home.id) >= home.seats:
            return Refused("no_seat_left", "licensed", f"All {home.seats} licences of this account are in use.")
        if home.sso and hashed is not None:
            return Refused(
                "sso", "password", "This account signs in with single sign-on: its users have no password here."
            )
        records.insert_user(
            connection,
            {
                "id": user_id,
                "account_id": home.id,
                "email": new.email.strip(),
                "email_key": email_key(new.email),
                "name": new.name.strip(),
                "name_key": new.name.strip().casefold(),
                "role": new.role,
                "licensed": new.licensed,
                "active": True,
                "frozen_at": None,
                "security_version": 1,
                "password_hash": hashed,
                "password_set_at": at if hashed else None,
                "password_unproven": False,
                "created_at": at,
            },
        )
        audit.record(
            connection, "user_created", at=at, account_id=home.id, actor=actor, subject_id=user_id, visitor=visitor,
            details={"email": new.email.strip(), "role": new.role, "licensed": new.licensed},
        )  # fmt: skip
    return user_id


def weak_password(password: str, *personal: str) -> Weakness | None:
    """Tell why a normalised password is too weak for somebody with this address and name, or None."""
    words = tuple(word for text in personal for word in (text, text.partition("@")[0]))
    return weakness(password, common_passwords(), (*words, "twofold"))


def find_person(connection: sa.Connection, user_id: UUID) -> Person | None:
    """Find a user and their account by id."""
    return records.person_by_id(connection, user_id)


def hold_person(connection: sa.Connection, user_id: UUID) -> Person | None:
    """Find a user and keep others from changing them until the transaction ends.

    Whatever changes factors, password or version holds the user first, then the budgets: one order, so no deadlock.
    """
    return records.person_by_id(connection, user_id, hold=True)


def find_person_by_email(connection: sa.Connection, email: str) -> Person | None:
    """Find a user and their account by an address as somebody typed it."""
    return records.person_by_email(connection, email_key(email))


def sso_url(connection: sa.Connection, email: str) -> str | None:
    """Return where somebody with this address signs in when its domain belongs to single sign-on."""
    return records.sso_url_of_domain(connection, domain_of(email))


def people_of(connection: sa.Connection, account_id: UUID | None = None) -> list[Person]:
    """List the users of an account, or all of them, by name."""
    return records.people_of(connection, account_id)


def find_account(connection: sa.Connection, account_id: UUID) -> AnyRow | None:
    """Find an account by id."""
    return records.account(connection, account_id)


def all_accounts(connection: sa.Connection) -> Sequence[AnyRow]:
    """List every account."""
    return records.all_accounts(connection)


def domains_of(connection: sa.Connection, account_id: UUID) -> list[str]:
    """List the e-mail domains of an account with single sign-on."""
    return records.domains_of(connection, account_id)


def lock_account(connection: sa.Connection, account_id: UUID) -> AnyRow | None:
    """Find an account and hold its row to the end of the transaction, for rules that count its users."""
    return records.account(connection, account_id, lock=True)


def change_user(connection: sa.Connection, user_id: UUID, values: dict[str, Any], *, ends_sessions: bool) -> int | None:
    """Change a user's row; where the change ends their sessions the security version rises. Return the version."""
    return records.update_user(connection, user_id, values, ends_sessions=ends_sessions)


def set_password(connection: sa.Connection, user_id: UUID, hashed: str, at: datetime, *, by_mail: bool) -> int | None:
    """Give a user a new password and end their sessions.

    One set by mail stays unproven until it has been used with the second factor: the mailbox alone is never both.
    """
    values = {"password_hash": hashed, "password_set_at": at, "password_unproven": by_mail}
    return records.update_user(connection, user_id, values, ends_sessions=True)


def password_proven(connection: sa.Connection, user_id: UUID) -> None:
    """Note that a password has been used together with the second factor."""
    records.update_user(connection, user_id, {"password_unproven": False}, ends_sessions=False)


def strengthen_password(connection: sa.Connection, user_id: UUID, old: str, new: str) -> None:
    """Replace the hash of a password by one made under today's parameters."""
    records.strengthen_password_hash(connection, user_id, old, new)


def factors_changed(connection: sa.Connection, user_id: UUID, at: datetime, *, since: datetime | None) -> int | None:
    """Note that a user's authenticators changed, and since when they protect (None: no longer). End their sessions."""
    values: dict[str, Any] = {"second_factor_since": since, "factors_changed_at": at}
    if since is not None:
        values["password_unproven"] = False
    return records.update_user(connection, user_id, values, ends_sessions=True)


def end_sessions(connection: sa.Connection, user_id: UUID) -> int | None:
    """Raise a user's security version: every session and sign-in attempt made under the old one is dead."""
    return records.update_user(connection, user_id, {}, ends_sessions=True)


def tell(
    house: House,
    connection: sa.Connection,
    person: Person,
    kind: str,
    at: datetime,
    **facts: Any,
) -> None:
    """Drop a change notice to a user into the outbox, in the caller's transaction."""
    house.outbox.post(
        connection, kind, user_id=person.id, account_id=person.account_id, recipient=person.email, at=at, facts=facts,
    )  # fmt: skip


def tell_admins(
    house: House,
    connection: sa.Connection,
    account_id: UUID,
    kind: str,
    at: datetime,
    *,
    except_id: UUID | None = None,
    **facts: Any,
) -> None:
    """Drop a notice to every administrator of an account who is at work, but for the one it is about."""
    for admin in records.admins_at_work(connection, account_id):
        if admin.id != except_id:
            house.outbox.post(
                connection, kind, user_id=admin.id, account_id=account_id, recipient=admin.email, at=at, facts=facts,
            )  # fmt: skip


def _why_not_account(change: AccountChange) -> Refused | None:
    if change.name is not None and not 1 <= len(change.name.strip()) <= NAME_LENGTH:
        return Refused("invalid_request", "name", f"Give a name of 1 to {NAME_LENGTH} characters.")
    if change.edition is not None and not 1 <= len(change.edition) <= 60:  # noqa: PLR2004 - a name, not a text
        return Refused("invalid_request", "edition", "Give the edition's name, such as enterprise or standard.")
    if change.seats is not None and change.seats < 0:
        return Refused("invalid_request", "seats", "Give the number of licences, 0 or more.")
    if change.sso_url is not None and not change.sso_url.startswith("https://"):
        return Refused(
            "invalid_request", "sso_url", "The sign-in address of the organisation must begin with https://."
        )
    if change.sso and not change.sso_url:
        return Refused("invalid_request", "sso_url", "Single sign-on needs the organisation's sign-in address.")
    if change.sso and not change.sso_domains:
        return Refused("invalid_request", "sso_domains", "Single sign-on needs at least one e-mail domain.")
    if any("." not in domain or "@" in domain or " " in domain for domain in change.sso_domains or ()):
        return Refused("invalid_request", "sso_domains", "Write a domain like acme.example, without @.")
    return None


def _why_not_user(new: NewUser) -> Refused | None:
    if not usable(new.email):
        return Refused("invalid_request", "email", "Write the address like name@example.com.")
    if not 1 <= len(new.name.strip()) <= NAME_LENGTH or not new.name.isprintable():
        return Refused("invalid_request", "name", f"Give a name of 1 to {NAME_LENGTH} characters.")
    if new.role not in ROLES:
        return Refused("invalid_request", "role", "A role is member, admin or support.")
    return None


def _taken_domain(connection: sa.Connection, account_id: UUID, domains: Sequence[str]) -> Refused | None:
    for domain in _folded(domains):
        if records.owner_of_domain(connection, domain) not in {None, account_id}:
            return Refused("domain_taken", "sso_domains", f"The domain {domain} belongs to another account.")
    return None


def _folded(domains: Sequence[str]) -> list[str]:
    return sorted({domain.strip().casefold() for domain in domains})
