"""The one place that reads the clock; everywhere else time is an argument."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def stopwatch() -> float:
    """Return seconds since some moment of the past, to measure durations: only differences mean anything."""
    return time.perf_counter()
