"""Measuring how long threads wait for the database: for a connection, for the right to write, for their share."""

from collections.abc import Iterator
from contextlib import contextmanager

from twofold.kit import clock, metrics


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Measure the seconds of a wait, labelled `what`: only where a thread really waits."""
    started = clock.stopwatch()
    try:
        yield
    finally:
        metrics.database_wait_seconds.labels(what).observe(clock.stopwatch() - started)
