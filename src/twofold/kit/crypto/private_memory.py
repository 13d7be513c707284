"""Keeping what this process holds in memory from others of the same user, and off the disk.

Its memory holds the key ring, the database's password, and for moments what people type. A core dump writes all of that
to a disk, for a service that collects them and for whoever reads its folder; `ptrace` and `/proc/PID/mem` show it to
every process of the same user. docs/threat-model.md says what this holds and what not.
"""

import ctypes
import resource

PR_SET_DUMPABLE = 4  # prctl(2)


def keep() -> None:
    """Let nobody but root look into this process, and let it leave no core dump. Programs that it starts begin anew.

    The limit alone would not do: a kernel that pipes core dumps into a program does not look at it (core(5)). Where the
    system is not Linux the limit is all there is.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
