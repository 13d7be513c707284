"""Adoption: how many people of an account have two-factor authentication, since when, and who does not."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from twofold.admin import adoption_records as records
from twofold.admin import people_flow
from twofold.admin.adoption import Share, by_state, history, shares
from twofold.admin.plot import Plot, draw
from twofold.admin.user_filter import UserFilter
from twofold.admin.user_summary import TwoFactor, UserSummary
from twofold.directory import preference_flow
from twofold.directory.user import User
from twofold.kit import time_zones
from twofold.kit.context import AppContext

DAYS = 90
KEPT = timedelta(days=100)
BATCH = 500  # people a query


class DayCount(NamedTuple):
    """How many had two-factor authentication at the end of a day."""

    day: date
    have: int


class Adoption(NamedTuple):
    """The numbers of an account, and how they came about over the last days."""

    have: int
    can: int
    not_offered: int
    shares: list[Share]
    plot: Plot
    days: list[DayCount]
    counted_from: date | None  # where a day before it is reckoned from today's people
    required_from: datetime | None  # where its day is in the plot


def show(context: AppContext, viewer: User, at: datetime) -> Adoption:
    """Return the numbers of the viewer's account."""
    days = [at.date() - timedelta(days=back) for back in range(DAYS, -1, -1)]
    with context.db.read() as connection:
        counts = records.counts(connection, viewer.account_id, at)
        reckoned = records.by_day(connection, viewer.account_id, days)
        counted = records.stored(connection, viewer.account_id, days[0])
        zone = preference_flow.zone_of_account(connection, viewer.account_id)
    values = history(days, reckoned, counted, counts.protected)
    states = by_state(counts, people_flow.rules_of(context, viewer, at))
    required_from = _shown(viewer, at)
    deadline = None if required_from is None else time_zones.day_of(required_from, zone)
    return Adoption(
        counts.protected, counts.people - states[TwoFactor.NOT_OFFERED], states[TwoFactor.NOT_OFFERED], shares(states),
        draw(days, values, deadline), _weekly(days, values), _counted_from(days, counted), required_from,
    )  # fmt: skip


def store_counts(context: AppContext, at: datetime) -> None:
    """Store, once a day, how many of each account had a second factor at the end of the day before."""
    yesterday = at.date() - timedelta(days=1)
    with context.db.read() as connection:
        if records.is_stored(connection, yesterday):
            return
    with context.db.write() as connection:
        records.store(connection, yesterday)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete the counts of days that no page shows any more, and return how many; for the clean-up."""
    return records.forget_before(connection, (at - KEPT).date())


def _counted_from(days: Sequence[date], counted: Mapping[date, int]) -> date | None:
    first = min(counted, default=days[-1])
    return first if first > days[0] else None


def _shown(viewer: User, at: datetime) -> datetime | None:
    """Return the date of the policy where it is near enough to be drawn."""
    due = viewer.required_from if viewer.policy == "required" else None
    return due if due is not None and abs(due - at) < timedelta(days=DAYS) else None


def _weekly(days: Sequence[date], values: Sequence[int]) -> list[DayCount]:
    """Return each week's number, the newest first."""
    return [DayCount(days[index], values[index]) for index in range(len(days) - 1, -1, -7)]


def everybody(context: AppContext, viewer: User, at: datetime) -> Iterator[list[UserSummary]]:
    """Read all people of the viewer's account by name, a batch at a time, each on a connection of its own."""
    user_filter, cursor = UserFilter(people_flow.rules_of(context, viewer, at)), None
    while True:
        page = people_flow.find_page(context, viewer.account_id, user_filter, cursor, at, BATCH)
        yield page.people
        if page.next is None:
            return
        cursor = page.next
