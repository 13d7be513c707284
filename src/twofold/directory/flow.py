"""What happens to accounts and users: made, changed, given a password."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import domain_records, records
from twofold.directory.common_passwords import common_passwords
from twofold.directory.domain_records import Elsewhere
from twofold.directory.email_address import domain_key, domain_of, email_key, placeholder_key
from twofold.directory.password import Weakness, normalise, weakness
from twofold.directory.person_name import name_values
from twofold.directory.rules import ROLES, Fault, fault_of_account, fault_of_email, fault_of_name
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import AnyRow, Database

NAMED_AT_MOST = 10  # accounts in a refusal


class Refused(msgspec.Struct, frozen=True):
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
    unlimited_seats: bool = False  # takes the number of seats away


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

    account: AnyRow
    elsewhere: bool
    as_placeholder: bool


def create_account(
    db: Database,
    change: AccountChange,
    *,
    origin: Origin,
) -> UUID | Refused:
    """Make an account: two-factor authentication is on offer from its first day where its edition has it."""
    change = _tidy(change)._replace(name=(change.name or "").strip())
    refused = _why_not_account(change)
    if refused:
        return refused
    account_id, domains = new_id(), change.sso_domains or ()
    values = {
        "name": change.name,
        "edition": change.edition or "enterprise",
        "sso": bool(change.sso),
        "sso_url": change.sso_url,
        "seats": change.seats,
    }
    rest = {
        "id": account_id,
        "is_operator": False,
        "policy": "optional",
        "required_from": None,
        "created_at": origin.at,
    }
    try:
        with db.write() as connection:
            if taken := _taken_domain(connection, account_id, domains, domains if change.sso else ()):
                return taken
            records.insert_account(connection, values | rest)
            records.replace_domains(connection, account_id, domains)
            audit.record(
                connection, "account_created", origin=origin, account_id=account_id,
                details={**values, "sso_domains": domains},
            )  # fmt: skip
    except sa.exc.IntegrityError:
        return _domain_was_faster()
    return account_id


def change_account(
    db: Database,
    account_id: UUID,
    change: AccountChange,
    *,
    origin: Origin,
    when_sso_begins: Callable[[sa.Connection], None] = lambda _connection: None,
) -> UUID | Refused | None:
    """Change an account; no factor that exists is dropped by it. None: there is no such account.

    The operator's own account is none that could be changed: its agents always sign in here, with a second factor.
    Where the account is switched to single sign-on, sessions and sign-in attempts of its people end, and
    `when_sso_begins` is called in the same transaction for whatever else is theirs.
    """
    try:
        with db.write() as connection:
            return store_change(
                connection,
                account_id,
                change,
                origin=origin,
                when_sso_begins=when_sso_begins,
            )
    except sa.exc.IntegrityError:
        return _domain_was_faster()


def store_change(
    connection: sa.Connection,
    account_id: UUID,
    change: AccountChange,
    *,
    origin: Origin,
    when_sso_begins: Callable[[sa.Connection], None] = lambda _connection: None,
) -> UUID | Refused | None:
    """Change an account in the caller's transaction.

    Raises:
        IntegrityError: another account has taken one of the domains since we looked.

    """
    row = records.account(connection, account_id, lock=True)
    if row is None or row.is_operator:
        return None
    domains = records.domains_of(connection, account_id)
    before = AccountChange(row.name, row.edition, row.sso, domains, row.sso_url, row.seats)
    after = _changed(before, change)
    # A name that stays may be older than the rules of today.
    looked_at = after if after.name != before.name else after._replace(name=None)
    refused = _why_not_account(looked_at) or _taken_domain(
        connection, account_id, after.sso_domains or (), _claimed(before, after)
    )
    if refused:
        return refused
    _store_account(connection, account_id, before, after, origin=origin)
    if after.sso and not before.sso:
        records.end_sessions_of_account(connection, account_id)
        when_sso_begins(connection)
    return account_id


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
    """Say where a prepared user can be stored, whose account is held from now on; None when there is none.

    `as_placeholder`: an address that somebody has in another account is no reason to refuse, and costs the same
    statements as one that is free, because an administrator must not learn from the answer who exists elsewhere.
    """
    new = prepared.new
    if (new.role == "support") != (account_id is None):
        return invalid(Fault("role", "Support agents belong to the operator's account and nobody else does."))
    home = (
        records.operator_account(connection)
        if account_id is None
        else records.account(connection, account_id, lock=True)
    )
    if home is None or (account_id is not None and home.is_operator):
        return None
    if home.sso and prepared.password_hash is not None:
        return sso_has_no_password()
    owner = records.user_ids_by_email(connection, email_key(new.email))
    stands_here = records.has_placeholder(connection, home.id, email_key(new.email))
    elsewhere = owner is not None and owner[1] != home.id
    if stands_here or (owner is not None and not (elsewhere and as_placeholder)):
        return email_taken()
    if refused := why_not_domain(connection, new.email, home.id):
        return refused
    if new.licensed and new.active and not has_seat(connection, home):
        return no_seat_left(home)
    return Place(home, elsewhere, as_placeholder)


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
        connection, "user_created", origin=origin, account_id=place.account.id, subject_id=user_id, details=told,
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
    """Return the hash of a password that is good enough for somebody with this address and name."""
    normalised = normalise(password)
    weak = weak_password(normalised, email, name)
    return context.hasher.hash(normalised) if weak is None else Refused("weak_password", "password", weak.value)


def weak_password(password: str, *personal: str) -> Weakness | None:
    """Tell why a normalised password is too weak for somebody with this address and name, or None."""
    words = tuple(word for text in personal for word in (text, text.partition("@")[0]))
    return weakness(password, common_passwords(), (*words, "twofold"))


def find_user(connection: sa.Connection, user_id: UUID) -> User | None:
    """Find a user and their account by id."""
    return records.user_by_id(connection, user_id)


def is_as_before(connection: sa.Connection, user: User) -> bool:
    """Tell whether nothing has ended the sessions of a user since they were read."""
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


def people_of(connection: sa.Connection, account_id: UUID | None = None) -> list[User]:
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


def people_led_elsewhere(connection: sa.Connection) -> list[tuple[str, Elsewhere]]:
    """List by account the people of others whom its domains lead to its own sign-in; for the doctor."""
    domains: dict[UUID, list[str]] = {}
    names: dict[UUID, str] = {}
    for row in domain_records.all_sso_domains(connection):
        domains.setdefault(row.id, []).append(row.domain)
        names[row.id] = row.name
    return [
        (names[account_id], one)
        for account_id, theirs in domains.items()
        for one in domain_records.users_elsewhere(connection, account_id, theirs)
    ]


def lock_account(connection: sa.Connection, account_id: UUID) -> AnyRow | None:
    """Find an account and hold its row to the end of the transaction, for rules that count its users."""
    return records.account(connection, account_id, lock=True)


def account_page(connection: sa.Connection, after: UUID | None, most: int) -> Sequence[AnyRow]:
    """List customers' accounts in the order of their making, so many after one of them; not the operator's own."""
    return records.account_page(connection, after, most)


def domains_of_accounts(connection: sa.Connection, account_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the e-mail domains of several accounts."""
    return records.domains_of_accounts(connection, account_ids)


