"""How a user comes into being: checked, prepared while no transaction is open, and stored."""

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import records
from twofold.directory.account import Account
from twofold.directory.accounts_flow import why_no_seat, why_not_domain
from twofold.directory.common_passwords import common_passwords
from twofold.directory.email_address import email_key, placeholder_key
from twofold.directory.password import Weakness, normalise, weakness
from twofold.directory.person_name import name_values
from twofold.directory.refusals import Refused, email_taken, invalid, sso_has_no_password
from twofold.directory.rules import ROLES, Fault, fault_of_email, fault_of_name
from twofold.directory.user import User
from twofold.events import directory_kinds
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id


class NewUser(NamedTuple):
    """A user to be made. Without a password they are invited to choose one by mail."""

    email: str
    name: str
    role: str = "member"
    licensed: bool = True
    password: str | None = None
    active: bool = True


class PreparedUser(NamedTuple):
    """A new user who is in order as far as they themselves go; their password is hashed already."""

    new: NewUser
    password_hash: str | None


class Place(NamedTuple):
    """Where a user can be stored: their account; whether somebody in another one has the address, and if that may be.

    Then they are stored as a placeholder: listed like anybody who was invited, and good for nothing.
    """

    account: Account
    elsewhere: bool
    as_placeholder: bool


def create_user(
    context: AppContext,
    account_id: UUID | None,
    new: NewUser,
    *,
    origin: Origin,
) -> UUID | Refused | None:
    """Make a user in an account (None: the operator's own). None is returned when there is no such account."""
    prepared = prepare_user(context, new)
    if isinstance(prepared, Refused):
        return prepared
    with context.db.write() as connection:
        return add_user(connection, account_id, prepared, origin=origin)


def prepare_user(context: AppContext, new: NewUser) -> PreparedUser | Refused:
    """Check what a new user is to be and hash their password; never called inside a transaction."""
    new = new._replace(email=new.email.strip(), name=new.name.strip())
    fault = fault_of_email(new.email) or fault_of_name(new.name)
    if new.role not in ROLES:
        fault = fault or Fault("role", "A role is member, admin or support.")
    if fault:
        return invalid(fault)
    if new.password is None:
        return PreparedUser(new, None)
    hashed = hash_password(context, new.password, new.email, new.name)
    return hashed if isinstance(hashed, Refused) else PreparedUser(new, hashed)


def add_user(
    connection: sa.Connection,
    account_id: UUID | None,
    prepared: PreparedUser,
    *,
    origin: Origin,
) -> UUID | Refused | None:
    """Store a prepared user in an account (None: the operator's own); None when there is no such account."""
    place = place_for(connection, account_id, prepared)
    if not isinstance(place, Place):
        return place
    return store_user(connection, place, prepared, origin=origin)


def place_for(
    connection: sa.Connection,
    account_id: UUID | None,
    prepared: PreparedUser,
    *,
    as_placeholder: bool = False,
) -> Place | Refused | None:
    """Say where a prepared user can be stored, and hold the account from now on; None when there is no such account.

    `as_placeholder`: an address that somebody has in another account is no reason to refuse, and costs the same
    statements as one that is free, because an administrator must not learn from the answer who exists elsewhere.
    """
    new = prepared.new
    if (new.role == "support") != (account_id is None):
        return invalid(Fault("role", "Support agents belong to the operator's account and nobody else does."))
    account = (
        records.operator_account(connection)
        if account_id is None
        else records.account(connection, account_id, lock=True)
    )
    if account is None or (account_id is not None and account.is_operator):
        return None
    if account.sso and prepared.password_hash is not None:
        return sso_has_no_password()
    owner = records.user_ids_by_email(connection, email_key(new.email))
    stands_here = records.has_placeholder(connection, account.id, email_key(new.email))
    elsewhere = owner is not None and owner[1] != account.id
    if stands_here or (owner is not None and not (elsewhere and as_placeholder)):
        return email_taken()
    if refused := why_not_domain(connection, new.email, account.id):
        return refused
    if new.licensed and new.active and (refused := why_no_seat(connection, account)):
        return refused
    return Place(account, elsewhere, as_placeholder)


def store_user(
    connection: sa.Connection,
    place: Place,
    prepared: PreparedUser,
    *,
    origin: Origin,
) -> UUID | Refused:
    """Store a prepared user at their place; refused when somebody took the address since it was looked at."""
    new, user_id, hashed = prepared.new, new_id(), prepared.password_hash
    told = {name: getattr(new, name) for name in ("email", "name", "role", "licensed", "active")}
    key, placeholder = email_key(new.email), placeholder_key(new.email, str(new_id()))
    rest = {
        "id": user_id,
        "account_id": place.account.id,
        "email_key": placeholder if place.elsewhere else key,
        **name_values(new.name),
        "frozen_at": None,
        "security_version": 1,
        "password_hash": hashed,
        "password_set_at": origin.at if hashed else None,
        "password_unproven": False,
        "created_at": origin.at,
    }
    if not records.insert_user(connection, told | rest):
        if not place.as_placeholder:
            return email_taken()
        records.insert_user(connection, told | rest | {"email_key": placeholder})
    audit.record(
        connection, directory_kinds.UserCreated(told), origin=origin, account_id=place.account.id, subject_id=user_id,
    )  # fmt: skip
    return user_id


def claim_address(connection: sa.Connection, user: User) -> User:
    """Give a placeholder, whose row is held, the address that it stands for, if that is free by now.

    Raises:
        IntegrityError: somebody else got it at the same moment.

    """
    if why_not_domain(connection, user.email, user.account_id) is None:
        records.claim_address(connection, user.id, email_key(user.email))
    return records.user_by_id(connection, user.id) or user


def hash_password(context: AppContext, password: str, email: str, name: str) -> str | Refused:
    """Return the argon2id hash of a password, or why it is too weak for somebody with this address and name.

    It takes some 5 to 20 ms: never call it inside a transaction.
    """
    normalised = normalise(password)
    weak = weak_password(normalised, email, name)
    return context.hasher.hash(normalised) if weak is None else Refused("weak_password", "password", weak.value)


def weak_password(password: str, *personal: str) -> Weakness | None:
    """Tell why a normalised password is too weak for somebody with this address and name, or None."""
    words = tuple(word for text in personal for word in (text, text.partition("@")[0]))
    return weakness(password, common_passwords(), (*words, "twofold"))
