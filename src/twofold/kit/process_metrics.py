"""What the processes of a node take of the machine, under the names that Prometheus has for a process (proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE")


class _Process(NamedTuple):
    cpu_seconds: float  # with that of its children that have ended
    started: float  # seconds since the system was
    resident_bytes: int


class ProcessMetrics(Collector):
    """CPU time and memory of this process and of all that it has started, added up.

    They live in a container or unit of their own, so they count for less apart than together; memory that they share
    counts for each of them.
    """

    def __init__(self) -> None:
        self._parent = os.getpid()

    def collect(self) -> Iterator[Metric]:
        """Look at them now."""
        found = [process for pid in _family(self._parent) if (process := _look_at(pid)) is not None]
        cpu, memory = sum(one.cpu_seconds for one in found), sum(one.resident_bytes for one in found)
        yield CounterMetricFamily("process_cpu_seconds", "CPU time of all processes of this node, in seconds.", cpu)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of all processes of this node.", memory)
        yield GaugeMetricFamily("twofold_processes", "Processes of this node.", len(found))
        if found:
            started = _system_started() + found[0].started
            yield GaugeMetricFamily("process_start_time_seconds", "When this node started, in seconds of UTC.", started)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text()
        except OSError:  # it ended meanwhile
            continue
        for child in found.split():
            yield from _family(int(child))


def _look_at(pid: int) -> _Process | None:
    try:
        said = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = said.rpartition(")")[2].split()  # the third and on: the second is a name that may hold anything
    return _Process(sum(map(int, fields[11:15])) * TICK, int(fields[19]) * TICK, int(fields[21]) * PAGE)


def _system_started() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)
