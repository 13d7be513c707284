"""A node that is told to stop: it says so first, and goes on serving until whoever sends it requests has noticed.

A balancer that asks `/readyz` every few seconds would otherwise send requests to a closed port in between.
"""

import signal
import threading
from datetime import timedelta
from types import FrameType
from typing import Any

_told = threading.Event()  # of the process, as signals are


def is_leaving() -> bool:
    """Tell whether this process was told to stop."""
    return _told.is_set()


def say_so_first(notice: timedelta) -> None:
    """Let whatever ends this process at SIGTERM do so `notice` later; a second SIGTERM, or Ctrl-C, ends it at once."""
    ends: Any = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(ends):
        return  # not a server process: no signal comes here

    def told(number: int, frame: FrameType | None) -> None:
        if _told.is_set() or not notice:
            _told.set()
            ends(number, frame)
            return
        _told.set()
        later = threading.Timer(notice.total_seconds(), ends, (number, frame))
        later.daemon = True
        later.start()

    signal.signal(signal.SIGTERM, told)
