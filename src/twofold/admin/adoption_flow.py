"""Adoption: how many people of an account have two-factor authentication, since when, and who does not."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from twofold.admin import adoption_records as records
from twofold.admin import people_flow
from twofold.admin.adoption_records import Counts
from twofold.admin.listed import Listed
from twofold.admin.plot import Plot, draw
from twofold.admin.wanted import Wanted
from twofold.directory.person import Person
from twofold.kit.house import House

DAYS = 90
BATCH = 500


class Adoption(NamedTuple):
    """The numbers of an account, and how they came about over the last days."""

    counts: Counts
    plot: Plot
    at_start: int


def look(house: House, viewer: Person, at: datetime) -> Adoption:
    """Return the numbers of the viewer's account."""
    days = [at.date() - timedelta(days=back) for back in range(DAYS, -1, -1)]
    with house.db.read() as connection:
        counted = records.counts(connection, viewer.account_id)
        values = records.by_day(connection, viewer.account_id, days)
    return Adoption(counted, draw(days, values), values[0])


def everybody(house: House, viewer: Person, at: datetime) -> Iterator[list[Listed]]:
    """Read all people of the viewer's account by name, a batch at a time, each on a connection of its own."""
    wanted, cursor = Wanted(people_flow.rules_of(house, viewer, at)), None
    while True:
        page = people_flow.find_page(house, viewer.account_id, wanted, cursor, at, BATCH)
        yield page.people
        if page.next is None:
            return
        cursor = page.next
