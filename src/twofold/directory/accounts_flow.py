"""What happens to accounts: made, changed, given domains."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import domain_records, records
from twofold.directory.account import Account
from twofold.directory.domain_records import Elsewhere
from twofold.directory.email_address import domain_key, domain_of
from twofold.directory.refusals import Refused, invalid, no_seat_left
from twofold.directory.rules import fault_of_account
from twofold.events import directory_kinds
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import Database
from twofold.kit.time_zones import DEFAULT_ZONE

NAMED_AT_MOST = 10  # accounts in a refusal


class AccountChange(NamedTuple):
    """What an operator may say of an account; None leaves a value as it is."""

    name: str | None = None
    edition: str | None = None
    sso: bool | None = None
    sso_domains: Sequence[str] | None = None
    sso_url: str | None = None
    seats: int | None = None
    time_zone: str | None = None  # the name that IANA gives it
    unlimited_seats: bool = False  # takes the number of seats away


def create_account(db: Database, change: AccountChange, *, origin: Origin) -> UUID | Refused:
    """Make an account: two-factor authentication is on offer from its first day where its edition has it.

    A domain that another account takes at the same moment is refused like one that it has.
    """
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
        "time_zone": change.time_zone or DEFAULT_ZONE,
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
            created = directory_kinds.AccountCreated({**values, "sso_domains": domains})
            audit.record(connection, created, origin=origin, account_id=account_id)
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
    account = records.account(connection, account_id, lock=True)
    if account is None or account.is_operator:
        return None
    domains = records.domains_of(connection, account_id)
    before = AccountChange(
        account.name, account.edition, account.sso, domains, account.sso_url, account.seats, account.time_zone,
    )  # fmt: skip
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


def find_account(connection: sa.Connection, account_id: UUID) -> Account | None:
    """Find an account by id."""
    return records.account(connection, account_id)


def all_accounts(connection: sa.Connection) -> list[Account]:
    """List every account in the order of their making."""
    return records.all_accounts(connection)


def domains_of(connection: sa.Connection, account_id: UUID) -> list[str]:
    """List the email domains of an account with single sign-on."""
    return records.domains_of(connection, account_id)


def people_led_elsewhere(connection: sa.Connection) -> list[tuple[str, Elsewhere]]:
    """List by account the people of others whom its domains lead to its own sign-in; for the doctor."""
    domains: dict[UUID, list[str]] = {}
    names: dict[UUID, str] = {}
    for domain, account_id, name in domain_records.all_sso_domains(connection):
        domains.setdefault(account_id, []).append(domain)
        names[account_id] = name
    return [
        (names[account_id], one)
        for account_id, theirs in domains.items()
        for one in domain_records.users_elsewhere(connection, account_id, theirs)
    ]


def lock_account(connection: sa.Connection, account_id: UUID) -> Account | None:
    """Find an account and hold its row to the end of the transaction, for rules that count its users."""
    return records.account(connection, account_id, lock=True)


def account_page(connection: sa.Connection, after: UUID | None, most: int) -> list[Account]:
    """List customers' accounts in the order of their making, so many after one of them; not the operator's own."""
    return records.account_page(connection, after, most)


def domains_of_accounts(connection: sa.Connection, account_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the email domains of several accounts."""
    return records.domains_of_accounts(connection, account_ids)


def why_no_seat(connection: sa.Connection, account: Account) -> Refused | None:
    """Say why an account, whose row is held, has no licence left to give; None where it has one."""
    if account.seats is None or records.seats_taken(connection, account.id) < account.seats:
        return None
    return no_seat_left(account.seats)


def set_policy(connection: sa.Connection, account_id: UUID, policy: str, required_from: datetime | None) -> None:
    """Set the two-factor policy of an account, whose row is held."""
    records.update_account(connection, account_id, {"policy": policy, "required_from": required_from})


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
    names = ("name", "edition", "sso", "sso_domains", "sso_url", "seats", "time_zone")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    values = {name: getattr(after, name) for name in changed if name != "sso_domains"}
    if values:
        records.update_account(connection, account_id, values)
    if "sso_domains" in changed:
        records.replace_domains(connection, account_id, after.sso_domains or ())
    if changed:
        audit.record(
            connection,
            directory_kinds.AccountChanged(
                {name: {"before": getattr(before, name), "after": getattr(after, name)} for name in changed}
            ),
            origin=origin,
            account_id=account_id,
        )


def _why_not_account(change: AccountChange) -> Refused | None:
    fault = fault_of_account(
        name=change.name, edition=change.edition, sso=change.sso, sso_domains=change.sso_domains,
        sso_url=change.sso_url, seats=change.seats, time_zone=change.time_zone,
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
