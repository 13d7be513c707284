"""Decoy letters, to addresses that no user has: processed like letters to users, and never in their way.

Somebody asks for a letter and then watches how quickly others are answered: what happens for an address that a user
has must happen for any other. So a decoy is claimed by the same polls, composed by the same statements, and handed over
to nobody (rehearsal.py), which takes as long as the mail server took for the letter before. But anybody can ask for a
hundred a second.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from twofold.kit import clock

A_SECOND = 5.0  # decoys a second
BURST = 10.0  # decoys at once, after a pause
AT_ONCE = 2  # threads
FIRST_GUESS = 0.1  # seconds, while no letter has been handed over
LONGEST = 2.0  # seconds: a mail server that hangs must not take the threads away


class Allowance:
    """A token bucket: how many decoys are processed a second, counting the letters that anybody can ask for.

    A letter to a user is never held back, but the next decoy then comes later: where anonymous requests ask without
    end, the same number is processed in every second, whichever addresses they name.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = BURST
        self._at: datetime | None = None
        self._in_hand = 0
        self._took = FIRST_GUESS

    @contextmanager
    def one(self, at: datetime) -> Iterator[bool]:
        """Tell whether a decoy may be processed now, and count it as one in progress while the block runs."""
        with self._lock:
            self._refill(at)
            free = self._left >= 1 and self._in_hand < AT_ONCE
            self._in_hand += free
        try:
            yield free
        finally:
            with self._lock:
                self._in_hand -= free

    def spend(self) -> None:
        """Take one from the bucket for a letter that anybody can ask for, decoy or not."""
        with self._lock:
            self._left = max(-BURST, self._left - 1)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Remember how long the mail server takes for a letter, up to two seconds."""
        began = clock.stopwatch()
        yield
        self._took = min(LONGEST, clock.stopwatch() - began)

    @contextmanager
    def as_long(self) -> Iterator[None]:
        """Let a block take as long as the mail server took last."""
        began = clock.stopwatch()
        yield
        time.sleep(max(0.0, self._took - (clock.stopwatch() - began)))

    def _refill(self, at: datetime) -> None:
        gone = 0.0 if self._at is None else max(0.0, (at - self._at).total_seconds())  # a clock may be set back
        self._left, self._at = min(BURST, self._left + gone * A_SECOND), at
