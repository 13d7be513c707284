"""What a support agent looks at: accounts and people of all of them. Never a secret, and nothing is changed here."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.admin.user_summary import UserSummary
from twofold.directory import accounts_flow
from twofold.directory.account import Account
from twofold.kit.context import AppContext
from twofold.kit.sql.database import Database
from twofold.support import records
from twofold.support.records import Facts, PeopleCounts
from twofold.support.search import SearchCursor, stages_of

ACCOUNTS = 20
PEOPLE = 50


class AccountsFound(NamedTuple):
    """Accounts by name, and where the list goes on."""

    accounts: list[Account]
    next: SearchCursor | None


class PeopleFound(NamedTuple):
    """People whose name or address begins so, and where the list goes on."""

    people: list[UserSummary]
    next: SearchCursor | None


class AccountDetails(NamedTuple):
    """An account with its domains and the numbers of its people."""

    account: Account
    domains: list[str]
    counts: PeopleCounts


def find_accounts(db: Database, text: str, after: SearchCursor | None, most: int = ACCOUNTS) -> AccountsFound:
    """Find accounts by the beginning of their name; all of them without a text."""
    with db.read() as connection:
        found = records.accounts_named(connection, text, after, most + 1)
    shown = found[:most]
    more = len(found) > most
    return AccountsFound(shown, SearchCursor(0, shown[-1].name_key, shown[-1].id) if more else None)


def find_people(
    context: AppContext, text: str, after: SearchCursor | None, at: datetime, most: int = PEOPLE
) -> PeopleFound:
    """Find people of all accounts: by the beginning of their name, then of its last word, then of their address."""
    found: list[tuple[int, Facts]] = []
    with context.db.read() as connection:
        for stage in stages_of(text):
            if len(found) > most or (after is not None and stage < after.stage):
                continue
            place = after if after is not None and stage == after.stage else None
            rest = most + 1 - len(found)
            found += [(stage, one) for one in records.people_found(connection, text, stage, place, rest, at)]
    shown = found[:most]
    people = [_listed(context, facts, at) for _stage, facts in shown]
    if len(found) <= most:
        return PeopleFound(people, None)
    stage, last = shown[-1]
    return PeopleFound(people, SearchCursor(stage, last.key, last.user.id))


def account_details(db: Database, account_id: UUID) -> AccountDetails | None:
    """Look at an account; None when there is none by that id."""
    with db.read() as connection:
        account = accounts_flow.find_account(connection, account_id)
        if account is None:
            return None
        domains = accounts_flow.domains_of(connection, account_id)
        return AccountDetails(account, domains, records.count_people(connection, account_id))


def _listed(context: AppContext, facts: Facts, at: datetime) -> UserSummary:
    return UserSummary(
        facts.user, facts.created_at, facts.counts, facts.mailbox_closed_until, facts.enrolling, (),
        facts.user.eligibility(context.settings.two_factor_editions, at), facts.user.running_exception(at),
    )  # fmt: skip
