"""What an administrator sees of the people of their account; a support agent sees the same of any.

Whoever is not overseen does not exist.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.admin import people_records as records
from twofold.admin.cursor import Cursor
from twofold.admin.listed import Listed
from twofold.admin.people_records import Facts
from twofold.admin.wanted import Rules, Wanted, rules
from twofold.directory.authority import oversees
from twofold.directory.person import Person
from twofold.kit.db import AnyRow
from twofold.kit.house import House

PAGE = 50


class PeoplePage(NamedTuple):
    """A page of a list of people, with the places before and after it."""

    people: list[Listed]
    previous: Cursor | None
    next: Cursor | None


def rules_of(house: House, account: AnyRow | Person, at: datetime) -> Rules:
    """Return what holds for a whole account at a moment, read from its row or from one of its users."""
    return rules(
        sso=account.sso,
        edition=account.edition,
        policy=account.policy,
        required_from=account.required_from,
        is_operator=account.is_operator,
        editions=house.settings.two_factor_editions,
        at=at,
    )


def find_page(
    house: House, account_id: UUID, wanted: Wanted, cursor: Cursor | None, at: datetime, most: int = PAGE
) -> PeoplePage:
    """Read a page of the people of an account: one statement, whatever the account's size."""
    with house.db.read() as connection:
        found = records.page(connection, account_id, wanted, cursor, most + 1, at)
    backwards = cursor is not None and cursor.backwards
    more = len(found) > most
    shown = (found[-most:] if backwards else found[:most]) if more else found
    people = [_listed(house, facts, at) for facts in shown]
    if not people:
        return PeoplePage([], None, None)
    first, last = shown[0], shown[-1]
    has_previous, has_next = (more, True) if backwards else (cursor is not None, more)
    return PeoplePage(
        people,
        Cursor(first.name_key, first.person.id, backwards=True) if has_previous else None,
        Cursor(last.name_key, last.person.id) if has_next else None,
    )


def find_person(house: House, viewer: Person, user_id: UUID, at: datetime) -> Listed | None:
    """Find a person whom the viewer oversees."""
    found = look(house, user_id, at)
    return found if found is not None and oversees(viewer, found.person) else None


def look(house: House, user_id: UUID, at: datetime) -> Listed | None:
    """Find a person, whoever asks: for those who have shown already that they oversee them."""
    with house.db.read() as connection:
        facts = records.one(connection, user_id, at)
    return None if facts is None else _listed(house, facts, at)


def _listed(house: House, facts: Facts, at: datetime) -> Listed:
    offer = facts.person.eligibility(house.settings.two_factor_editions, at)
    return Listed(
        facts.person, facts.created_at, facts.counts, facts.mailbox_closed_until, facts.enrolling, facts.apps, offer,
    )  # fmt: skip
