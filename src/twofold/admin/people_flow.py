"""What an administrator sees of the people of their account; a support agent sees the same of any.

Anybody else is answered like an id that does not exist.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.admin import people_records as records
from twofold.admin.cursor import PeopleCursor
from twofold.admin.people_records import Facts
from twofold.admin.user_filter import Rules, UserFilter, rules
from twofold.admin.user_summary import UserSummary
from twofold.directory.account import Account
from twofold.directory.authority import oversees
from twofold.directory.user import User
from twofold.kit.context import AppContext

PAGE = 50


class PeoplePage(NamedTuple):
    """A page of a list of people, with the cursors of the pages before and after it."""

    people: list[UserSummary]
    previous: PeopleCursor | None
    next: PeopleCursor | None


def rules_of(context: AppContext, account: Account | User, at: datetime) -> Rules:
    """Return what holds for a whole account at a moment, read from it or from one of its users."""
    return rules(
        sso=account.sso,
        edition=account.edition,
        policy=account.policy,
        required_from=account.required_from,
        is_operator=account.is_operator,
        editions=context.settings.two_factor_editions,
        at=at,
    )


def find_page(
    context: AppContext,
    account_id: UUID,
    user_filter: UserFilter,
    cursor: PeopleCursor | None,
    at: datetime,
    most: int = PAGE,
) -> PeoplePage:
    """Read a page of the people of an account: one statement, whatever the account's size."""
    with context.db.read() as connection:
        found = records.page(connection, account_id, user_filter, cursor, most + 1, at)
    backwards = cursor is not None and cursor.backwards
    more = len(found) > most
    shown = (found[-most:] if backwards else found[:most]) if more else found
    people = [_summary(context, facts, at) for facts in shown]
    if not people:
        return PeoplePage([], None, None)
    first, last = shown[0], shown[-1]
    has_previous, has_next = (more, True) if backwards else (cursor is not None, more)
    return PeoplePage(
        people,
        PeopleCursor(first.name_key, first.user.id, backwards=True) if has_previous else None,
        PeopleCursor(last.name_key, last.user.id) if has_next else None,
    )


def find_user(context: AppContext, viewer: User, user_id: UUID, at: datetime) -> UserSummary | None:
    """Find a person whom the viewer oversees."""
    found = show(context, user_id, at)
    return found if found is not None and oversees(viewer, found.user) else None


def show(context: AppContext, user_id: UUID, at: datetime) -> UserSummary | None:
    """Find a person, whoever asks: for those who have shown already that they oversee them."""
    with context.db.read() as connection:
        facts = records.one(connection, user_id, at)
    return None if facts is None else _summary(context, facts, at)


def _summary(context: AppContext, facts: Facts, at: datetime) -> UserSummary:
    return UserSummary(
        facts.user, facts.created_at, facts.counts, facts.mailbox_closed_until, facts.enrolling, facts.apps,
        facts.user.eligibility(context.settings.two_factor_editions, at), facts.user.running_exception(at),
    )  # fmt: skip
