"""What a thread asks of the system."""

import ctypes
import os
import sys
from threading import get_native_id

PROCESSES = "TWOFOLD_SERVING_PROCESSES"  # no setting: told to processes that serve, since they share the cores
M_ARENA_MAX = -8  # mallopt(3)
GIVES_WAY = 10  # nice(2): a tenth of the time of a core that somebody else wants as well


def give_way() -> None:
    """Have the system run other threads than this one first, when cores are short."""
    if sys.platform == "linux":  # elsewhere this would be the whole process
        os.setpriority(os.PRIO_PROCESS, get_native_id(), GIVES_WAY)


def share_one_arena() -> None:
    """Have glibc keep the memory of all threads together.

    By itself it gives each an arena, which keeps what its thread needed once: some 5 MiB in a server. Those that are
    there already stay.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, 1)