def other_admins(connection: sa.Connection, account_id: UUID, except_id: UUID) -> int:
    """Count the administrators of an account who are active and not frozen, beside one user; hold the account first.

    Some of them may never have signed in: `lockouts.flow` counts those who can act.
    """
    return records.other_admins(connection, account_id, except_id)


def has_seat(connection: sa.Connection, account: AnyRow) -> bool:
    """Tell whether an account, whose row is held, has a licence left to give."""
    return account.seats is None or records.seats_taken(connection, account.id) < account.seats


def set_policy(connection: sa.Connection, account_id: UUID, policy: str, required_from: datetime | None) -> None:
    """Set the two-factor policy of an account, whose row is held."""
    records.update_account(connection, account_id, {"policy": policy, "required_from": required_from})


def change_user(connection: sa.Connection, user_id: UUID, values: dict[str, Any], *, ends_sessions: bool) -> int | None:
    """Change a user's row; where the change ends their sessions the security version rises. Return the version."""
    return records.update_user(connection, user_id, values, ends_sessions=ends_sessions)


def set_password(connection: sa.Connection, user_id: UUID, hashed: str, at: datetime, *, by_mail: bool) -> int | None:
    """Give a user a new password and end their sessions.

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
    """Take a user's password away, because somebody else knows it or may know it. End their sessions."""
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


def factors_changed(connection: sa.Connection, user_id: UUID, at: datetime, *, since: datetime | None) -> int | None:
    """Note that a user's authenticators changed, and since when they protect (None: no longer). End their sessions."""
    values: dict[str, Any] = {"second_factor_since": since, "factors_changed_at": at}
    if since is not None:
        values["password_unproven"] = False
    return records.update_user(connection, user_id, values, ends_sessions=True)


def end_sessions(connection: sa.Connection, user_id: UUID) -> int | None:
    """Raise a user's security version: every session and sign-in attempt made under the old one is dead."""
    return records.update_user(connection, user_id, {}, ends_sessions=True)


def notify(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    kind: str,
    at: datetime,
    **facts: Any,
) -> None:
    """Drop a change notice to a user into the outbox, in the caller's transaction."""
    context.outbox.post(
        connection, kind, user_id=user.id, account_id=user.account_id, recipient=user.email, at=at, facts=facts,
    )  # fmt: skip


