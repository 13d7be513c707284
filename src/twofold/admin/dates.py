"""Dates as administrators give them: a day means its beginning, in UTC."""

from datetime import UTC, date, datetime, time


def parse_moment(text: str) -> datetime | None:
    """Read a day (2026-03-05, its beginning in UTC) or a moment (2026-03-05T09:00:00Z); None when it is neither."""
    try:
        if len(text) == len("2026-03-05"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_day(moment: datetime | None) -> str:
    """Write the day of a moment as a date field holds it."""
    return "" if moment is None else moment.date().isoformat()
