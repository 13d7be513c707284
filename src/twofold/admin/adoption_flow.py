"""Adoption: how many people of an account have two-factor authentication, since when, and who does not."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from twofold.admin import adoption_records as records
from twofold.admin import people_flow
from twofold.admin.adoption_records import Counts
from twofold.admin.plot import Plot, draw
from twofold.admin.user_filter import UserFilter
from twofold.admin.user_summary import UserSummary
from twofold.directory.user import User
from twofold.kit.context import AppContext

DAYS = 90
BATCH = 500  # people a query


class Adoption(NamedTuple):
    """The numbers of an account, and how they came about over the last days."""

    counts: Counts
    plot: Plot
    at_start: int


def show(context: AppContext, viewer: User, at: datetime) -> Adoption:
    """Return the numbers of the viewer's account."""
    days = [at.date() - timedelta(days=back) for back in range(DAYS, -1, -1)]
    with context.db.read() as connection:
        counted = records.counts(connection, viewer.account_id)
        values = records.by_day(connection, viewer.account_id, days)
    return Adoption(counted, draw(days, values), values[0])


def everybody(context: AppContext, viewer: User, at: datetime) -> Iterator[list[UserSummary]]:
    """Read all people of the viewer's account by name, a batch at a time, each on a connection of its own."""
    user_filter, cursor = UserFilter(people_flow.rules_of(context, viewer, at)), None
    while True:
        page = people_flow.find_page(context, viewer.account_id, user_filter, cursor, at, BATCH)
        yield page.people
        if page.next is None:
            return
        cursor = page.next
