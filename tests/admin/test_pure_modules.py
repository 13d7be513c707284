"""The pure parts of the administrators' pages."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.admin.cursor import PeopleCursor
from twofold.admin.dates import as_day, parse_moment
from twofold.admin.user_filter import STATES
from twofold.admin.words import states, stopped
from twofold.directory.person_name import name_key, name_values, surname_key
from twofold.kit import cursors

ZONES = ("UTC", "Pacific/Auckland", "America/Los_Angeles", "America/Santiago", "America/Havana", "Pacific/Apia")
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


@given(st.builds(PeopleCursor, NAMES, st.uuids(), st.booleans()))
def test_a_cursor_comes_back_as_it_was_and_needs_no_escaping(cursor: PeopleCursor) -> None:
    text = cursors.write(cursor)
    assert cursors.read(text, PeopleCursor) == cursor
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@given(st.text(max_size=60))
def test_a_cursor_that_was_made_up_is_none(text: str) -> None:
    found = cursors.read(text, PeopleCursor)
    assert found is None or cursors.read(cursors.write(found), PeopleCursor) == found


@pytest.mark.parametrize(
    "packed",
    [b"[]", b'["a"]', b'["a","b",true]', b'["a\\u0000","' + str(UUID(int=1)).encode() + b'",true]', b"\xff"],
)
def test_a_cursor_of_another_shape_is_none(packed: bytes) -> None:
    assert cursors.read(base64.urlsafe_b64encode(packed).decode().rstrip("="), PeopleCursor) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-05", datetime(2026, 3, 5, tzinfo=UTC)),
        ("2026-03-05T09:00:00Z", datetime(2026, 3, 5, 9, tzinfo=UTC)),
        ("2026-03-05T09:00:00+02:00", datetime(2026, 3, 5, 7, tzinfo=UTC)),
        ("2026-03-05T09:00:00", None),  # in whose time?
        ("2026-02-30", None),
        ("0001-01-01T00:00:00+12:00", None),  # before the first year in UTC
        ("9999-12-31T23:00:00-12:00", None),
        ("05.03.2026", None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_day_means_its_beginning_and_a_moment_names_its_zone(text: str, moment: datetime | None) -> None:
    assert parse_moment(text, "UTC") == moment


@given(st.integers(0, 4_000_000_000), st.sampled_from(ZONES))
def test_a_day_that_is_shown_is_read_as_that_day(seconds: int, zone: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    begins = parse_moment(as_day(moment, zone), zone)
    assert begins is not None
    assert begins <= moment
    assert as_day(begins, zone) == as_day(moment, zone)
    assert as_day(begins - timedelta(microseconds=1), zone) < as_day(moment, zone)


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5)))))
def test_a_moment_is_read_in_utc(moment: datetime) -> None:
    read = parse_moment(moment.isoformat(), "Pacific/Auckland")
    assert read is None or (read == moment and read.tzinfo is UTC)


@pytest.mark.parametrize(
    ("name", "key", "surname"),
    [
        ("Ada Lovelace", "ada lovelace", "lovelace"),
        ("  ADA   LOVELACE ", "ada lovelace", "lovelace"),
        ("Kurt Gödel", "kurt godel", "godel"),
        ("Ångström", "angstrom", None),
        ("Straße", "strasse", None),
        ("\uff26\uff55\uff4c\uff4c Width", "full width", "width"),
    ],
)
def test_names_are_sorted_and_searched_without_accents_and_capitals(name: str, key: str, surname: str | None) -> None:
    assert (name_key(name), surname_key(name)) == (key, surname)
    assert name_values(name) == {"name": name.strip(), "name_key": key, "surname_key": surname}


@given(NAMES)
def test_the_key_of_a_key_is_itself(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


def test_the_page_offers_every_state_there_is() -> None:
    assert {state for state, _ in states()} == set(STATES)


STOPPED = "From now on, %d of 5 people will have to set up two-factor authentication before they can go on. %s"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 5, 0), "Nobody is stopped: everybody the policy applies to has two-factor authentication."),
        ((2, 5, 0), STOPPED % (2, "None of them is an administrator.")),
        ((1, 5, 1), STOPPED % (1, "1 of them is an administrator.")),
    ],
)
def test_a_preview_says_how_many_and_how_many_administrators(numbers: tuple[int, int, int], words: str) -> None:
    assert stopped(*numbers, at_once=True, day="") == words
    ahead = stopped(3, 5, 2, at_once=False, day="5 March 2027")
    assert ahead.startswith("From 5 March 2027 on, 3 of 5 people")
    assert ahead.endswith("2 of them are administrators.")
