"""Accounts as operators see to them, and support agents look at them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import accounts_flow
from twofold.directory.account import Account
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.refusals import Refused
from twofold.kit.acting import Origin
from twofold.kit.sql.database import Database
from twofold.recovery import flow as recovery
from twofold.resets import flow as resets
from twofold.resets.case import CloseReason
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason


class CustomerAccount(NamedTuple):
    """A customer's account with its domains."""

    id: UUID
    name: str
    edition: str
    sso: bool
    sso_domains: list[str]
    sso_url: str | None
    seats: int | None
    policy: str
    required_from: datetime | None
    time_zone: str
    created_at: datetime


class AccountPage(NamedTuple):
    """A page of accounts, and the one after which the next page begins (None: this is the last)."""

    accounts: list[CustomerAccount]
    next: UUID | None


def change_account(
    db: Database,
    account_id: UUID,
    change: AccountChange,
    *,
    origin: Origin,
) -> CustomerAccount | Refused | None:
    """Change an account; None: there is none. Where single sign-on begins, all that its people have open ends."""

    def end_what_is_open(connection: sa.Connection) -> None:
        resets.close_cases_of_account(connection, account_id, origin.at, why=CloseReason.SSO)
        recovery.void_links_of_account(connection, account_id)
        sessions.end_outdated_of_account(connection, account_id, EndReason.SINGLE_SIGN_ON, origin.at)

    outcome = accounts_flow.change_account(db, account_id, change, origin=origin, when_sso_begins=end_what_is_open)
    return find_account(db, outcome) if isinstance(outcome, UUID) else outcome


def list_accounts(db: Database, after: UUID | None, most: int) -> AccountPage:
    """List customers' accounts in the order of their making, after one of them or from the first."""
    with db.read() as connection:
        found = accounts_flow.account_page(connection, after, most + 1)
        shown = found[:most]
        domains = accounts_flow.domains_of_accounts(connection, [account.id for account in shown])
    accounts = [_with_domains(account, domains[account.id]) for account in shown]
    return AccountPage(accounts, accounts[-1].id if len(found) > most else None)


def find_account(db: Database, account_id: UUID) -> CustomerAccount | None:
    """Find a customer's account."""
    with db.read() as connection:
        account = accounts_flow.find_account(connection, account_id)
        if account is None or account.is_operator:
            return None
        return _with_domains(account, accounts_flow.domains_of(connection, account_id))


def _with_domains(account: Account, domains: Sequence[str]) -> CustomerAccount:
    return CustomerAccount(
        account.id, account.name, account.edition, account.sso, list(domains), account.sso_url, account.seats,
        account.policy, account.required_from, account.time_zone, account.created_at,
    )  # fmt: skip
