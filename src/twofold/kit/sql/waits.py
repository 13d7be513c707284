"""Measuring how long threads wait for the database: for a connection, for their turn to write, for their share."""

from collections.abc import Iterator
from contextlib import contextmanager

from twofold.kit import clock, metrics


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Measure a wait: whoever waits for nothing pays nothing for it."""
    started = clock.stopwatch()
    try:
        yield
    finally:
        metrics.database_wait_seconds.labels(what).observe(clock.stopwatch() - started)
