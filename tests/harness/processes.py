"""Processes that a test started: their family, their CPU time, their end. Only ever by the ids of our own children."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# Seconds until a test gives up on what should come: many, since a machine with other work is slow.
LONGEST = 60.0


def wait_until(met: Callable[[], bool], *, what: str, seconds: float = LONGEST, every: float = 0.02) -> None:
    """Wait for a condition; fail with its name after `seconds`."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            message = f"{what}: not within {seconds} s"
            raise TimeoutError(message)
        time.sleep(every)


def children(pid: int) -> list[int]:
    """Return the ids of the living children of a process, oldest first."""
    found = []
    for task in _glob(f"/proc/{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text().split()]
    return sorted(found)


def family(pid: int) -> list[int]:
    """Return a process and all its living descendants."""
    return [pid, *(member for child in children(pid) for member in family(child))]


def command_line(pid: int) -> str:
    """Return the command that a process runs, empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits to be collected does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, of a process, its descendants, and those of them that have ended."""
    ticks = sum(int(ticks) for member in family(pid) for ticks in _stat(member)[11:15])
    return ticks / TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    """Return the memory that one process holds (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def terminate(pid: int) -> None:
    """Ask a process to end, as a service manager does."""
    os.kill(pid, signal.SIGTERM)


def kill_family(pid: int) -> None:
    """Kill a process and all its descendants at once; it is held still first, so that it starts no more of them."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    kill(family(pid))


def kill(pids: Iterable[int]) -> None:
    """Kill processes at once, as a power cut would; they are gone when this returns."""
    pids = list(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids), what=f"the end of {pids}")


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on (proc(5)): 0 is the state, 11 to 14 the CPU times."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _glob(pattern: str) -> list[Path]:
    try:
        return list(Path("/").glob(pattern.removeprefix("/")))
    except OSError:
        return []
