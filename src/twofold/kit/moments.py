"""Moments as people read them: the one place where a moment becomes words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name

from twofold.kit import clock
from twofold.kit.time_zones import DEFAULT_ZONE, day_of, zone_named

LANGUAGES = ("en-GB", "en-US")


class Reader(NamedTuple):
    """In which language (BCP 47) and zone somebody reads moments; a zone that may not be theirs is always named."""

    language: str = LANGUAGES[0]
    zone: str = DEFAULT_ZONE
    zone_is_theirs: bool = False


class Choices(NamedTuple):
    """What a user has chosen (None: nothing), and the time zone of their account."""

    language: str | None = None
    zone: str | None = None
    account_zone: str = DEFAULT_ZONE


_reader: ContextVar[Callable[[], Reader]] = ContextVar("reader", default=Reader)


@contextmanager
def read_by(reader: Callable[[], Reader]) -> Iterator[None]:
    """Say who reads what is rendered meanwhile; they are asked for only where a moment is told."""
    before = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(before)


def moment(at: datetime, reader: Reader | None = None) -> str:
    """Say a moment as a person does: the hour today, with the date on other days."""
    reader = reader or _reader.get()()
    said = _said(at, reader)
    return said if reader.zone_is_theirs else f"{said} {zone_name(at, reader)}"


def deadline(at: datetime, reader: Reader | None = None) -> str:
    """Say a moment that something depends on: the same, and its zone in any case."""
    reader = reader or _reader.get()()
    return f"{_said(at, reader)} {zone_name(at, reader)}"


def dated(at: datetime, reader: Reader | None = None) -> str:
    """Say a moment with its date and its zone, for what may be read days later and anywhere."""
    reader = reader or _reader.get()()
    return f"{_with_date(at, reader)} {zone_name(at, reader)}"


def exact(at: datetime) -> str:
    """Say the time of day of a moment to the second, below a heading that names its day and its zone."""
    reader = _reader.get()()
    return format_time(at, "medium", tzinfo=zone_named(reader.zone), locale=_locale(reader))


def day(at: datetime | date) -> str:
    """Say the day of a moment, or a day."""
    reader = _reader.get()()
    of = day_of(at, reader.zone) if isinstance(at, datetime) else at
    return format_date(of, "long", locale=_locale(reader))


def place(zone: str) -> str:
    """Say the name of a time zone (IANA) as somebody chooses it."""
    return zone_name(clock.now(), Reader()) if zone == DEFAULT_ZONE else zone.replace("_", " ")


def zone_name(at: datetime, reader: Reader) -> str:
    """Say which zone a moment is told in, as it is called on that day: Central European Summer Time."""
    return get_timezone_name(at.astimezone(zone_named(reader.zone)), locale=_locale(reader))


def preferred_language(header: str) -> str:
    """Choose one of our languages by what a browser asks for (Accept-Language, RFC 9110 section 12.5.4)."""
    asked = [part.partition(";")[0].strip().lower() for part in header.split(",")]
    return next((ours for tag in asked for ours in LANGUAGES if tag == ours.lower()), LANGUAGES[0])


def _said(at: datetime, reader: Reader) -> str:
    is_today = day_of(at, reader.zone) == day_of(clock.now(), reader.zone)
    return _hour(at, reader) if is_today else _with_date(at, reader)


def _hour(at: datetime, reader: Reader) -> str:
    return format_time(at, "short", tzinfo=zone_named(reader.zone), locale=_locale(reader))


def _with_date(at: datetime, reader: Reader) -> str:
    day_said = format_date(day_of(at, reader.zone), "long", locale=_locale(reader))
    return f"{day_said}, {_hour(at, reader)}"


@cache
def _locale_of(language: str) -> Locale:
    return Locale.parse(language, sep="-")


def _locale(reader: Reader) -> Locale:
    return _locale_of(reader.language if reader.language in LANGUAGES else LANGUAGES[0])
