"""The clock, for the edge, commands and jobs: to flows time is an argument. Ids read it themselves (tokens.py)."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def stopwatch() -> float:
    """Return seconds since some moment of the past, to measure durations: only differences mean anything."""
    return time.perf_counter()