def notify_admins(
    context: AppContext,
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
            context.outbox.post(
                connection, kind, user_id=admin.id, account_id=account_id, recipient=admin.email, at=at, facts=facts,
            )  # fmt: skip


def why_not_domain(connection: sa.Connection, email: str, account_id: UUID) -> Refused | None:
    """Say why nobody of this account can have an address: its domain signs in elsewhere, so they never could.

    Until the transaction ends nobody claims the domain, so it stays true; hold the account's row first.
    """
    domain = domain_of(email)
    domain_records.share_domain(connection, domain)
    if domain_records.sso_owner_of_domain(connection, domain) in {None, account_id}:
        return None
    why = f"Addresses of {domain} sign in at another account, by single sign-on."
    return Refused("domain_taken", "email", why)


def invalid(fault: Fault) -> Refused:
    """Say that a field cannot be like this."""
    return Refused("invalid_request", fault.field, fault.why)


def email_taken() -> Refused:
    """Say that an address is somebody else's."""
    return Refused("email_taken", "email", "Somebody with this e-mail address exists already.")


def no_seat_left(account: AnyRow) -> Refused:
    """Say that an account has no licence left."""
    return Refused("no_seat_left", "licensed", f"All {account.seats} licences of this account are in use.")


def sso_has_no_password() -> Refused:
    """Say that no password can be set where an account signs in elsewhere."""
    return invalid(Fault("password", "This account signs in with single sign-on: its users have no password here."))


def _tidy(change: AccountChange) -> AccountChange:
    return change._replace(
        name=None if change.name is None else change.name.strip(),
        edition=None if change.edition is None else change.edition.strip(),
        sso_domains=None if change.sso_domains is None else _folded(change.sso_domains),
    )


def _changed(before: AccountChange, change: AccountChange) -> AccountChange:
    told = {name: value for name, value in _tidy(change)._asdict().items() if value is not None}
    after = before._replace(**told)
    return after._replace(seats=None) if change.unlimited_seats else after


def _store_account(
    connection: sa.Connection,
    account_id: UUID,
    before: AccountChange,
    after: AccountChange,
    *,
    origin: Origin,
) -> None:
    names = ("name", "edition", "sso", "sso_domains", "sso_url", "seats")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    values = {name: getattr(after, name) for name in changed if name != "sso_domains"}
    if values:
        records.update_account(connection, account_id, values)
    if "sso_domains" in changed:
        records.replace_domains(connection, account_id, after.sso_domains or ())
    if changed:
        audit.record(
            connection, "account_changed", origin=origin, account_id=account_id,
            details={name: {"before": getattr(before, name), "after": getattr(after, name)} for name in changed},
        )  # fmt: skip


def _why_not_account(change: AccountChange) -> Refused | None:
    fault = fault_of_account(
        name=change.name, edition=change.edition, sso=change.sso, sso_domains=change.sso_domains,
        sso_url=change.sso_url, seats=change.seats,
    )  # fmt: skip
    return None if fault is None else invalid(fault)


def _claimed(before: AccountChange, after: AccountChange) -> list[str]:
    """List the domains that begin to lead people to this account; those that do so already are the doctor's."""
    if not after.sso:
        return []
    led = set(before.sso_domains or ()) if before.sso else set()
    return sorted(set(after.sso_domains or ()) - led)


def _taken_domain(
    connection: sa.Connection, account_id: UUID, domains: Sequence[str], claimed: Sequence[str]
) -> Refused | None:
    """Say why an account cannot have a domain: it is another's, or active users of others have addresses of it."""
    domain_records.hold_domains(connection, claimed)
    for domain in domains:
        if domain_records.owner_of_domain(connection, domain) not in {None, account_id}:
            return Refused("domain_taken", "sso_domains", f"The domain {domain} belongs to another account.")
    elsewhere = domain_records.users_elsewhere(connection, account_id, claimed)
    return _domain_in_use(elsewhere) if elsewhere else None


def _domain_in_use(elsewhere: Sequence[Elsewhere]) -> Refused:
    """Name whose people would be led away, to the operator: nobody else makes or changes accounts."""
    named = [f"{_people(one.people)} of {one.account_name} (@{one.domain})" for one in elsewhere[:NAMED_AT_MOST]]
    if rest := sum(one.people for one in elsewhere[NAMED_AT_MOST:]):
        named.append(f"{_people(rest)} of further accounts")
    says = f"They could not sign in any more: {', '.join(named)}."
    return Refused("domain_in_use", "sso_domains", f"{says} Change their addresses or deactivate them first.")


def _people(number: int) -> str:
    return "1 active person" if number == 1 else f"{number} active people"


def _domain_was_faster() -> Refused:
    """Say what the primary key of the domains has refused: another account took one at the same moment."""
    return Refused("domain_taken", "sso_domains", "One of these domains belongs to another account.")


def _folded(domains: Sequence[str]) -> list[str]:
    return sorted({domain_key(domain) for domain in domains})
