"""What a thread asks of the system."""

import os
import sys
from threading import get_native_id

GIVES_WAY = 10  # nice(2): a tenth of the time of a core that somebody else wants as well


def give_way() -> None:
    """Have the system run other threads than this one first, when cores are short."""
    if sys.platform == "linux":  # elsewhere this would be the whole process
        os.setpriority(os.PRIO_PROCESS, get_native_id(), GIVES_WAY)
