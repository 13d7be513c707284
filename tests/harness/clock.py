"""Fixed moments: tests hand them to what takes the time as an argument."""

from datetime import UTC, datetime, timedelta

STEP = timedelta(seconds=30)

# A Tuesday at noon, at the very start of a time step of 30 s.
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def later(*, at: datetime = NOON, **span: float) -> datetime:
    """Return a moment after another one: `later(minutes=10)`."""
    return at + timedelta(**span)


def step_start(at: datetime) -> datetime:
    """Return the start of the time step of 30 s in which a moment lies."""
    return datetime.fromtimestamp(at.timestamp() // 30 * 30, UTC)
