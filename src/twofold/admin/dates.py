"""Dates as administrators give them: a day means its beginning, in a time zone."""

from datetime import UTC, date, datetime

from twofold.kit import time_zones


def parse_moment(text: str, zone: str) -> datetime | None:
    """Read a day (2026-03-05, its beginning in a zone) or a moment (2026-03-05T09:00:00Z); None when it is neither."""
    try:
        if len(text) == len("2026-03-05"):
            return time_zones.beginning(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_day(moment: datetime | None, zone: str) -> str:
    """Write the day of a moment in a zone as a date field holds it."""
    return "" if moment is None else time_zones.day_of(moment, zone).isoformat()
