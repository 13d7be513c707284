"""Time zones by the names that IANA gives them, and where their days begin."""

from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

DEFAULT_ZONE = "UTC"
NO_PLACES = {"Factory", "localtime"}
CONTINENTS = {
    "Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
}  # fmt: skip


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones (IANA) that this machine knows."""
    return frozenset(available_timezones() - NO_PLACES | {DEFAULT_ZONE})


def zone_named(name: str) -> tzinfo:
    """Return a time zone by its name; one that this machine does not know is UTC."""
    return ZoneInfo(name) if name != DEFAULT_ZONE and name in zones() else UTC


def beginning(day: date, zone: str) -> datetime:
    """Return the first moment of a day in a zone, also where its clocks are put forward at midnight; in UTC."""
    return datetime.combine(day, time(), zone_named(zone)).astimezone(UTC)


def day_of(at: datetime, zone: str) -> date:
    """Return the day of a moment in a zone."""
    return at.astimezone(zone_named(zone)).date()


@cache
def of_places() -> tuple[str, ...]:
    """Return the zones that somebody chooses from: those of a place on earth, in the order of their names, and UTC."""
    return (*sorted(name for name in zones() if name.partition("/")[0] in CONTINENTS and "/" in name), DEFAULT_ZONE)
