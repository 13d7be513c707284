"""What a thread asks of the system."""

import ctypes
import os
import sys
from threading import get_native_id

PROCESSES = "TWOFOLD_SERVING_PROCESSES"  # no setting: told to processes that serve, since they share the cores
M_ARENA_MAX = -8  # mallopt(3)
GIVES_WAY = 10  # nice(2): a tenth of the time of a core that the process's other threads want as well
LEAST_PRIORITY = 19


def give_way() -> None:
    """Have the system run other threads of this process before this one, when cores are short.

    Whoever started the process may have lowered its priority already, and whoever started this thread may give way.
    """
    if sys.platform == "linux":  # elsewhere this would be the whole process
        others = os.getpriority(os.PRIO_PROCESS, os.getpid())  # of its main thread
        os.setpriority(os.PRIO_PROCESS, get_native_id(), min(others + GIVES_WAY, LEAST_PRIORITY))


def share_one_arena() -> None:
    """Have glibc keep the memory of all threads together.

    By itself it gives each an arena, which keeps what its thread needed once: some 5 MiB in a server. Those that are
    there already stay.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, 1)
