"""Moments in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.harness.clock import NOON
from tests.harness.contexts import standing_clock
from twofold.kit import moments, time_zones
from twofold.kit.moments import Reader

BERLIN = Reader("en-GB", "Europe/Berlin", zone_is_theirs=True)


def test_today_is_told_by_the_hour_and_other_days_by_their_date() -> None:
    with standing_clock():
        assert moments.moment(NOON, BERLIN) == "13:00"
        assert moments.moment(NOON - timedelta(days=1), BERLIN) == "2 March 2026, 13:00"
        assert moments.moment(NOON.replace(hour=23, minute=30), BERLIN) == "4 March 2026, 00:30"


def test_a_zone_that_may_not_be_the_readers_is_named() -> None:
    with standing_clock():
        assert moments.moment(NOON, BERLIN._replace(zone_is_theirs=False)) == "13:00 Central European Standard Time"
        assert moments.deadline(NOON, BERLIN) == "13:00 Central European Standard Time"


def test_a_zone_is_called_as_on_the_day_that_is_told() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert moments.deadline(summer, BERLIN) == "1 July 2026, 14:00 Central European Summer Time"


def test_americans_read_the_month_first_and_twelve_hours() -> None:
    new_york = Reader("en-US", "America/New_York", zone_is_theirs=True)
    said = moments.moment(datetime(2026, 7, 1, 20, 5, tzinfo=UTC), new_york)
    assert said.replace("\u202f", " ") == "July 1, 2026, 4:05 PM"


def test_a_moment_is_exact_to_the_second_in_the_zone_of_its_reader() -> None:
    with moments.read_by(lambda: BERLIN):
        assert moments.exact(NOON + timedelta(seconds=7)) == "13:00:07"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en-GB"),
        ("en-US,en;q=0.9", "en-US"),
        ("de-DE,de;q=0.9,en-US;q=0.8", "en-US"),
        ("en-GB,en-US;q=0.7", "en-GB"),
        (";;,,q", "en-GB"),
    ],
)
def test_the_language_is_the_first_of_ours_that_a_browser_asks_for(header: str, language: str) -> None:
    assert moments.preferred_language(header) == language


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Pacific/Auckland", date(2026, 4, 5), datetime(2026, 4, 4, 11, tzinfo=UTC)),  # the clocks go back at 3
        ("Pacific/Auckland", date(2026, 4, 6), datetime(2026, 4, 5, 12, tzinfo=UTC)),
        ("America/Los_Angeles", date(2026, 3, 8), datetime(2026, 3, 8, 8, tzinfo=UTC)),  # they go forward at 2
        ("America/Los_Angeles", date(2026, 3, 9), datetime(2026, 3, 9, 7, tzinfo=UTC)),
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, tzinfo=UTC)),  # there is no midnight
    ],
)
def test_a_day_begins_at_midnight_whatever_the_clocks_do(zone: str, day: date, begins: datetime) -> None:
    assert time_zones.beginning(day, zone) == begins
    assert time_zones.day_of(begins, zone) == day
    assert time_zones.day_of(begins - timedelta(seconds=1), zone) == day - timedelta(days=1)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "Factory", "europe/berlin", "UTC+2"])
def test_what_names_no_time_zone_is_none(name: str) -> None:
    assert name not in time_zones.zones()
    assert time_zones.zone_named(name) is UTC
